"""API tokens: shown once, kept as digests, and all that is not alive looks alike (S16, F30)."""

import hashlib
from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import Invalid, NotAllowed
from people import accounts, tokens
from people.models import ApiToken
from people.roles import Role, Scope
from tests.people.factories import PASSWORD, make_user
from tests.people.moments import T0
from tests.people.timing import widest_gap

pytestmark = pytest.mark.django_db

READ = [Scope.INCIDENTS_READ]


def test_a_token_is_stored_as_a_digest_and_its_text_nowhere() -> None:
    text, row = tokens.make(make_user(), name="alerts", scopes=["alerts:write"], now=T0)

    stored = ApiToken.objects.values().get(pk=row.pk)
    secret = text.rsplit("_", 1)[-1] if text.count("_") == 2 else text.split("_", 2)[2]

    assert stored["digest"] == hashlib.sha256(text.encode()).hexdigest()
    assert text.startswith(row.prefix)
    assert not any(secret in str(value) for value in stored.values())
    assert len(secret) >= 43  # 256 bits


def test_a_live_token_is_its_persons_and_notes_its_use() -> None:
    user = make_user()
    text, row = tokens.make(user, name="read", scopes=READ, now=T0)

    found = tokens.check(text, now=T0 + timedelta(hours=1))

    assert found == row
    assert found.user == user
    row.refresh_from_db()
    assert row.last_used_at == T0 + timedelta(hours=1)


def test_use_is_noted_at_most_once_a_minute() -> None:
    text, _row = tokens.make(make_user(), name="read", scopes=READ, now=T0)

    tokens.check(text, now=T0)
    with CaptureQueriesContext(connection) as asked:
        tokens.check(text, now=T0 + timedelta(seconds=59))

    assert len(asked) == 1


def dead_tokens() -> dict[str, str]:
    """One token of each kind that must not work."""
    revoked, revoked_row = tokens.make(make_user(), name="revoked", scopes=READ, now=T0)
    tokens.revoke(revoked_row, now=T0)
    expired, _ = tokens.make(
        make_user(), name="expired", scopes=READ, now=T0, expires_at=T0 + timedelta(hours=1)
    )
    gone_user = make_user()
    put_out, _ = tokens.make(gone_user, name="put out", scopes=READ, now=T0)
    accounts.set_active(gone_user, False)
    live, _ = tokens.make(make_user(), name="live", scopes=READ, now=T0)
    return {
        "unknown": "idesk_000000_" + "x" * 43,
        "revoked": revoked,
        "expired": expired,
        "put out": put_out,
        "forged": live[:-1] + ("a" if live[-1] != "a" else "b"),
        "shortened": live[:12],
        "empty": "",
        "nothing like one": "Bearer \N{SNOWMAN}",
    }


def test_all_that_is_not_alive_is_told_the_same_after_the_same_work() -> None:
    statements: dict[str, list[str]] = {}
    for kind, text in dead_tokens().items():
        with CaptureQueriesContext(connection) as asked:
            assert tokens.check(text, now=T0 + timedelta(hours=2)) is None, kind
        statements[kind] = [query["sql"].split("WHERE")[0] for query in asked]

    assert len({tuple(sql) for sql in statements.values()}) == 1
    assert len(statements["unknown"]) == 1


def test_unknown_revoked_and_expired_tokens_take_the_same_time() -> None:
    """F30: the medians of 1,000 interleaved samples lie less than a tenth apart."""
    later = T0 + timedelta(hours=2)
    ways = {kind: partial(tokens.check, text, now=later) for kind, text in dead_tokens().items()}

    gap = widest_gap(
        {k: ways[k] for k in ("unknown", "revoked", "expired")}, samples=335, rounds=8, within=0.1
    )

    assert gap < 0.1


def test_a_token_ends_at_its_end() -> None:
    text, _ = tokens.make(make_user(), name="short", scopes=READ, now=T0, expires_at=T0 + timedelta(hours=1))

    assert tokens.check(text, now=T0 + timedelta(minutes=59, seconds=59))
    assert tokens.check(text, now=T0 + timedelta(hours=1)) is None


def test_revoking_twice_keeps_the_first_time() -> None:
    _, row = tokens.make(make_user(), name="read", scopes=READ, now=T0)

    tokens.revoke(row, now=T0)
    tokens.revoke(row, now=T0 + timedelta(days=1))

    row.refresh_from_db()
    assert row.revoked_at == T0


