"""The JSON API: who gets in, what they read, what they may do, and how it says no."""

import json
import random
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.core.cache import caches
from django.db import OperationalError
from django.test import Client

from incidentdesk.kernel import clock
from incidents.models import Incident, TimelineEntry
from people.models import User
from tests.desk.doors import PROGRAM, asks, sends, signed_in, token
from tests.factories import commander, do, make_client, make_incident, make_service, minutes, new_id
from tests.people.factories import make_team, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_counters() -> None:
    caches["redis"].clear()


def found(response: Any) -> Any:
    assert response.status_code == 200, response.content
    return json.loads(response.content)


def error(response: Any) -> Any:
    return json.loads(response.content)["error"]


def led(severity: int = 1) -> tuple[Incident, User]:
    """An incident with an IC."""
    ic = commander()
    incident = make_incident(by=ic, severity=severity, declared_at=clock.now() - minutes(5))
    do(incident, "seats", ic, clock.now(), role="ic")
    return incident, ic


# ---- who gets in


def test_unknown_revoked_expired_and_missing_tokens_and_a_session_get_the_same_bytes() -> None:
    from people import tokens
    from people.models import ApiToken

    user = commander()
    revoked = token(user)
    tokens.revoke(ApiToken.objects.get(user=user), now=clock.now())
    expired = token(user, lasts=timedelta(hours=1), now=clock.now() - timedelta(hours=2))
    gone = commander("Gone")
    of_the_gone = token(gone)
    User.objects.filter(pk=gone.pk).update(is_active=False)

    answers = [
        asks(text, "/incidents") for text in ("", "idesk_nothing", revoked, expired, of_the_gone, "a" * 5_000)
    ]
    answers += [Client().get("/api/v1/incidents"), signed_in(user).get("/api/v1/incidents")]
    answers += [Client().get("/api/v1/incidents", {"token": token(user)})]
    answers += [Client().get("/api/v1/incidents", headers={"Authorization": f"Basic {token(user)}"})]

    assert {(each.status_code, each.content) for each in answers} == {(401, answers[0].content)}
    assert error(answers[0])["code"] == "no_token"


def test_a_token_does_what_its_scopes_say_and_no_more() -> None:
    user = commander()
    incident = make_incident(by=user)
    reads, writes = token(user, "incidents:read"), token(user, "incidents:write")

    assert asks(reads, f"/incidents/{incident.uid}").status_code == 200
    assert asks(writes, f"/incidents/{incident.uid}").status_code == 403
    assert (
        sends(reads, f"/incidents/{incident.uid}/entries", {"kind": "note", "text": "x"}).status_code == 403
    )
    assert (
        sends(writes, f"/incidents/{incident.uid}/entries", {"kind": "note", "text": "x"}).status_code == 200
    )


def test_a_token_that_asks_too_often_is_told_to_wait(settings: Any) -> None:
    settings.API_PER_MINUTE = 3
    text = token(commander())

    statuses = [asks(text, "/incidents").status_code for _ in range(4)]
    refused = asks(text, "/incidents")

    assert statuses[:3] == [200] * 3
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 60


def test_without_redis_nobody_is_held_up_and_it_is_left_alone_for_a_while(settings: Any) -> None:
    settings.API_PER_MINUTE = 1
    text = token(commander())

    with (
        patch.object(caches["redis"], "add", side_effect=ConnectionError) as asked,
        patch("desk.api.limits._rests_until", 0.0),
    ):
        statuses = [asks(text, "/incidents").status_code for _ in range(5)]

    assert statuses == [200] * 5
    assert asked.call_count == 1


def test_a_right_that_was_taken_away_is_gone_at_the_next_request() -> None:
    user = commander()
    incident = make_incident(by=user)
    text, browser = token(user), signed_in(user)
    address = f"/incidents/{incident.key}/entries/"
    assert asks(text, f"/incidents/{incident.uid}").status_code == 200

    User.objects.filter(pk=user.pk).update(roles=["client_contact"])
    assert asks(text, f"/incidents/{incident.uid}").status_code == 404
    assert browser.post(address, {"kind": "note", "text": "x", "request_id": "1"}).status_code == 404

    User.objects.filter(pk=user.pk).update(is_active=False)
    assert asks(text, f"/incidents/{incident.uid}").status_code == 401
    assert browser.post(address, {"kind": "note", "text": "x", "request_id": "1"}).status_code == 302


def test_the_description_of_the_api_names_every_act_with_its_body() -> None:
    from desk.registry import every_act

    described = Client().get("/api/openapi.json").json()

    for noun in every_act():
        operation = described["paths"][f"/api/v1/incidents/{{incident}}/{noun}"]["post"]
        assert operation["requestBody"]["content"]["application/json"]["schema"]["type"] == "object"
        assert "Idempotency-Key" in [each["name"] for each in operation["parameters"]]
        assert operation["security"]


