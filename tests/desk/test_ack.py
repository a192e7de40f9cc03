"""Acknowledging by the link in a page's mail: one tap, once, without signing in, and no trace of the secret."""

import logging
import re
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings

from comms import delivery
from comms.models import Message
from desk.admission import admit_pending
from incidentdesk.kernel import clock, links
from incidentdesk.kernel.logs import MaskLinks
from incidents.models import Incident, TimelineEntry
from oncall.models import AckLink, Page
from people.models import User
from tests.factories import make_service, minutes
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


def mailed() -> str:
    """The path of the link in the page's mail, as it leaves."""
    body = delivery.parcel(Message.objects.earliest("pk"), {}).payload["body"]
    line = next(line for line in body.splitlines() if "/ack/" in line)
    return line.removeprefix(settings.BASE_URL)


def tap(phone: Client) -> Any:
    """Press the button of the page, with the token that its form carries."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', phone.get("/ack/").content.decode())
    return phone.post("/ack/", {"csrfmiddlewaretoken": found[1] if found else ""})


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
    assert (opened.status_code, opened["Location"]) == (302, "/ack/")
    assert incident.key in text and "SEV-1 Ledger: WriteErrors is high" in text and "min ago" in text
    assert (tapped.status_code, tapped["Location"]) == (303, "/ack/")
    assert "You acknowledged at" in after and f"/incidents/{incident.key}/" in after and "declare" in after
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
    phone.get(mailed())

    assert phone.post("/ack/").status_code == 403
    assert Page.objects.get().acknowledged_at is None


def test_a_link_works_once(anna: User) -> None:
    path, phone = mailed(), Client()
    phone.get(path)
    tap(phone)

    assert Client().get(path).status_code == 404
    assert phone.get("/ack/").status_code == 200, "the page still shows what the tap did"
    assert TimelineEntry.objects.filter(kind="page.acknowledged").count() == 1


def test_unknown_used_revoked_and_expired_links_get_one_answer_byte_for_byte(
    anna: User, now: datetime
) -> None:
    path = mailed()
    states = [
        {"used_at": now},
        {"revoked_at": now},
        {"created_at": now - timedelta(hours=73), "expires_at": now - minutes(60)},
    ]
    fresh = AckLink.objects.values("used_at", "revoked_at", "created_at", "expires_at").get()
    answers = [Client().get("/ack/" + "A" * 43 + "/"), Client().get("/ack/x/"), Client().get("/ack/")]

    for state in states:
        AckLink.objects.update(**{**fresh, **state})
        answers.append(Client().get(path))

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert all(not answer.cookies for answer in answers)


def test_the_time_of_a_refusal_tells_no_link_from_another(anna: User, now: datetime) -> None:
    AckLink.objects.update(revoked_at=now)
    browser = Client()
    ways = {
        "revoked": partial(browser.get, mailed()),
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
    phone.get(mailed())

    monkeypatch.setattr(clock, "now", lambda: now + minutes(15.5))

    assert phone.get("/ack/").status_code == 404
    assert phone.post("/ack/").status_code == 404


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

    answers = [phone.get(mailed()), phone.get("/ack/"), tap(phone), Client().get("/ack/x/")]

    assert {answer["Referrer-Policy"] for answer in answers} == {"no-referrer"}
    assert all("no-store" in answer["Cache-Control"] for answer in answers)
    assert phone.cookies[settings.ACK_COOKIE_NAME]["httponly"]


def test_the_secret_reaches_no_log() -> None:
    record = logging.LogRecord(
        "django.request", logging.WARNING, "", 1, "Not Found: %s", ("/ack/s3cret-token/",), None
    )

    MaskLinks().filter(record)

    assert record.getMessage() == "Not Found: /ack/***/"


def test_the_page_says_when_somebody_else_has_answered(anna: User, now: datetime) -> None:
    from desk import tick
    from desk.flows import ACTS
    from desk.forms.alerts import AcknowledgeForm
    from tests.factories import new_id

    tick.sweep(now=now + minutes(4))
    ben = User.objects.get(name="Ben")
    form = AcknowledgeForm()
    ACTS["acknowledgements"](
        Incident.objects.get().pk, form, by=ben, request_id=new_id(), now=now + minutes(4)
    )

    text = Client().get(mailed(), follow=True).content.decode()

    assert "Ben answered at" in text
