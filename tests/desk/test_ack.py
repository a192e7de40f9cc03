"""Acknowledging by the link in a page's mail: one tap, once, without signing in, and no trace of the secret."""

import logging
import re
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.core import signing
from django.test import Client, override_settings

from comms import bundles, delivery, outbox
from comms.models import Message
from desk import tick
from desk.admission import admit_pending
from desk.flows import ACTS
from desk.forms.alerts import AcknowledgeForm
from incidentdesk.kernel import clock, links
from incidentdesk.kernel.logs import MaskLinks
from incidentdesk.kernel.stamps import stamp
from incidents.models import Incident, TimelineEntry
from oncall.models import AckLink, Page
from people.models import AuditEntry, User
from tests.factories import make_service, minutes, new_id
from tests.held import held
from tests.oncall.makers import alert, make_source, receive
from tests.people.factories import make_team, make_user
from tests.people.timing import widest_gap

pytestmark = pytest.mark.django_db


@pytest.fixture
def now() -> datetime:
    return clock.now()


@pytest.fixture
def anna(now: datetime) -> User:
    """On call, and paged a minute ago."""
    anna = make_user("Anna", roles=("ic", "engineer"), zone="Europe/Berlin")
    make_service("Ledger", team=make_team("Payments", people=(anna, make_user("Ben"))))
    receive(make_source(now), alert(since=now - minutes(2)))
    admit_pending(now=now - minutes(1))
    return anna


def mailed(message: Message | None = None) -> str:
    """The path of the link in a page's mail, as it leaves."""
    body = delivery.parcel([message or Message.objects.earliest("pk")], {}, {}).payload["body"]
    line = next(line for line in body.splitlines() if "/ack/" in line)
    return line.removeprefix(settings.BASE_URL)


def opened(phone: Client, path: str) -> str:
    """The page that a tab of this browser shows after the link was opened in it."""
    return phone.get(path, follow=True).content.decode()


def tap(phone: Client, tab: str, **pressed: str) -> Any:
    """Press the button of a page, with the token that its form carries."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', tab)
    return phone.post("/ack/", {"csrfmiddlewaretoken": found[1] if found else "", **pressed})


def berlin(at: datetime | None) -> str:
    """A time as Anna reads it, without seconds' fractions: in Berlin, first."""
    assert at is not None
    local = at.astimezone(ZoneInfo("Europe/Berlin"))
    return f"{local:%H:%M:%S} {local:%Z}"


@pytest.mark.ledger("ALR-04")
def test_one_tap_on_the_link_acknowledges_as_that_person_without_signing_in(anna: User) -> None:
    phone = Client(enforce_csrf_checks=True)

    opened = phone.get(mailed())
    page = phone.get(opened["Location"])
    text = page.content.decode()
    token = text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    tapped = phone.post("/ack/", {"csrfmiddlewaretoken": token})
    after = phone.get(tapped["Location"]).content.decode()

    incident = Incident.objects.get()
    assert (opened.status_code, opened["Location"].split("=")[0]) == (302, "/ack/?link")
    assert incident.key in text and "SEV-1 Ledger: WriteErrors is high" in text and "min ago" in text
    assert (tapped.status_code, tapped["Location"]) == (303, opened["Location"])
    assert "Anna acknowledged at" in after and f"/incidents/{incident.key}/" in after and "declare" in after
    assert Page.objects.get().acknowledged_by == anna
    entry = TimelineEntry.objects.get(kind="page.acknowledged")
    assert (entry.author, entry.payload) == (anna, {"page": 1, "via": "link"})
    assert incident.owner == anna


def test_opening_the_link_acknowledges_nothing(anna: User) -> None:
    scanner = Client()

    scanner.get(mailed(), follow=True)
    scanner.head(mailed())

    assert Page.objects.get().acknowledged_at is None
    assert AckLink.objects.get().used_at is None


