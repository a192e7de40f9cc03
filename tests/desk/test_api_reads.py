"""The JSON API: what is read, and that reading costs the same however much there is."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from incidentdesk.kernel import clock
from tests.desk.api import error, found, led
from tests.desk.bodies import CHANGE
from tests.desk.doors import PROGRAM, asks, token
from tests.factories import commander, do, make_client, make_incident, make_service, minutes
from tests.people.factories import make_team, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_counters")]

API_DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def test_the_description_of_the_api_names_every_act_with_its_body() -> None:
    from desk.registry import every_act

    described = Client().get("/api/openapi.json").json()

    for noun in every_act():
        operation = described["paths"][f"/api/v1/incidents/{{incident}}/{noun}"]["post"]
        assert operation["requestBody"]["content"]["application/json"]["schema"]["type"] == "object"
        assert "Idempotency-Key" in [each["name"] for each in operation["parameters"]]
        assert operation["security"]


def test_the_list_goes_on_where_it_ended_whatever_was_opened_meanwhile() -> None:
    user = commander()
    made = [make_incident(by=user, declared_at=clock.now() - minutes(9 - n)) for n in range(5)]
    text = token(user)

    first = found(asks(text, "/incidents", limit=2))
    make_incident(by=user, declared_at=clock.now())
    second = found(asks(text, "/incidents", limit=2, after=first["next"]))
    third = found(asks(text, "/incidents", limit=2, after=second["next"]))

    keys = [row["key"] for page in (first, second, third) for row in page["incidents"]]
    assert keys == [incident.key for incident in reversed(made)]
    assert third["next"] is None


def test_the_list_is_narrowed_by_words_status_and_severity() -> None:
    user = commander()
    make_incident(by=user, severity=1, title="Disk of the ledger is full")
    make_incident(by=user, severity=3, title="Slow search")
    text = token(user)

    def titles(**query: Any) -> list[str]:
        return [row["title"] for row in found(asks(text, "/incidents", **query))["incidents"]]

    assert titles(q="disks") == ["Disk of the ledger is full"]
    assert titles(severity=3) == ["Slow search"]
    assert titles(status="resolved") == []
    assert len(titles(status="active")) == 2
    assert asks(text, "/incidents", limit="many").status_code == 422


def test_one_incident_tells_readings_milestones_seats_and_changes_by_public_names() -> None:
    incident, ic = led()
    do(incident, "changes", ic, clock.now(), **CHANGE)

    told = found(asks(token(ic), f"/incidents/{incident.uid}"))

    assert told == found(asks(token(ic), f"/incidents/{incident.key}")) | {"readings": told["readings"]}
    assert {"declared", "ic"} <= set(told["milestones"]) or "declared" in told["milestones"]
    assert [(seat["seat"], seat["holder"]["uid"]) for seat in told["seats"]] == [("ic", str(ic.uid))]
    assert [(each["number"], each["state"], each["requester"]["name"]) for each in told["changes"]] == [
        (1, "proposed", ic.name)
    ]
    assert {reading["clock"] for reading in told["readings"]} >= {"ic", "decision"}
    assert "approve_change" in told["rights"]


def test_a_seat_that_was_offered_is_read_as_the_description_says() -> None:
    incident, ic = led()
    dana = commander("Dana")
    do(incident, "handovers", ic, clock.now(), seat="ic", person=dana.uid, text="brief")

    told = found(asks(token(ic), f"/incidents/{incident.uid}"))
    said = Client().get("/api/openapi.json").json()["paths"]["/api/v1/incidents/{incident}"]["get"]

    (offer,) = told["offers"]
    assert (offer["seat"], offer["to"]["uid"], offer["by"]["uid"]) == ("ic", str(dana.uid), str(ic.uid))
    for words in (said["description"], API_DOCUMENT.read_text(encoding="utf-8")):
        assert all(f"`{name}`" in words for name in ("offers", *offer))


def test_the_timeline_is_read_to_its_end_without_a_gap_and_names_no_row_of_a_table() -> None:
    lead = make_user("Lea", roles=["manager"])
    make_service(team=make_team(manager=lead))
    incident, ic = led()
    ops = commander("Omar")
    do(incident, "seats", ic, clock.now(), role="ops", person=ops.uid)
    do(incident, "impact", ic, clock.now(), users=10)
    do(incident, "bridge", ic, clock.now(), link="https://bridge.example/7")
    text = token(ic)

    read: list[Any] = []
    while page := found(asks(text, f"/incidents/{incident.uid}/timeline", after=len(read), limit=3))[
        "entries"
    ]:
        read += page

    assert [entry["seq"] for entry in read] == list(range(1, incident.seq + 1))
    named = next(entry for entry in read if entry["kind"] == "seat.named")
    assert named["payload"]["user"] == {"uid": str(ops.uid), "name": "Omar"}
    assert named["author"]["uid"] == str(ic.uid)
    assert named["sentence"] == f"{ic.name} named Omar Ops Lead."
    told = next(entry for entry in read if entry["kind"] == "lead.told")
    assert told["payload"]["users"] == [{"uid": str(lead.uid), "name": "Lea"}]
    assert next(entry for entry in read if entry["kind"] == "impact.stated")["payload"]["users"] == 10
    joined = [
        each
        for each in found(asks(text, f"/incidents/{incident.uid}/clocks"))["readings"]
        if each["clock"] == "joined"
    ]
    assert str(ops.uid) in [each["subject"]["uid"] for each in joined]
    opened = read[0]["payload"]
    assert opened["services"][0].keys() == {"slug", "name"}
    assert read[-1]["recorded_at"].endswith("Z")


def test_reading_costs_the_same_number_of_queries_however_much_there_is(
    django_assert_max_num_queries: Any,
) -> None:
    incident, ic = led()
    text = token(ic)
    places = (
        "/incidents",
        f"/incidents/{incident.uid}",
        f"/incidents/{incident.uid}/timeline",
        "/services",
        "/people",
    )
    for n in range(6):
        other = make_incident(by=commander(), severity=3, service=make_service(f"Service {n}"))
        do(other, "entries", ic, clock.now(), kind="note", text="x")
        do(incident, "entries", commander(), clock.now(), kind="note", text="x")

    for place in places:
        with django_assert_max_num_queries(14):
            found(asks(text, place))


def test_updates_clocks_alerts_and_the_catalogue_can_be_read() -> None:
    incident, ic = led()
    make_client()
    text = token(ic)

    assert found(asks(text, f"/incidents/{incident.uid}/updates")) == {"updates": []}
    assert found(asks(text, f"/incidents/{incident.uid}/alerts")) == {"alerts": [], "pages": []}
    assert found(asks(text, f"/incidents/{incident.uid}/clocks"))["readings"]
    assert [each["slug"] for each in found(asks(text, "/services"))["services"]] == ["ledger"]
    assert [each["name"] for each in found(asks(text, "/clients"))["clients"]] == ["Kestrel Bank"]
    assert str(ic.uid) in [each["uid"] for each in found(asks(text, "/people"))["people"]]
    assert "email" not in json.dumps(found(asks(text, "/people")))


def test_an_update_is_read_with_what_became_of_each_delivery() -> None:
    incident, ic = led()
    do(
        incident,
        "updates",
        ic,
        clock.now(),
        audiences=["executives", "responders"],
        impact="Writes fail",
        known="Disk full",
        status="mitigating",
    )

    (update,) = found(asks(token(ic), f"/incidents/{incident.uid}/updates"))["updates"]

    assert {text["audience"] for text in update["texts"]} == {"executives", "responders"}
    assert (update["status"], {text["status"] for text in update["texts"]}) == (
        incident.status,
        {"mitigating"},
    )
    assert all(
        {"state", "to", "attempts"} <= each.keys() for text in update["texts"] for each in text["deliveries"]
    )


@pytest.mark.parametrize(
    "query",
    [
        "after=x", "after=%00", "limit=0", "limit=1e9", "limit=-1", "severity=9", "severity=NaN", "q=%00%ff", "status=%00",
        "q=" + "%22" * 150, "q=" + "a+" * 90, "q=!!!&kind=%ed%a0%80", f"after={'0' * 8}-0000-4000-8000-{'0' * 12}",
    ],
)  # fmt: skip
def test_no_query_breaks_the_list(query: str) -> None:
    answer = PROGRAM.get(
        f"/api/v1/incidents?{query}", headers={"Authorization": f"Bearer {token(commander())}"}
    )

    assert answer.status_code in (200, 422), answer.content
    assert answer.status_code == 200 or error(answer)["fields"]
