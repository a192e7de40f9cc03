"""Viewers who see the same share the bytes of a poll; nothing of one person ever reaches another."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from desk import room_page, shared_poll
from desk.room.load import begin
from desk.room.view import Room, news
from incidentdesk.kernel import clock
from incidents.models import Incident
from people.models import User
from tests.desk.rooms import led, rich
from tests.door import Door, signed_in
from tests.factories import T0, do, minutes
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db

_ID = re.compile(r'(name="request_id" value=")[^"]*|(name="csrfmiddlewaretoken" value=")[^"]*')


@pytest.fixture(autouse=True)
def a_second_lasts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An answer is as fresh at the end of a test as at its beginning; none of another test is left."""
    monkeypatch.setattr(shared_poll, "FRESH", 3600.0)
    monkeypatch.setattr(shared_poll, "answers", shared_poll.Answers())
    yield


@pytest.fixture
def incident(sarah: User, alex: User) -> Incident:
    return led(sarah, alex)


def viewers(number: int, **fields: Any) -> list[Door]:
    """People whom no record names, each in a browser that has a form token."""
    found = []
    for each in range(number):
        browser = signed_in(make_user(f"Viewer {each}", **{"roles": ("engineer",), **fields}))
        browser.cookies[settings.CSRF_COOKIE_NAME] = f"{each:032d}"
        found.append(browser)
    return found


def note(incident: Incident, by: User, text: str = "seen") -> int:
    """Another line; the cursor before it."""
    before = incident.rev
    do(incident, "entries", by, T0 + minutes(3), kind="note", text=text)
    incident.refresh_from_db()
    return before


def poll(browser: Client, incident: Incident, after: int) -> Any:
    return browser.get(f"/incidents/{incident.key}/live/?after={after}")


def plain(html: str) -> str:
    """Without what is each page's own."""
    return _ID.sub(r"\1\2", html)


def test_the_second_who_sees_the_same_is_answered_at_the_door_by_one_statement(
    incident: Incident, sarah: User
) -> None:
    first, second = viewers(2)
    after = note(incident, sarah)

    made = poll(first, incident, after)
    with CaptureQueriesContext(connection) as asked:
        told = poll(second, incident, after)

    assert (first.quick, second.quick, len(asked)) == (0, 1, 1)
    assert told.status_code == made.status_code == 200
    assert plain(told.content.decode()) == plain(made.content.decode())
    for name in (
        "Desk-Rev",
        "Cache-Control",
        "Content-Type",
        "Vary",
        "X-Content-Type-Options",
        "Referrer-Policy",
    ):
        assert told[name] == made[name]
    assert "default-src 'none'" in told["Content-Security-Policy"]
    assert "Set-Cookie" not in told


