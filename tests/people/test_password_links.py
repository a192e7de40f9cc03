"""Nobody types a password for somebody else: a link does it, once, within a day, and the person hears of every change."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from comms import delivery
from comms.models import Message
from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import Invalid
from incidentdesk.kernel.logs import MaskLinks
from incidentdesk.kernel.stamps import stamp
from people import administration, password_links, tokens
from people.audit import Source
from people.models import AuditEntry, PasswordLink, Session, User
from people.sudo import _KEY
from tests.factories import T0
from tests.people.factories import PASSWORD, make_team, make_user

pytestmark = pytest.mark.django_db

NEW = "a longer night at sea"


@pytest.fixture
def ines() -> User:
    return make_user("Ines", roles=["admin"])


@pytest.fixture
def office(ines: User) -> Client:
    """The browser of an administrator who has just given the password."""
    made = Client()
    made.force_login(ines)
    session = made.session
    session[_KEY] = stamp(clock.now())
    session.save()
    return made


def fields(user: User, **changed: Any) -> dict[str, Any]:
    """What the form of a person sends."""
    sent = {"email": user.email, "name": user.name, "roles": user.roles, "team": user.team_id or "", "zone": user.zone,
            "is_active": "on"}  # fmt: skip
    return {name: value for name, value in (sent | changed).items() if value is not None}


def change(office: Client, user: User, **changed: Any) -> Any:
    return office.post(f"/administration/people/user/{user.pk}/change/", fields(user, **changed))


def mails(to: str) -> list[str]:
    """Subject and body of what goes to an address, the oldest first."""
    rows = Message.objects.filter(dest=to).order_by("pk")
    return [f"{row.payload['subject']}\n{row.payload['body']}" for row in rows]


def link_of(office: Client, user: User) -> str:
    """The path of a link that is shown once."""
    page = office.post(f"/administration/people/user/{user.pk}/password-link/", {"way": "show"})
    found = re.search(r"<code>http://[^/]+(/password/[^<]+)</code>", page.content.decode())
    assert found is not None
    return found[1]


@pytest.mark.parametrize("password", [None, "", "planted in clear text", "x"])
def test_whoever_changes_a_person_changes_no_password_whatever_is_sent(
    office: Client, password: str | None
) -> None:
    """An empty field once stored an empty password, and a given one stood in clear in the write-ahead log."""
    sarah = make_user("Sarah", password=PASSWORD)

    answer = change(office, sarah, name="Sarah Two", password=password)

    sarah.refresh_from_db()
    assert answer.status_code == 302
    assert sarah.name == "Sarah Two" and sarah.check_password(PASSWORD)
    assert (
        "password"
        not in office.get(f"/administration/people/user/{sarah.pk}/change/").context["adminform"].form.fields
    )


def test_a_person_who_is_made_cannot_sign_in_until_they_set_a_password(office: Client) -> None:
    office.post(
        "/administration/people/user/add/",
        {"email": "Omar@Example.org", "name": "Omar", "roles": ["ic"], "team": "", "zone": "UTC", "is_active": "on",
         "password": "planted in clear text"},
    )  # fmt: skip

    omar = User.objects.get(email="omar@example.org")
    assert (omar.roles, omar.has_usable_password(), omar.is_active) == (["ic"], False, True)
    assert AuditEntry.objects.filter(event="user_made", about="omar@example.org", by_name="Ines").exists()


def test_a_mailed_link_sets_the_password_once_and_ends_every_sign_in(office: Client) -> None:
    sarah, here, elsewhere = make_user("Sarah", password=PASSWORD), Client(), Client()
    elsewhere.post("/sign-in/", {"login": sarah.email, "password": PASSWORD})
    office.post(f"/administration/people/user/{sarah.pk}/password-link/", {"way": "mail"})
    row = Message.objects.get(dest=sarah.email)
    sent = delivery.parcel([row], {}, {}).payload["body"]
    path = re.search(r"http://[^/]+(/password/\S+)", sent)
    assert path is not None and path[1] not in str(row.payload)

    opened = here.get(path[1])
    form = here.get("/password/").content.decode()
    saved = here.post("/password/", {"new": NEW})
    again = here.post("/password/", {"new": "another long night"})

    sarah.refresh_from_db()
    assert (opened.status_code, opened.headers["Location"], opened.headers["Referrer-Policy"]) == (
        302, "/password/", "no-referrer",
    )  # fmt: skip
    assert sarah.name in form and (saved.status_code, again.status_code) == (303, 404)
    assert sarah.check_password(NEW) and not Session.objects.filter(user=sarah).exists()
    assert Client().get(path[1]).status_code == 404
    assert "Password: changed." in mails(sarah.email)[-1]
    assert [entry.event for entry in AuditEntry.objects.filter(about=sarah.email).order_by("pk")] == [
        "signed_in", "password_link_made", "password_link_used", "password_set",
    ]  # fmt: skip


def test_opening_a_link_changes_nothing_and_a_weak_password_leaves_it_open(office: Client) -> None:
    sarah, here = make_user("Sarah"), Client()
    path = link_of(office, sarah)
    for _ in range(3):
        here.get(path)
        here.head("/password/")

    weak = here.post("/password/", {"new": "zq9zq9"})
    empty = here.post("/password/", {})

    assert (weak.status_code, empty.status_code) == (422, 422)
    assert "zq9zq9" not in weak.content.decode()
    assert here.post("/password/", {"new": NEW}).status_code == 303


def test_a_link_ends_after_a_day_and_when_a_newer_one_is_made(office: Client, ines: User) -> None:
    sarah, here = make_user("Sarah"), Client()
    old = link_of(office, sarah)
    new = link_of(office, sarah)

    assert here.get(old).status_code == 404
    assert here.get(new).status_code == 302
    PasswordLink.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    assert here.get(new).status_code == here.get("/password/").status_code == 404
    assert password_links.prune(now=clock.now() + timedelta(days=2)) == 2


@pytest.mark.parametrize("made", [{"is_machine": True}, {}])
def test_no_link_is_made_for_somebody_who_cannot_sign_in(office: Client, made: dict[str, Any]) -> None:
    user = make_user("Robot", **made)
    User.objects.filter(pk=user.pk).update(is_active=bool(made))
    user.refresh_from_db()

    answer = office.post(f"/administration/people/user/{user.pk}/password-link/", {"way": "show"})

    assert answer.status_code == 422 and "cannot sign in" in answer.content.decode()
    with pytest.raises(Invalid):
        password_links.send(user, source=Source(), now=T0)


def test_a_link_of_somebody_who_is_put_out_meanwhile_opens_nothing(office: Client) -> None:
    sarah, here = make_user("Sarah"), Client()
    path = link_of(office, sarah)
    here.get(path)
    change(office, sarah, is_active=None)

    assert here.post("/password/", {"new": NEW}).status_code == 404
    assert here.get(path).status_code == 404


def test_nobody_but_an_administrator_with_a_fresh_password_makes_a_link(office: Client) -> None:
    sarah = make_user("Sarah")
    stranger, stale = Client(), Client()
    stranger.force_login(make_user("Omar"))
    stale.force_login(User.objects.get(name="Ines"))
    path = f"/administration/people/user/{sarah.pk}/password-link/"

    assert stranger.post(path, {"way": "show"}).status_code == 404
    assert stale.post(path, {"way": "show"}).status_code == 302
    assert not PasswordLink.objects.exists()


def test_the_person_is_told_at_the_address_from_before(office: Client) -> None:
    sarah = make_user("Sarah", email="sarah@example.org", roles=["ic", "engineer"])

    change(office, sarah, email="mallory@example.org", roles=["engineer"], name="Sarah Two")

    (mail,) = mails("sarah@example.org")
    assert mails("mallory@example.org") == []
    assert "Ines, an administrator, changed your account" in mail
    assert "Address: sarah@example.org -> mallory@example.org" in mail
    assert "Roles: Engineer, IC-qualified -> Engineer" in mail


def test_each_change_of_an_account_leaves_an_entry_and_no_change_leaves_none(office: Client) -> None:
    team = make_team("Ledger")
    sarah = make_user("Sarah", roles=["ic"])
    change(office, sarah)
    change(office, sarah, roles=["ic", "admin"], team=team.pk)
    sarah.refresh_from_db()
    change(office, sarah, team="", is_active=None)

    entries = [
        (e.event, e.by_name, e.details) for e in AuditEntry.objects.filter(about=sarah.email).order_by("pk")
    ]
    assert entries == [
        ("roles_changed", "Ines", {"roles": "IC-qualified -> Administrator, IC-qualified"}),
        ("user_changed", "Ines", {"team": f"none -> {team.name}"}),
        ("user_changed", "Ines", {"team": f"{team.name} -> none", "active": "yes -> no"}),
    ]
    sarah.refresh_from_db()
    assert sarah.team is None and not sarah.is_active


def test_own_changes_of_password_and_tokens_are_mailed_too() -> None:
    sarah, here = make_user("Sarah", password=PASSWORD), Client()
    here.post("/sign-in/", {"login": sarah.email, "password": PASSWORD})
    here.post("/account/password/", {"old": PASSWORD, "new": NEW})
    here.post("/account/tokens/", {"name": "Nightly", "scopes": ["incidents:read"], "days": 30})
    here.post("/account/tokens/revoked/", {"token": str(sarah.tokens.get().uid)})

    told = mails(sarah.email)
    assert len(told) == 3 and all("You changed your account" in mail for mail in told)
    assert "Password: changed." in told[0]
    assert "Token created: name Nightly, begins idesk_" in told[1]
    assert "Token revoked: name Nightly" in told[2]


def test_a_service_account_gets_no_mail(office: Client) -> None:
    robot = make_user("Robot", is_machine=True)
    change(office, robot, roles=["engineer"])

    assert mails(robot.email) == []


@pytest.mark.parametrize("name", ["", "   ", "\u200b\u202e", "x" * 81])
def test_a_name_that_cannot_be_stored_is_refused_beside_its_field(office: Client, name: str) -> None:
    sarah = make_user("Sarah")

    answer = change(office, sarah, name=name)

    sarah.refresh_from_db()
    assert answer.status_code == 200 and sarah.name == "Sarah"


def test_the_token_of_a_link_reaches_no_log() -> None:
    import logging

    record = logging.LogRecord("x", 30, "x", 1, "Not Found: %s", ("/password/abc-DEF_123/",), None)
    MaskLinks().filter(record)

    assert record.getMessage() == "Not Found: /password/***/"


def test_each_of_several_changes_of_one_instant_is_told() -> None:
    now, sarah = clock.now(), make_user("Sarah")
    rows = [tokens.make(sarah, name=name, scopes=["incidents:read"], now=now)[1] for name in ("One", "Two")]
    for row in rows:
        administration.revoke_token(row, source=Source(), now=now)
    administration.set_password(sarah, NEW, source=Source(), now=now)

    told = mails(sarah.email)
    assert len(told) == 3
    assert "name One" in told[0] and "name Two" in told[1] and "Password: changed." in told[2]


@pytest.mark.parametrize("what", [{"email": "sarah@new.example"}, {"is_active": None}])
def test_a_link_ends_when_the_person_s_address_changes_or_they_are_put_out(
    office: Client, what: dict[str, Any]
) -> None:
    """It lies in the mailbox of the old address, which may be somebody else's."""
    sarah = make_user("Sarah")
    path = link_of(office, sarah)
    change(office, sarah, **what)
    User.objects.filter(pk=sarah.pk).update(is_active=True)

    assert Client().get(path).status_code == 404


def test_a_link_ends_when_the_person_sets_a_password_otherwise(office: Client) -> None:
    sarah = make_user("Sarah")
    path = link_of(office, sarah)
    administration.set_password(sarah, NEW, source=Source(), now=clock.now())

    assert Client().get(path).status_code == 404


def test_an_opened_link_is_forgotten_after_a_quarter_of_an_hour(
    office: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sits down at that browser later finds no form for somebody else's password."""
    sarah, here = make_user("Sarah"), Client()
    here.get(link_of(office, sarah))
    opened, now = here.get("/password/").status_code, clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(minutes=15, seconds=1))

    assert (opened, here.get("/password/").status_code) == (200, 404)
    assert here.post("/password/", {"new": NEW}).status_code == 404
