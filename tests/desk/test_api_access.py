"""The JSON API: who gets in, and who may not know what is there."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.core.cache import caches
from django.test import Client

from comms.models import Message
from desk import bad_tokens
from incidentdesk.kernel import clock
from people.models import User
from tests.desk.api import error, found, led
from tests.desk.bodies import CHANGE
from tests.desk.doors import PROGRAM, asks, sends, signed_in, token
from tests.factories import commander, do, make_client, make_incident, make_service, minutes, new_id
from tests.people.factories import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_counters")]


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


def test_an_address_that_keeps_coming_with_tokens_that_open_nothing_is_slowed_and_nobody_else() -> None:
    guesses = [asks(f"idesk_{n}", "/incidents") for n in range(bad_tokens.LIMIT)]

    slowed = asks("idesk_more", "/incidents")

    assert {each.status_code for each in guesses} == {401}
    assert (slowed.status_code, slowed["Retry-After"]) == (429, "60")
    assert asks(token(commander()), "/incidents").status_code == 200
    elsewhere = PROGRAM.get(
        "/api/v1/incidents", headers={"Authorization": "Bearer x"}, REMOTE_ADDR="192.0.2.9"
    )
    assert elsewhere.status_code == 401


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


@pytest.mark.ledger("RBAC-21")
def test_the_words_for_executives_are_for_those_who_may_see_revenue() -> None:
    incident, ic = led()
    do(incident, "updates", ic, clock.now(), audiences=["executives", "responders"], impact="Slow", known="Disk",
       business="4 M an hour")  # fmt: skip

    def bodies(user: User) -> dict[str, str]:
        (update,) = found(asks(token(user), f"/incidents/{incident.uid}/updates"))["updates"]
        return {text["audience"]: text.get("body", "") for text in update["texts"]}

    assert "4 M an hour" in bodies(make_user("Mia", roles=["manager"]))["executives"]
    told = bodies(make_user("Eve", roles=["engineer"]))
    assert "Disk" in told["responders"]
    assert told["executives"] == ""


def test_addresses_of_clients_are_whole_only_for_an_administrators_token() -> None:
    service, client = (
        make_service(),
        make_client(
            contact_emails=["noc@kestrel.example"], webhook_url="https://hooks.kestrel.example/in/s3cr3t"
        ),
    )
    service.clients.add(client)
    ic = commander()
    incident = make_incident(
        by=ic, service=service, clients=[client.slug], declared_at=clock.now() - minutes(5)
    )
    do(incident, "seats", ic, clock.now(), role="ic")
    do(incident, "updates", ic, clock.now(), audiences=["clients"], impact="Slow")
    Message.objects.filter(dest="noc@kestrel.example").update(last_error="550 noc@kestrel.example is full")
    admin = make_user("Ada", roles=["admin"])

    seen = asks(token(ic), f"/incidents/{incident.uid}/updates").content.decode()
    whole = asks(
        token(admin, "incidents:read", "admin"), f"/incidents/{incident.uid}/updates"
    ).content.decode()

    assert "noc@" not in seen and "s3cr3t" not in seen
    assert "@kestrel.example is full" in seen and "hooks.kestrel.example/" in seen
    assert "noc@kestrel.example" in whole and "s3cr3t" in whole


def test_nobody_outside_the_room_finds_out_by_searching_which_client_or_service_is_hit() -> None:
    ic, _ = commander(), make_client("Kestrel Bank")
    make_incident(by=ic, title="Writes fail", clients=["kestrel-bank"], service=make_service("Ledger"))

    def finds(user: User, words: str) -> list[int]:
        text = token(user)
        return [
            len(found(asks(text, "/incidents", q=words))["incidents"]),
            signed_in(user).get("/incidents/", {"q": words}).content.decode().count("Writes fail"),
        ]

    for role in ("spectator", "executive", "customer_support"):
        outsider = make_user(role, roles=[role])
        assert [finds(outsider, words) for words in ("kestrel", "ledger")] == [[0, 0], [0, 0]]
        assert finds(outsider, "writes") == [1, 1]
    assert finds(ic, "kestrel") == [1, 1]


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


@pytest.mark.ledger("RBAC-18", "RBAC-21")
def test_what_the_page_hides_of_money_and_theories_the_api_hides_too() -> None:
    ic, eng = commander("Sarah"), make_user("Eng", roles=["engineer"])
    incident = make_incident(by=ic, declared_at=clock.now() - minutes(5))
    do(incident, "seats", ic, clock.now() - minutes(4), role="ic")
    do(incident, "impact", ic, clock.now() - minutes(3), revenue=1_234_567)
    do(incident, "corrections", ic, clock.now() - minutes(2), seq=incident.seq, text="rather 7654321 an hour")
    do(incident, "updates", ic, clock.now() - minutes(1), audiences=["executives"], impact="8888888 is lost")

    told = {name: asks(token(who), f"/incidents/{incident.uid}/timeline").content.decode()
            for name, who in (("ic", ic), ("eng", eng))}  # fmt: skip

    for figure in ("1234567", "7654321", "8888888"):
        assert figure in told["ic"].replace(",", ""), figure
        assert figure not in told["eng"].replace(",", ""), figure


@pytest.mark.ledger("RBAC-21")
def test_the_rights_that_the_api_names_hold_temporary_grants() -> None:
    ic, eng = commander("Sarah"), make_user("Eng", roles=["engineer"])
    incident = make_incident(by=ic, declared_at=clock.now() - minutes(5))
    do(incident, "seats", ic, clock.now() - minutes(4), role="ic")
    before = asks(token(eng), f"/incidents/{incident.uid}").json()["rights"]
    do(incident, "changes", ic, clock.now() - minutes(3), **CHANGE, risk="r", implementer=eng.uid)

    after = asks(token(eng), f"/incidents/{incident.uid}").json()["rights"]

    assert set(after) - set(before) == {"start_change"}
    assert {"send_text", "send_public"} <= set(asks(token(ic), f"/incidents/{incident.uid}").json()["rights"])
