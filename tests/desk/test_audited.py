"""What leaves a trace in the security audit: through pages and API, with person, address and without any secret (S34)."""

from typing import Any

import pytest
from django.test import Client

from incidentdesk.kernel import clock
from people.models import ApiToken, AuditEntry, AuditTally, User
from people.roles import Role
from tests.desk.doors import asks, signed_in, token
from tests.factories import commander, make_incident
from tests.people.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db


def told() -> list[tuple[str, str, str, str]]:
    """Event, who, what about, from where; the oldest first."""
    return list(AuditEntry.objects.order_by("pk").values_list("event", "by_name", "about", "address"))


def browser(address: str = "192.0.2.7") -> Client:
    return Client(REMOTE_ADDR=address)


def test_signing_in_and_out_and_a_wrong_password_leave_a_trace_and_no_password() -> None:
    sarah, here = make_user("Sarah", password=PASSWORD), browser()

    here.post("/sign-in/", {"login": sarah.email, "password": "hunter2hunter2"})
    here.post("/sign-in/", {"login": sarah.email.upper(), "password": "hunter2hunter2"})
    here.post("/sign-in/", {"login": sarah.email, "password": PASSWORD})
    here.post("/account/confirm/", {"password": "hunter2hunter2"})
    here.post("/account/confirm/", {"password": PASSWORD})
    here.post("/sign-out/")
    here.post("/sign-out/")

    assert told() == [
        ("sign_in_failed", "", sarah.email, "192.0.2.7"),
        ("signed_in", "Sarah", sarah.email, "192.0.2.7"),
        ("confirmation_failed", "Sarah", sarah.email, "192.0.2.7"),
        ("password_confirmed", "Sarah", sarah.email, "192.0.2.7"),
        ("signed_out", "Sarah", sarah.email, "192.0.2.7"),
    ]
    assert AuditTally.objects.get(event="sign_in_failed").count == 2
    assert "hunter2" not in str(list(AuditEntry.objects.values()))


def test_what_a_stranger_types_as_an_address_is_not_kept() -> None:
    browser().post("/sign-in/", {"login": "my-secret-passphrase@typed.here", "password": "x"})
    browser().post("/sign-in/", {"login": "nul\0@typed.here", "password": "x"})

    assert [about for _, _, about, _ in told()] == ["unknown account"]


def test_a_sign_in_that_the_throttle_refuses_leaves_a_trace() -> None:
    sarah, here = make_user("Sarah", password=PASSWORD), browser()
    for _ in range(8):
        here.post("/sign-in/", {"login": sarah.email, "password": "wrong"})

    assert ("sign_in_slowed", "", sarah.email, "192.0.2.7") in told()


@pytest.mark.parametrize(
    "path", ["/incidents/{key}/updates/new/", "/incidents/{key}/record/", "/administration/", "/live/"]
)
def test_a_page_that_is_not_for_a_person_leaves_a_trace_although_it_seems_missing(path: str) -> None:
    incident = make_incident(by=commander())
    viewer = make_user("Vic", roles=[Role.SPECTATOR])
    path = path.format(key=incident.key)

    for _ in range(3):
        assert signed_in(viewer).get(path).status_code in (403, 404)

    assert told() == [("denied", "Vic", f"GET {path}", "127.0.0.1")]
    assert AuditTally.objects.get().count == 3


def test_a_page_that_is_not_there_leaves_none() -> None:
    here = signed_in(commander())
    for path in ("/incidents/INC-2026-9999/", "/nothing/", "/incidents/INC-2026-9999/record/"):
        assert here.get(path).status_code == 404

    assert told() == []


