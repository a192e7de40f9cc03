"""A method that an address of the API does not take is refused in the shape of every other refusal."""

import json

import pytest

from incidentdesk.kernel import clock
from tests.desk.bodies import body
from tests.desk.doors import PROGRAM, asks, sends, token
from tests.factories import commander, make_incident, minutes

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "takes"),
    [("/api/v1/incidents", {"GET", "POST"}), ("/api/v1/people", {"GET"}), ("/api/openapi.json", {"GET", "HEAD"})],
)  # fmt: skip
def test_a_method_that_is_not_taken_is_a_sentence_and_names_those_that_are(
    path: str, takes: set[str]
) -> None:
    text = token(commander())

    answer = PROGRAM.delete(path, headers={"Authorization": f"Bearer {text}"})

    error = json.loads(answer.content)["error"]
    assert (answer.status_code, error["code"]) == (405, "method_not_allowed")
    assert set(answer.headers["Allow"].split(", ")) == takes
    assert error["sentence"].startswith("There is no DELETE here; this address takes ")


def test_an_address_with_a_last_slash_is_answered_as_the_one_without() -> None:
    sarah = commander("Sarah")
    incident = make_incident(by=sarah, declared_at=clock.now() - minutes(5))
    text = token(sarah)

    read = asks(text, f"/incidents/{incident.uid}/")
    noted = sends(text, f"/incidents/{incident.uid}/entries/", body("entries", other=sarah))
    missing = asks(text, "/nothing/")

    assert (read.status_code, noted.status_code, missing.status_code) == (200, 200, 404)