def test_a_tap_without_the_pages_own_token_is_refused(anna: User) -> None:
    phone = Client(enforce_csrf_checks=True)
    ref = phone.get(mailed())["Location"].partition("=")[2]

    assert phone.post("/ack/", {"csrfmiddlewaretoken": f"{ref}:forged"}).status_code == 403
    assert phone.post("/ack/").status_code == 404
    assert Page.objects.get().acknowledged_at is None


@pytest.mark.ledger("ALR-04")
def test_two_links_in_two_tabs_of_one_browser_each_acknowledge_their_own_page(
    anna: User, now: datetime
) -> None:
    receive(make_source(now, user=User.objects.get(name="Monitoring")), alert("Lag", since=now), group="g2")
    admit_pending(now=now)
    first, second = (mailed(message) for message in Message.objects.order_by("pk"))
    browser = Client(enforce_csrf_checks=True)
    tabs = [opened(browser, first), opened(browser, second)]

    tapped = [tap(browser, tab) for tab in tabs]

    assert [answer.status_code for answer in tapped] == [303, 303]
    assert Page.objects.filter(acknowledged_by=anna).count() == 2
    assert TimelineEntry.objects.filter(kind="page.acknowledged").count() == 2


def test_a_page_that_an_older_version_opened_still_acknowledges(anna: User, now: datetime) -> None:
    browser = Client(enforce_csrf_checks=True)
    cookie = signing.dumps([AckLink.objects.get().pk, stamp(now)], salt="desk.ack")
    browser.cookies[settings.ACK_COOKIE_NAME] = cookie

    token = signing.Signer(salt="desk.ack.form").signature(cookie)

    assert browser.post("/ack/", {"csrfmiddlewaretoken": token}).status_code == 303
    assert Page.objects.get().acknowledged_by == anna


def test_a_browser_keeps_a_dozen_opened_links_and_drops_the_oldest(anna: User) -> None:
    phone = Client()
    for number in range(20):
        old = signing.dumps([number, stamp(clock.now() - minutes(20 - number))], salt="desk.ack")
        phone.cookies[f"{settings.ACK_COOKIE_NAME}-{number:016}"] = old

    phone.get(mailed())

    kept = [name for name, morsel in phone.cookies.items() if morsel.value]
    assert len(kept) == 12
    assert (
        f"{settings.ACK_COOKIE_NAME}-{19:016}" in kept and f"{settings.ACK_COOKIE_NAME}-{8:016}" not in kept
    )


def test_a_link_works_once_and_says_afterwards_who_used_it_and_when(anna: User) -> None:
    path, phone = mailed(), Client()
    tap(phone, opened(phone, path))

    elsewhere = Client()
    again = opened(elsewhere, path)

    at = berlin(Page.objects.get().acknowledged_at)
    assert f"Anna acknowledged at {at}" in again and "with this link" in again
    assert "csrfmiddlewaretoken" not in again and "<button" not in again.split("<main")[1]
    assert TimelineEntry.objects.filter(kind="page.acknowledged").count() == 1
    assert AuditEntry.objects.filter(event="link_used", by_id=anna.pk).count() == 1


def test_a_link_opened_elsewhere_unused_can_be_used_there_and_the_first_tab_says_so(anna: User) -> None:
    path, phone, tablet = mailed(), Client(), Client()
    tab = opened(phone, path)
    tap(tablet, opened(tablet, path))

    answer = tap(phone, tab)

    assert answer.status_code == 303
    assert "Anna acknowledged at" in phone.get(answer["Location"]).content.decode()
    assert TimelineEntry.objects.filter(kind="page.acknowledged").count() == 1


def test_a_link_whose_page_was_answered_otherwise_says_by_whom_and_when(anna: User, now: datetime) -> None:
    path, ben = mailed(), User.objects.get(name="Ben")
    ACTS["acknowledgements"](
        Incident.objects.get().pk, AcknowledgeForm(page=1), by=ben, request_id=new_id(), now=now
    )

    text = opened(Client(), path)

    assert f"Ben acknowledged at {berlin(now)}" in text and "without this link" in text