def test_an_act_without_the_right_leaves_a_trace_by_page_and_by_api() -> None:
    incident = make_incident(by=commander())
    helper = make_user("Hal", roles=[Role.SUPPORT])

    page = signed_in(helper).post(
        f"/incidents/{incident.key}/moves/", {"to": "closed", "seen_version": 1, "request_id": "r-1"}
    )
    answer = Client().post(
        f"/api/v1/incidents/{incident.key}/seats",
        {"role": "ic"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {token(helper)}", "Idempotency-Key": "k-1"},
    )

    denials = [each for each in told() if each[0] == "denied"]
    assert answer.status_code == 403
    assert ("denied", "Hal", f"POST /api/v1/incidents/{incident.key}/seats", "127.0.0.1") in denials
    assert (page.status_code == 403) is any("moves" in about for _, _, about, _ in denials)


def test_by_api_hidden_incidents_and_missing_scopes_leave_a_trace_and_missing_incidents_none() -> None:
    incident = make_incident(by=commander())
    viewer, reader = make_user("Vic", roles=[Role.CLIENT_CONTACT]), commander("Rea")
    hidden = asks(token(viewer, "incidents:read"), f"/incidents/{incident.key}")
    missing = asks(token(reader, "incidents:read"), "/incidents/INC-2026-9999")
    scope = asks(token(reader, "status:read"), f"/incidents/{incident.key}")

    assert (hidden.status_code, missing.status_code, scope.status_code) == (404, 404, 403)
    assert hidden.content == missing.content
    assert [each[:3] for each in told() if each[0] == "denied"] == [
        ("denied", "Vic", f"GET /api/v1/incidents/{incident.key}"),
        ("denied", "Rea", f"GET /api/v1/incidents/{incident.key}"),
    ]


def test_a_token_is_traced_when_made_used_and_revoked_and_its_text_never() -> None:
    sarah = make_user("Sarah", password=PASSWORD, roles=["ic", "engineer"])
    here: Any = browser()
    here.post("/sign-in/", {"login": sarah.email, "password": PASSWORD})
    here.post("/account/tokens/", {"name": "Nightly", "scopes": ["incidents:read"], "days": 30})
    row = ApiToken.objects.get()
    text = token(sarah, "incidents:read")
    for _ in range(3):
        asks(text, "/incidents")
    here.post("/account/tokens/revoked/", {"token": str(row.uid)})
    here.post("/account/tokens/revoked/", {"token": str(row.uid)})

    events = [each[:2] for each in told()]
    assert events == [
        ("signed_in", "Sarah"), ("token_made", "Sarah"), ("token_used", "Sarah"), ("token_revoked", "Sarah"),
    ]  # fmt: skip
    made = AuditEntry.objects.get(event="token_made").details
    assert made["name"] == "Nightly" and made["begins"] == row.prefix and made["scopes"] == "incidents:read"
    used = AuditEntry.objects.get(event="token_used")
    assert used.about == f"{text[:12]} from 127.0.0.1"
    assert text not in str(list(AuditEntry.objects.values()))


def test_the_use_of_a_token_is_noted_no_more_than_once_a_minute() -> None:
    text, now = token(commander(), "incidents:read"), clock.now()
    for _ in range(5):
        asks(text, "/incidents")
    ApiToken.objects.update(last_used_at=now.replace(year=now.year - 1))
    asks(text, "/incidents")

    assert AuditTally.objects.get(event="token_used").count == 2


def test_a_token_that_sends_alerts_leaves_a_trace_once_a_minute() -> None:
    text = token(make_user("Monitoring", is_machine=True), "alerts:write")
    body = {"version": "4", "groupKey": "g", "status": "firing", "receiver": "desk", "alerts": []}
    for _ in range(3):
        answer = browser("198.51.100.9").post(
            "/hooks/alertmanager/",
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {text}"},
        )
        assert answer.status_code == 202

    assert told() == [("token_used", "Monitoring", f"{text[:12]} from 198.51.100.9", "198.51.100.9")]
    assert AuditTally.objects.get().count == 1


def test_an_unknown_token_leaves_a_trace_at_both_doors() -> None:
    bad: Any = {"Authorization": "Bearer idesk_000000_nothing"}
    here = browser("198.51.100.9")
    here.get("/api/v1/incidents", headers=bad)
    here.post("/hooks/alertmanager/", "{}", content_type="application/json", headers=bad)

    assert told() == [("token_refused", "", "198.51.100.9", "198.51.100.9")]
    assert AuditTally.objects.get().count == 2


def test_reading_a_whole_record_leaves_a_trace() -> None:
    sarah = commander("Sarah")
    incident = make_incident(by=sarah)
    for _ in range(3):
        signed_in(sarah).get(f"/incidents/{incident.key}/record/")

    assert told() == [("exported", "Sarah", f"record of {incident.key}", "127.0.0.1")]


def test_ended_sign_ins_and_a_changed_password_leave_a_trace() -> None:
    sarah, here = make_user("Sarah", password=PASSWORD), browser()
    here.post("/sign-in/", {"login": sarah.email, "password": PASSWORD})
    here.post("/account/sessions/", {"others": "1"})
    here.post("/account/password/", {"old": "a guess", "new": "another long night"})
    here.post("/account/password/", {"old": PASSWORD, "new": "another long night"})

    assert [event for event, *_ in told()] == [
        "signed_in", "sessions_ended", "confirmation_failed", "password_set",
    ]  # fmt: skip
    assert User.objects.get().check_password("another long night")
    assert "another" not in str(list(AuditEntry.objects.values()))