@pytest.mark.parametrize("scopes", [[], ["everything"], ["incidents:read", "root"]])
def test_scopes_are_named_and_known(scopes: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        tokens.make(make_user(), name="x", scopes=scopes, now=T0)

    assert "scopes" in refused.value.fields


def test_the_database_refuses_unknown_scopes_too() -> None:
    _, row = tokens.make(make_user(), name="x", scopes=READ, now=T0)

    with pytest.raises(IntegrityError), transaction.atomic():
        ApiToken.objects.filter(pk=row.pk).update(scopes=["root"])


def test_only_administrators_have_tokens_that_administer() -> None:
    with pytest.raises(NotAllowed):
        tokens.make(make_user(roles=["ic", "manager"]), name="x", scopes=["admin"], now=T0)

    assert tokens.make(make_user(roles=["admin"]), name="x", scopes=["admin"], now=T0)


@pytest.mark.parametrize(
    ("header", "text"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", ""), ("abc", ""), ("", "")],
)
def test_a_token_is_read_from_a_bearer_header_alone(header: str, text: str) -> None:
    assert tokens.bearer(header) == text


def test_making_one_in_the_browser_asks_for_the_password_and_shows_the_text_once(browser: Client) -> None:
    user = make_user(password=PASSWORD)
    browser.force_login(user)
    asked = browser.get("/account/tokens/")
    assert asked.headers["Location"] == "/account/confirm/?next=%2Faccount%2Ftokens%2F"

    wrong = browser.post("/account/confirm/", {"password": "wrong", "next": "/account/tokens/"})
    browser.post("/account/confirm/", {"password": PASSWORD, "next": "/account/tokens/"})
    made = browser.post("/account/tokens/", {"name": "Pager", "scopes": ["incidents:read"], "days": "30"})
    again = browser.get("/account/tokens/")

    row = ApiToken.objects.get(user=user)
    assert wrong.status_code == 422
    assert f"{row.prefix}_".encode() in made.content
    assert f"{row.prefix}_".encode() not in again.content
    assert b"Pager" in again.content


def test_somebody_elses_token_cannot_be_revoked(browser: Client) -> None:
    user = make_user(password=PASSWORD)
    browser.post("/sign-in/", {"login": user.email, "password": PASSWORD})
    _, mine = tokens.make(user, name="mine", scopes=READ, now=T0)
    _, theirs = tokens.make(make_user(), name="theirs", scopes=READ, now=T0)

    codes = [
        browser.post("/account/tokens/revoked/", {"token": str(row.uid)}).status_code
        for row in (mine, theirs)
    ]

    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert codes == [302, 404]
    assert mine.revoked_at and not theirs.revoked_at


ALL = set(Scope)
FOR_EVERYBODY = {Scope.INCIDENTS_READ, Scope.INCIDENTS_WRITE, Scope.STATUS_READ}
RESPONDERS = FOR_EVERYBODY | {Scope.ALERTS_WRITE}
BY_ROLE: dict[str, set[Scope]] = {
    "admin": ALL,
    **dict.fromkeys(("manager", "ic", "comms", "engineer", "sme", "support"), RESPONDERS),
    **dict.fromkeys(("customer_support", "executive", "client_contact", "spectator"), FOR_EVERYBODY),
}


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("scope", list(Scope))
def test_each_role_makes_tokens_of_its_own_scopes_and_of_no_other(role: Role, scope: Scope) -> None:
    user = make_user(roles=[role])
    allowed = scope in BY_ROLE[role]

    try:
        tokens.make(user, name="x", scopes=[scope, Scope.INCIDENTS_READ], now=T0)
        made = True
    except NotAllowed as refused:
        made = False
        assert refused.sentence == f"Sarah may not have a token with the scope {scope}. No token was made."

    assert made == allowed
    assert ApiToken.objects.exists() == allowed
    assert (scope in tokens.open_to(user)) == allowed


def test_a_service_account_sends_alerts_and_reads_the_pulse_and_does_not_administer() -> None:
    machine = make_user("Monitoring", roles=(), is_machine=True)

    assert set(tokens.open_to(machine)) == ALL - {Scope.ADMIN}


def test_the_page_offers_and_takes_only_the_scopes_of_the_persons_roles(browser: Client) -> None:
    user = make_user(roles=["executive"], password=PASSWORD)
    browser.post("/sign-in/", {"login": user.email, "password": PASSWORD})

    page = browser.get("/account/tokens/").content.decode()
    forged = browser.post("/account/tokens/", {"name": "x", "scopes": ["alerts:write"], "days": "30"})

    assert "Read incidents" in page and "Send alerts in" not in page
    assert forged.status_code == 422
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize("scope", [Scope.ALERTS_WRITE, Scope.OPS_READ, Scope.ADMIN])
def test_a_scope_is_asked_again_at_each_use_against_the_roles_of_now(scope: Scope) -> None:
    user = make_user(roles=["admin"])
    text, _ = tokens.make(user, name="x", scopes=[scope], now=T0)
    found = tokens.check(text, now=T0)
    assert found and tokens.allows(found, scope)

    accounts.set_roles(user, ["executive"])
    demoted = tokens.check(text, now=T0)
    accounts.set_roles(user, ["admin"])
    raised = tokens.check(text, now=T0)

    assert demoted and not tokens.allows(demoted, scope)
    assert raised and tokens.allows(raised, scope)


def test_the_list_says_which_scopes_sleep(browser: Client) -> None:
    user = make_user(roles=["engineer"], password=PASSWORD)
    tokens.make(user, name="Pager", scopes=["alerts:write", "incidents:read"], now=clock.now())
    accounts.set_roles(user, ["executive"])
    browser.post("/sign-in/", {"login": user.email, "password": PASSWORD})

    page = browser.get("/account/tokens/").content.decode()

    assert "Send alerts in (not with the present roles), Read incidents<" in page


def test_every_token_ends_and_none_lives_longer_than_a_year_and_a_day() -> None:
    _, usual = tokens.make(make_user(), name="x", scopes=READ, now=T0)

    with pytest.raises(Invalid):
        tokens.make(
            make_user(), name="x", scopes=READ, now=T0, expires_at=T0 + timedelta(days=366, seconds=1)
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        ApiToken.objects.filter(pk=usual.pk).update(expires_at=None)

    assert usual.expires_at == T0 + timedelta(days=90)


def test_checking_a_token_and_its_scope_is_one_round_trip() -> None:
    text, _row = tokens.make(make_user(), name="x", scopes=["alerts:write"], now=T0)
    tokens.check(text, now=T0)

    with CaptureQueriesContext(connection) as asked:
        found = tokens.check(text, now=T0 + timedelta(seconds=1))
        assert found and tokens.allows(found, Scope.ALERTS_WRITE)

    assert len(asked) == 1
