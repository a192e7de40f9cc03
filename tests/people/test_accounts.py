"""People, teams and passwords, and what the database itself insists on."""

import re

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client

from incidentdesk.kernel.errors import Invalid
from people import accounts, demo
from people.models import EscalationStep, Session, Team, User
from people.rights import ROOM_ROLES
from people.roles import Role
from tests.people.factories import PASSWORD, make_team, make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", list(Role))
def test_the_column_the_poll_reads_says_what_the_roles_say(role: Role) -> None:
    user = make_user(roles=[role])

    assert user.sees_room is user.can_see_room is (role in ROOM_ROLES)


def test_the_column_follows_the_roles_whoever_writes_them() -> None:
    user = make_user(roles=["engineer"])

    User.objects.filter(pk=user.pk).update(roles=["executive"])
    user.refresh_from_db()

    assert not user.sees_room
    assert accounts.set_roles(user, ["executive", "manager"]).sees_room


@pytest.mark.ledger("RBAC-01")
def test_an_unknown_role_is_refused_by_the_function_and_by_the_database() -> None:
    user = make_user()

    with pytest.raises(Invalid, match="There is no role captain"):
        accounts.set_roles(user, ["captain"])
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=user.pk).update(roles=["captain"])


def test_addresses_are_unique_in_any_case() -> None:
    make_user(email="sarah@example.org")

    with pytest.raises(Invalid, match="already signs in"):
        make_user(email="Sarah@Example.org")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(email="SARAH@example.org", name="Other")


@pytest.mark.parametrize("password", ["short", "elevenchars", "password1234", "sarah.okafor@example.org"])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        accounts.create_user(email="sarah.okafor@example.org", name="Sarah", password=password)

    assert "password" in refused.value.fields


def test_passwords_are_kept_as_argon2id() -> None:
    user = make_user(password=PASSWORD)

    assert user.password.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert user.check_password(PASSWORD)


def test_a_zone_must_exist() -> None:
    with pytest.raises(Invalid, match="no time zone Mars"):
        make_user(zone="Mars")


def test_names_are_cleaned_of_what_could_spoof() -> None:
    assert make_user("Sarah\u202e Okafor\n", email="s@example.org").name == "Sarah Okafor"


def test_a_team_pages_each_person_once_in_one_order() -> None:
    sarah, mikael = make_user("Sarah"), make_user("Mikael")
    team = make_team(people=[sarah, mikael])

    accounts.set_escalation(team, [mikael, sarah])

    assert [step.user for step in team.steps.all()] == [mikael, sarah]
    with pytest.raises(IntegrityError), transaction.atomic():
        EscalationStep.objects.create(team=team, position=3, user=sarah)
    with pytest.raises(IntegrityError), transaction.atomic():
        EscalationStep.objects.create(team=team, position=1, user=make_user("Dana"))
        transaction.get_connection().check_constraints()


def test_the_administration_makes_a_person_who_can_sign_in_once_they_have_set_a_password(
    browser: Client,
) -> None:
    admin = make_user(roles=["admin"], password=PASSWORD)
    browser.post("/sign-in/", {"login": admin.email, "password": PASSWORD})
    fields = {
        "email": "New@Example.org",
        "name": "New One",
        "roles": ["support"],
        "zone": "UTC",
        "is_active": "on",
    }

    answer = browser.post("/administration/people/user/add/", fields | {"password": PASSWORD})
    new = User.objects.get(email="new@example.org")
    page = browser.post(f"/administration/people/user/{new.pk}/password-link/", {"way": "show"})
    theirs = Client()
    theirs.get(re.findall(r"(/password/[^<]+)</code>", page.content.decode())[0])
    theirs.post("/password/", {"new": "a password of their own"})

    assert answer.status_code == 302
    assert new.roles == ["support"] and not new.has_usable_password()
    signed_in = theirs.post("/sign-in/", {"login": new.email, "password": "a password of their own"})
    assert signed_in.status_code == 302


def test_putting_somebody_out_in_the_administration_ends_their_sign_ins(browser: Client) -> None:
    admin = make_user(roles=["admin"], password=PASSWORD)
    browser.post("/sign-in/", {"login": admin.email, "password": PASSWORD})
    out = make_user("Out")
    Client().force_login(out)

    browser.post(
        f"/administration/people/user/{out.pk}/change/",
        {"email": out.email, "name": out.name, "roles": ["engineer"], "zone": "UTC", "password": ""},
    )

    out.refresh_from_db()
    assert not out.is_active
    assert not Session.objects.filter(user=out).exists()