def test_a_link_that_has_run_out_says_until_when_it_was_valid(anna: User, now: datetime) -> None:
    over = now - minutes(60)
    AckLink.objects.update(created_at=over - timedelta(hours=72), expires_at=over)
    phone = Client()

    text = opened(phone, mailed())

    assert f"valid until {berlin(over)}" in text and "This link has expired" in text
    assert "csrfmiddlewaretoken" not in text
    assert Page.objects.get().acknowledged_at is None


def test_unknown_links_and_those_of_people_put_out_get_one_answer_byte_for_byte(anna: User) -> None:
    path = mailed()
    answers = [Client().get("/ack/" + "A" * 43 + "/"), Client().get("/ack/x/"), Client().get("/ack/")]

    User.objects.update(is_active=False)
    answers.append(Client().get(path))

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert all(not answer.cookies for answer in answers)


def test_the_time_of_a_refusal_tells_no_link_from_another(anna: User, now: datetime) -> None:
    User.objects.update(is_active=False)
    browser = Client()
    ways = {
        "put out": partial(browser.get, mailed()),
        "unknown": partial(browser.get, "/ack/" + "A" * 43 + "/"),
    }

    assert widest_gap(ways, samples=150, rounds=8, within=0.10) < 0.10


def test_a_link_of_somebody_who_was_put_out_opens_nothing(anna: User) -> None:
    path = mailed()
    User.objects.filter(pk=anna.pk).update(is_active=False)

    assert Client().get(path).status_code == 404