# ---- what is read


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
    change = {"what": "Fail over", "target": "ledger", "why": "disk", "effect": "writes", "undo": "fail back"}
    do(incident, "changes", ic, clock.now(), **change)

    told = found(asks(token(ic), f"/incidents/{incident.uid}"))

    assert told == found(asks(token(ic), f"/incidents/{incident.key}")) | {"readings": told["readings"]}
    assert {"declared", "ic"} <= set(told["milestones"]) or "declared" in told["milestones"]
    assert [(seat["seat"], seat["holder"]["uid"]) for seat in told["seats"]] == [("ic", str(ic.uid))]
    assert [(each["number"], each["state"], each["requester"]["name"]) for each in told["changes"]] == [
        (1, "proposed", ic.name)
    ]
    assert {reading["clock"] for reading in told["readings"]} >= {"ic", "decision"}
    assert "approve_change" in told["rights"]


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
    )

    (update,) = found(asks(token(ic), f"/incidents/{incident.uid}/updates"))["updates"]

    assert {text["audience"] for text in update["texts"]} == {"executives", "responders"}
    assert all(
        {"state", "to", "attempts"} <= each.keys() for text in update["texts"] for each in text["deliveries"]
    )


@pytest.mark.ledger("RBAC-21")
def test_the_bridge_link_and_revenue_are_rights_of_their_own() -> None:
    ic = commander()
    service = make_service(bridge="https://bridge.example/7", revenue_per_hour=38_400)
    incident = make_incident(by=ic, service=service)
    do(incident, "seats", ic, clock.now(), role="ic")
    do(incident, "impact", ic, clock.now(), revenue=1234567)
    manager, engineer = make_user("Mia", roles=["manager"]), make_user("Eve", roles=["engineer"])

    def everything(user: User) -> str:
        text = token(user)
        places = ("", "/timeline")
        return "".join(
            asks(text, f"/incidents/{incident.uid}{place}").content.decode() for place in places
        ) + (asks(text, "/services").content.decode())

    assert "bridge.example" in everything(engineer)
    assert "bridge.example" not in everything(manager)
    assert "1234567" in everything(manager)
    assert "1234567" not in everything(engineer)
    assert "38400" not in everything(engineer)


# ---- who may not know


@pytest.mark.ledger("RBAC-01")
def test_outside_the_room_there_is_the_summary_and_not_a_byte_more() -> None:
    incident, ic = led()
    planted = ["SECRET-NOTE", "SECRET-SOURCE", ic.email, "Kestrel Bank", "SECRET-INTERNAL"]
    make_client()
    do(incident, "entries", ic, clock.now(), kind="finding", text=planted[0], source=planted[1], value="1")
    do(incident, "scope", ic, clock.now(), clients=["kestrel-bank"], regions="eu")
    do(
        incident,
        "updates",
        ic,
        clock.now(),
        audiences=["responders"],
        known="SECRET-INTERNAL",
        impact="Writes fail",
    )
    do(
        incident,
        "updates",
        ic,
        clock.now(),
        audiences=["executives"],
        business="Revenue is safe",
        impact="Writes fail",
    )
    executive = make_user("Ed", roles=["executive"])
    text = token(executive)

    summary = asks(text, f"/incidents/{incident.uid}")
    listed = asks(text, "/incidents")
    hidden = [
        asks(text, f"/incidents/{incident.uid}/{part}")
        for part in ("timeline", "updates", "clocks", "alerts")
    ]
    hidden += [asks(text, f"/{part}") for part in ("people", "clients")]
    hidden += [sends(text, f"/incidents/{incident.uid}/entries", {"kind": "note", "text": "hello"})]

    everything = b"".join(each.content for each in [summary, listed, *hidden]).decode()
    assert summary.status_code == listed.status_code == 200
    assert [each["audience"] for each in found(summary)["updates"]] == ["executives"]
    assert {each.status_code for each in hidden} <= {403, 404}
    assert [secret for secret in planted if secret in everything] == []


@pytest.mark.parametrize("roles", [["client_contact"], [], ["spectator"]])
def test_who_may_not_see_an_incident_gets_the_bytes_of_a_missing_one(roles: list[str]) -> None:
    incident, _ = led()
    text = token(make_user("Nobody", roles=roles))
    parts = ["/timeline", "/clocks", "/updates", "/alerts"] + ([] if roles == ["spectator"] else [""])

    for part in parts:
        hidden = asks(text, f"/incidents/{incident.uid}{part}")
        missing = asks(text, f"/incidents/{new_id()}{part}")
        assert hidden.status_code == missing.status_code == 404
        assert hidden.content == missing.content
    hidden = sends(text, f"/incidents/{incident.uid}/entries", {"kind": "note", "text": "x"})
    missing = sends(text, f"/incidents/{new_id()}/entries", {"kind": "note", "text": "x"})
    assert (
        (hidden.status_code, hidden.content)
        == (missing.status_code, missing.content)
        == (404, hidden.content)
    )


@pytest.mark.parametrize(
    "address", ["INC-2026-9999", "nonsense", "%00", "..%2f", "1", "INC-2026-0001%00", "%ff%fe"]
)
def test_addresses_that_mean_nothing_are_simply_missing(address: str) -> None:
    text = token(commander())

    answers = [
        asks(text, f"/incidents/{address}"),
        sends(text, f"/incidents/{address}/entries", {}),
        asks(text, "/nothing"),
    ]

    assert {each.status_code for each in answers} == {404}
    assert {each.content for each in answers} == {answers[0].content}


# ---- writing


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