def test_who_loses_a_role_signs_in_anew_and_who_gains_one_goes_on() -> None:
    user, other = make_user(roles=["ic", "engineer"]), make_user("Other", roles=["manager"])
    for each in (user, other):
        Client().force_login(each)

    accounts.set_roles(user, ["ic", "engineer", "manager"])
    after_a_gain = Session.objects.filter(user=user).exists()
    accounts.set_roles(user, ["ic", "engineer"])

    assert after_a_gain
    assert not Session.objects.filter(user=user).exists()
    assert Session.objects.filter(user=other).exists()


def test_a_role_taken_in_the_administration_ends_sign_ins(browser: Client) -> None:
    admin = make_user(roles=["admin"], password=PASSWORD)
    browser.post("/sign-in/", {"login": admin.email, "password": PASSWORD})
    user = make_user("Less", roles=["engineer", "manager"])
    Client().force_login(user)

    browser.post(
        f"/administration/people/user/{user.pk}/change/",
        {
            "email": user.email,
            "name": user.name,
            "roles": ["engineer"],
            "zone": "UTC",
            "password": "",
            "is_active": "on",
        },
    )

    user.refresh_from_db()
    assert user.roles == ["engineer"]
    assert user.is_active
    assert not Session.objects.filter(user=user).exists()


@pytest.mark.parametrize("page", ["user", "team", "apitoken"])
def test_the_pages_of_the_administration_open(browser: Client, page: str) -> None:
    admin = make_user(roles=["admin"], password=PASSWORD)
    browser.post("/sign-in/", {"login": admin.email, "password": PASSWORD})

    answer = browser.get(f"/administration/people/{page}/")

    assert answer.status_code == 200


def test_the_administration_lists_no_sign_ins_whose_addresses_would_hold_their_keys(browser: Client) -> None:
    admin = make_user(roles=["admin"], password=PASSWORD)
    browser.post("/sign-in/", {"login": admin.email, "password": PASSWORD})

    assert browser.get("/administration/people/session/").status_code == 404


class TestDemonstration:
    """The people of Northline Payments."""

    def test_making_them_twice_changes_nothing(self) -> None:
        demo.make()
        before = list(User.objects.order_by("pk").values()), list(EscalationStep.objects.values())

        demo.make()

        assert (list(User.objects.order_by("pk").values()), list(EscalationStep.objects.values())) == before

    def test_there_are_about_a_dozen_in_four_teams_and_every_internal_role_is_there(self) -> None:
        people = demo.make()

        assert len(people) in range(11, 15)
        assert Team.objects.count() == 4
        assert {role for user in people.values() for role in user.roles} == set(Role) - {Role.CLIENT_CONTACT}
        assert all(team.steps.exists() and team.manager for team in Team.objects.all())

    def test_what_was_changed_by_hand_survives_the_next_start(self) -> None:
        people = demo.make()
        accounts.set_roles(people["Sarah Okafor"], ["manager"])

        assert demo.make()["Sarah Okafor"].roles == ["manager"]

    def test_nobody_has_a_password_and_all_can_be_signed_in_as(self, browser: Client) -> None:
        people = demo.make()

        page = browser.get("/sign-in/").content.decode()

        assert not any(user.has_usable_password() for user in people.values())
        assert all(name in page for name in people)

    def test_the_demonstrations_administrator_confirms_by_a_click(self, browser: Client) -> None:
        ines = demo.make()["Ines Duarte"]
        browser.force_login(ines)
        assert browser.get("/administration/").status_code == 302

        browser.post("/account/confirm/", {"next": "/administration/"})

        assert browser.get("/administration/").status_code == 200


def test_an_unusable_password_never_confirms_for_anybody_else(browser: Client) -> None:
    admin = make_user(roles=["admin"])
    browser.force_login(admin)

    answer = browser.post("/account/confirm/", {"password": "", "next": "/administration/"})

    assert answer.status_code == 422


def test_housekeeping_says_what_it_deleted(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("prune_sessions")

    assert "0 ended sessions" in capsys.readouterr().out