def test_the_fields_of_forms_are_each_readers_own(incident: Incident, alex: User) -> None:
    first, second, third = viewers(3, roles=("engineer", "ic"))
    after = note(incident, alex)  # who has no seat, so the roles come along, each with its form

    answers = [poll(each, incident, after).content.decode() for each in (first, second, third)]
    ids = [re.findall(r'name="request_id" value="([^"]+)"', each) for each in answers]
    tokens = [set(re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', each)) for each in answers]

    assert (first.quick, second.quick, third.quick) == (0, 1, 1)
    for each in answers:  # what a form saw, so that an act on something older comes back
        assert each.count(f'name="seen_upto" value="{incident.seq}"') == each.count('name="request_id"')
    assert all(ids) and len({each for found in ids for each in found}) == sum(map(len, ids))
    assert not tokens[0] & tokens[1] and not tokens[1] & tokens[2]
    second.handler.enforce_csrf_checks = True
    answer = second.post(
        f"/incidents/{incident.key}/entries/",
        {
            "kind": "note",
            "text": "from a shared form",
            "csrfmiddlewaretoken": tokens[1].pop(),
            "request_id": ids[1][0],
        },
    )
    assert answer.status_code == 303


def test_nothing_of_who_asked_first_is_in_what_others_get(incident: Incident, sarah: User) -> None:
    first = make_user("Zaphod Beeblebrox", roles=("engineer",), email="zaphod@secret.example")
    (second,) = viewers(1)
    after = note(incident, sarah)

    poll(signed_in(first), incident, after)
    told = poll(second, incident, after).content.decode()

    assert second.quick == 1
    for secret in (first.name, first.email, str(first.uid), first.initials + "<"):
        assert escape(secret) not in told


def test_what_is_kept_was_rendered_for_nobody(
    incident: Incident, sarah: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a region may come to say of its reader, there is no reader it could say it of."""
    looker = make_user("Zaphod Beeblebrox", roles=("engineer", "ic"), zone="Asia/Kathmandu")
    after, rooms, parts = note(incident, sarah), [], room_page._parts

    def seen(room: Room, names: Any) -> Any:
        rooms.append(room.bundle)
        return parts(room, names)

    monkeypatch.setattr(room_page, "_parts", seen)
    poll(signed_in(looker), incident, after)

    (bundle,) = rooms
    mine = {name: getattr(looker, name) for name in ("pk", "uid", "name", "email", "password")}
    assert not {name for name, value in mine.items() if getattr(bundle.viewer, name) == value}
    assert (bundle.viewer.pk, bundle.viewer.roles, bundle.viewer.zone) == (0, looker.roles, looker.zone)
    assert looker.pk not in bundle.people and sarah.pk in bundle.people


def test_who_takes_a_seat_or_is_paged_within_the_second_is_told_so(
    incident: Incident, sarah: User, alex: User
) -> None:
    first, second = viewers(2, roles=("engineer", "ic"))
    me = User.objects.get(name="Viewer 1")
    after = note(incident, sarah)
    poll(first, incident, after)

    do(incident, "pages", sarah, T0 + minutes(4), person=me.uid, text="wake up")
    incident.refresh_from_db()
    told = poll(second, incident, after)
    do(incident, "seats", sarah, T0 + minutes(5), role="scribe", person=me.uid)
    incident.refresh_from_db()
    seated = poll(second, incident, after)

    assert second.quick == 0
    assert "You are paged" in told.content.decode()
    assert re.search(r"I have it|you\b", seated.content.decode())


def test_who_is_given_or_loses_a_role_within_the_second_sees_what_that_role_sees(
    incident: Incident, sarah: User, alex: User
) -> None:
    first, second, third = viewers(3, roles=("engineer", "ic"))
    after = note(incident, alex)
    poll(first, incident, after)

    User.objects.filter(name="Viewer 1").update(roles=["engineer"])
    User.objects.filter(name="Viewer 2").update(zone="Asia/Kathmandu")
    poll(second, incident, after)
    poll(third, incident, after)

    assert (second.quick, third.quick) == (0, 0)


def test_whoever_the_record_names_gets_an_answer_of_their_own(
    incident: Incident, sarah: User, alex: User
) -> None:
    stranger, another = viewers(2, zone=alex.zone)  # who differ from Alex in nothing else
    named = signed_in(alex)
    do(incident, "pages", sarah, T0 + minutes(2), person=alex.uid, text="wake up")
    incident.refresh_from_db()
    after = note(incident, sarah)

    poll(stranger, incident, after)

    assert (poll(named, incident, after).status_code, named.quick) == (200, 0)
    assert (poll(another, incident, after).status_code, another.quick) == (200, 1)


@pytest.mark.parametrize(
    "fields", [{"roles": ("engineer", "ic")}, {"zone": "Asia/Kathmandu"}, {"roles": ("manager",)}]
)
def test_other_rights_and_another_zone_are_another_answer(
    incident: Incident, sarah: User, fields: dict[str, Any]
) -> None:
    (first,), (second,) = viewers(1), [signed_in(make_user("Another", **{"roles": ("engineer",), **fields}))]
    after = note(incident, sarah)

    poll(first, incident, after)
    poll(second, incident, after)

    assert second.quick == 0


def test_who_lost_the_right_or_the_session_is_told_nothing(incident: Incident, sarah: User) -> None:
    first, second, third = viewers(3)
    after = note(incident, sarah)
    poll(first, incident, after)

    User.objects.filter(name="Viewer 1").update(roles=["spectator"])
    User.objects.filter(name="Viewer 2").update(is_active=False)

    assert (poll(second, incident, after).status_code, second.quick) == (404, 0)
    assert (poll(third, incident, after).status_code, third.quick) == (401, 0)


def test_an_older_answer_is_never_given_for_a_newer_cursor(incident: Incident, sarah: User) -> None:
    first, second = viewers(2)
    after = note(incident, sarah, "one")
    poll(first, incident, after)

    note(incident, sarah, "two")
    told = poll(second, incident, after)

    assert second.quick == 0
    assert "two" in told.content.decode() and told["Desk-Rev"] == str(incident.rev)


def test_an_answer_is_given_for_a_second_only(
    incident: Incident, sarah: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = viewers(2)
    after = note(incident, sarah)
    poll(first, incident, after)

    monkeypatch.setattr(shared_poll, "FRESH", 0.0)
    poll(second, incident, after)

    assert second.quick == 0


def test_two_incidents_and_two_cursors_have_answers_of_their_own(sarah: User, alex: User) -> None:
    one, other = led(sarah, alex), led(sarah, alex)
    first, second = viewers(2)
    after = note(one, sarah, "in the first")
    note(other, sarah, "in the second")

    poll(first, one, after)

    assert "in the first" not in poll(second, other, after).content.decode()
    assert "in the first" in poll(second, one, after).content.decode()
    assert second.quick == 1
    poll(second, one, after - 1)
    assert second.quick == 1


@pytest.mark.parametrize("cookie", ["", "short", "x" * 31 + "'"])
def test_a_reader_without_a_token_of_the_usual_form_gets_it_from_the_view(
    incident: Incident, alex: User, cookie: str
) -> None:
    first, second = viewers(2, roles=("engineer", "ic"))
    after = note(incident, alex)
    poll(first, incident, after)
    second.cookies[settings.CSRF_COOKIE_NAME] = cookie

    answer = poll(second, incident, after)

    assert answer.status_code == 200
    assert second.quick == 0


def test_whoever_may_be_given_the_shared_answer_would_have_been_given_the_same(
    sarah: User, alex: User
) -> None:
    """Every person of this cast, from every cursor of a record with something in every region: what is rendered for
    nobody is to the byte what is rendered for each whom the record does not name."""
    incident = rich(sarah, alex)
    rights = [("engineer",), ("ic",), ("engineer", "ic"), ("manager",), ("comms",), ("admin", "engineer")]
    strangers = [
        make_user(f"Cast {number} {zone}", roles=roles, zone=zone)
        for number, roles in enumerate(rights)
        for zone in ("UTC", "America/St_Johns")
    ]
    cast = [sarah, alex, *(user for user in strangers if user.can_see_room)]
    now, compared, own = clock.now(), 0, 0

    for after in range(incident.rev):
        for viewer in cast:
            bundle = begin(Incident.objects.get(pk=incident.pk), viewer, now=now, tick=None)
            room, changed = news(bundle, after)
            names = [name for name in changed if name not in shared_poll.PERSONAL]
            if viewer.pk in (shared_poll.whose(bundle, names) or ()):
                own += 1
                continue
            request = HttpRequest()
            mine = room_page.regions(request, room, names)
            nobodys = room_page.regions(request, Room(shared_poll.for_nobody(bundle)), names)
            assert plain(mine) == plain(nobodys), f"{viewer.name} after {after}"
            compared += 1

    assert compared > 100 and own > 20
