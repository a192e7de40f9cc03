"""The JSON API: what may be done, how it says no, and that no body breaks it."""

import random
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError

from incidents.models import Incident, TimelineEntry
from tests.desk.api import error, found, led
from tests.desk.doors import asks, sends, token
from tests.factories import commander, make_service

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_counters")]


def test_declaring_answers_with_the_incident_and_twice_with_one_key_is_once() -> None:
    service = make_service()
    text = token(commander())
    body = {"severity": 1, "symptom": "writes fail", "services": [service.slug]}

    first, second = (sends(text, "/incidents", body, key="declare-1") for _ in range(2))

    assert found(first) == found(second)
    assert found(first)["kind"] == "declared"
    assert found(first)["incident"] == str(Incident.objects.get().uid)


def test_a_write_answers_with_its_entry_and_the_version_it_made() -> None:
    incident, ic = led()

    answer = found(sends(token(ic), f"/incidents/{incident.key}/objectives", {"text": "Writes work again"}))

    assert answer["incident"] == str(incident.uid)
    assert (answer["kind"], answer["seq"]) == ("objective.set", answer["version"])
    assert answer["sentence"]
    assert answer["warnings"] == []


@pytest.mark.parametrize("key", ["", " ", "a" * 81, "ä", "two words"])
def test_a_write_without_a_key_of_its_own_is_refused_in_a_sentence(key: str) -> None:
    incident, ic = led()

    refused = sends(token(ic), f"/incidents/{incident.uid}/objectives", {"text": "x"}, key=key)

    assert refused.status_code == 400
    assert "Idempotency-Key" in error(refused)["sentence"]


def test_a_refusal_names_every_gate_with_its_sentence() -> None:
    incident, ic = led()

    refused = sends(token(ic), f"/incidents/{incident.uid}/resolutions", {})

    assert refused.status_code == 422
    said = error(refused)
    assert said["code"] == "refused"
    assert said["sentence"] == said["blocks"][0]["sentence"]
    assert all(block["id"] and block["sentence"] for block in said["blocks"])


def test_fields_that_do_not_fit_are_named_one_by_one() -> None:
    incident, ic = led()

    refused = sends(token(ic), f"/incidents/{incident.uid}/severity", {"severity": "high", "reason": ""})

    assert refused.status_code == 422
    assert error(refused)["fields"].keys() == {"severity", "reason"}


def test_who_was_faster_is_named_with_the_fresh_version() -> None:
    incident, ic = led()
    text = token(ic)
    seen = incident.state["severity_seq"]
    assert (
        sends(
            text,
            f"/incidents/{incident.uid}/severity",
            {"severity": 2, "reason": "fewer", "seen_version": seen},
        ).status_code
        == 200
    )

    stale = sends(
        text, f"/incidents/{incident.uid}/severity", {"severity": 3, "reason": "gone", "seen_version": seen}
    )

    incident.refresh_from_db()
    assert stale.status_code == 409
    assert ic.name in error(stale)["sentence"]
    assert error(stale)["version"] == incident.state["severity_seq"]


def test_a_database_that_is_away_is_a_sentence_and_a_try_again() -> None:
    incident, ic = led()

    with patch("desk.api.acts.perform", side_effect=OperationalError("server closed the connection")):
        away = sends(token(ic), f"/incidents/{incident.uid}/objectives", {"text": "x"})

    assert away.status_code == 503
    assert away["Retry-After"]
    assert error(away)["code"] == "unavailable"
    assert error(away)["reference"]
    assert "connection" not in away.content.decode()


def test_what_breaks_shows_a_reference_and_nothing_of_itself() -> None:
    incident, ic = led()

    with patch("desk.api.acts.perform", side_effect=RuntimeError("the secret cause")):
        broken = sends(token(ic), f"/incidents/{incident.uid}/objectives", {"text": "x"})

    assert broken.status_code == 500
    assert error(broken)["reference"]
    assert "secret cause" not in broken.content.decode()


def test_a_body_that_is_too_large_is_refused_as_such() -> None:
    incident, ic = led()

    refused = sends(
        token(ic), f"/incidents/{incident.uid}/objectives", b'{"text": "' + b"x" * 300_000 + b'"}'
    )

    assert refused.status_code == 413


HOSTILE: list[Any] = [
    None, True, [], {}, "", "\x00", "\ud800", "x" * 9_000, -1, 0, 2**31, 2**63, 10**40, 1e308, float("nan"), float("inf"),
    "2026-13-45T99:99", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-03-14T02:47:00",
    ["\x00"], [None], {"a": {"b": []}}, {"\x00": "ticked"}, {"../x": "done"}, "‮evil", "' OR 1=1 --", "{{7*7}}", "%s",
]  # fmt: skip


def test_no_body_whatever_breaks_an_act() -> None:
    from desk.registry import every_act

    incident, ic = led()
    text = token(ic)
    dice = random.Random(20260314)
    raw = [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b"\xff\xfe",
        b'{"text": "\\u0000"}',
        b'{"text": "\\udfff"}',
        b'{"number": 1e400}',
    ]
    statuses: dict[int, int] = {}
    with patch("desk.api.limits.count"):
        for noun, flow in every_act().items():
            names = [*flow.form.model_fields, "unknown"]
            bodies = [
                *raw,
                *({dice.choice(names): dice.choice(HOSTILE) for _ in range(4)} for _ in range(4)),
                *(dict.fromkeys(names, value) for value in dice.sample(HOSTILE, 4)),
            ]
            for body in bodies:
                response = sends(text, f"/incidents/{incident.uid}/{noun}", body)
                statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
                assert response.status_code < 500, (noun, body, response.content)
                assert response.status_code == 200 or error(response)["sentence"], (noun, body)

    assert set(statuses) <= {200, 400, 403, 404, 409, 422}
    seqs = list(TimelineEntry.objects.filter(incident=incident).order_by("seq").values_list("seq", flat=True))
    assert seqs == list(range(1, len(seqs) + 1))
    read: list[Any] = []
    while page := found(asks(text, f"/incidents/{incident.uid}/timeline", after=len(read), limit=200))[
        "entries"
    ]:
        read += page
    assert len(read) == len(seqs)
    assert all(entry["sentence"] for entry in read)
    assert asks(text, f"/incidents/{incident.uid}").status_code == 200