def test_the_cookie_lasts_a_quarter_of_an_hour(
    anna: User, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = Client()
    clean = phone.get(mailed())["Location"]
    tab = phone.get(clean).content.decode()

    monkeypatch.setattr(clock, "now", lambda: now + minutes(15.5))

    assert phone.get(clean).status_code == 404
    assert tap(phone, tab).status_code == 404


def test_a_link_is_stored_only_as_a_digest_and_ends_within_72_hours(anna: User) -> None:
    token = mailed().split("/")[2]
    link = AckLink.objects.get()

    assert link.digest == links.digest(token)
    assert token not in str(AckLink.objects.values().get())
    assert link.expires_at - link.created_at <= timedelta(hours=72)


def test_a_page_that_waits_through_a_rotation_of_the_key_still_carries_the_right_link(anna: User) -> None:
    old = settings.SECRET_KEY

    with override_settings(
        SECRET_KEY="n" * 10 + "ew-key-of-more-than-fifty-characters-0123456789", SECRET_KEY_FALLBACKS=[old]
    ):
        path = mailed()

        assert Client().get(path).status_code == 302


def test_no_referrer_carries_the_address_away_and_no_cache_keeps_it(anna: User) -> None:
    phone = Client()

    first = phone.get(mailed())
    page = phone.get(first["Location"])
    answers = [first, page, tap(phone, page.content.decode()), Client().get("/ack/x/")]

    assert {answer["Referrer-Policy"] for answer in answers} == {"no-referrer"}
    assert all("no-store" in answer["Cache-Control"] for answer in answers)
    (cookie,) = (
        cookie for name, cookie in phone.cookies.items() if name.startswith(settings.ACK_COOKIE_NAME)
    )
    assert cookie["httponly"]


def test_the_secret_reaches_no_log() -> None:
    record = logging.LogRecord(
        "django.request", logging.WARNING, "", 1, "Not Found: %s", ("/ack/s3cret-token/",), None
    )

    MaskLinks().filter(record)

    assert record.getMessage() == "Not Found: /ack/***/"


def test_the_page_says_when_somebody_else_has_answered(anna: User, now: datetime) -> None:
    tick.sweep(now=now + minutes(4))
    ben = User.objects.get(name="Ben")
    form = AcknowledgeForm()
    ACTS["acknowledgements"](
        Incident.objects.get().pk, form, by=ben, request_id=new_id(), now=now + minutes(4)
    )

    text = Client().get(mailed(), follow=True).content.decode()

    assert "Ben acknowledged at" in text


def in_one_mail(now: datetime, *names: str) -> list[str]:
    """Further outages of the same service, all of whose pages leave in one mail to Anna: the paths of the links."""
    token = make_source(now, user=User.objects.get(name="Monitoring"))
    for name in names:
        receive(token, alert(name, since=now), group=name)
    admit_pending(now=now)
    claimed = outbox.claim(limit=100, now=now, lease=timedelta(seconds=30))
    (mail,) = bundles.gather(claimed)
    body = delivery.parcel(mail, {}, bundles.written(mail, now=now)).payload["body"]
    return [line.removeprefix(settings.BASE_URL) for line in body.splitlines() if "/ack/" in line]


def test_one_tap_can_acknowledge_every_page_of_a_mail(anna: User, now: datetime) -> None:
    first, _, _ = in_one_mail(now, "Lag", "Pool")
    phone = Client(enforce_csrf_checks=True)
    tab = opened(phone, first)

    answer = tap(phone, tab, all="1")

    assert "3 pages came in this email" in tab and "Acknowledge all 3" in tab
    assert all(incident.key in tab for incident in Incident.objects.all())
    assert answer.status_code == 303
    assert Page.objects.filter(acknowledged_by=anna).count() == 3
    assert {incident.owner for incident in Incident.objects.all()} == {anna}
    assert AuditEntry.objects.filter(event="link_used", by_id=anna.pk).count() == 3


def test_the_other_button_acknowledges_one_page_and_the_other_chains_go_on(anna: User, now: datetime) -> None:
    first, second = in_one_mail(now, "Lag")
    phone = Client()

    tap(phone, opened(phone, first))
    tick.sweep(now=now + minutes(6))

    assert Page.objects.filter(acknowledged_by=anna).count() == 1
    assert Page.objects.filter(user__name="Ben").count() == 1
    assert "Acknowledge all" not in opened(phone, second), "the first is answered, so one is left"


def test_a_link_answers_no_page_that_came_in_another_mail(anna: User, now: datetime) -> None:
    in_one_mail(now, "Lag")
    receive(
        make_source(now, user=User.objects.get(name="Monitoring")), alert("Later", since=now), group="later"
    )
    admit_pending(now=now)
    alone = mailed(Message.objects.latest("pk"))
    phone = Client()

    tap(phone, opened(phone, alone), all="1")

    assert list(Page.objects.filter(acknowledged_by=anna).values_list("incident__title", flat=True)) == [
        "SEV-1 Ledger: Later is high"
    ]


@pytest.mark.django_db(transaction=True)
def test_an_incident_in_other_hands_keeps_its_link_and_the_others_of_the_mail_are_answered(
    anna: User, now: datetime
) -> None:
    first, _ = in_one_mail(now, "Lag")
    phone = Client()
    tab = opened(phone, first)
    busy = Incident.objects.latest("pk")

    with held("SELECT 1 FROM incidents_incident WHERE id = %s FOR NO KEY UPDATE", busy.pk):
        answer = tap(phone, tab, all="1")

    assert answer.status_code == 422 and f"Nothing was saved for {busy.key}" in answer.content.decode()
    assert Page.objects.get(acknowledged_by=anna).incident != busy
    assert AckLink.objects.get(incident=busy).used_at is None


@pytest.mark.ledger("ALR-04")
def test_the_page_behind_the_link_says_what_fired_that_it_resolved_and_who_did_not_answer(
    anna: User, now: datetime
) -> None:
    token = make_source(now, user=User.objects.get(name="Monitoring"))
    tick.sweep(now=now + minutes(4))
    receive(token, alert(since=now - minutes(2), until=now))
    admit_pending(now=now + minutes(5))

    text = opened(Client(), mailed(Message.objects.get(dest=User.objects.get(name="Ben").email)))

    assert f"resolved at {now:%H:%M:%S}" in text and "WriteErrors" in text
    assert "Not acknowledged: Anna at " in text
    assert "Next, if nobody acknowledges: Anna, Ben at" in text
