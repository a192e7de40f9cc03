"""No list is cut without a word: each says how many are missing."""

import pytest
from django.test import Client

from comms.models import Audience, Update, UpdateText
from desk.board import load as board
from desk.room import load as room_load
from desk.room import view as room_view
from desk.triage import title
from incidents.models import Incident
from runbooks.models import Runbook
from tests.desk.test_status import led
from tests.factories import T0, do, make_incident, make_service, minutes
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db


def sent(incident: Incident, many: int, audience: str = Audience.RESPONDERS) -> None:
    for number in range(1, many + 1):
        update = Update.objects.create(
            incident=incident, number=number, sent_at=T0 + minutes(number), status="open"
        )
        UpdateText.objects.create(
            update=update, audience=audience, subject=f"Update {number}", body="Nothing new."
        )


def test_the_room_says_how_many_texts_are_older_than_those_it_lists(client: Client) -> None:
    incident, ic = led()
    sent(incident, 27)
    client.force_login(ic)

    page = client.get(f"/incidents/{incident.key}/").content.decode()

    assert '<h2 id="h-sends">Texts sent</h2><span class="count">27</span>' in page
    assert "3 older not shown here." in page


def test_the_room_says_how_many_runbooks_it_does_not_list(client: Client) -> None:
    incident, ic = led()
    for n in range(23):
        Runbook.objects.create(title=f"Book {n:02}", slug=f"book-{n}", body="x", updated_at=T0).services.set(
            incident.services.all()
        )
    client.force_login(ic)

    assert "3 more runbooks not shown here." in client.get(f"/incidents/{incident.key}/").content.decode()


def test_the_desk_counts_all_open_incidents_and_says_how_many_it_does_not_list(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "MOST", 2)
    for n in range(5):
        make_incident(title=f"Trouble {n}")
    client.force_login(make_user("Eng", roles=("engineer",)))

    page = client.get("/").content.decode()

    assert '<span class="count">5</span>' in page and "5 active" in page
    assert "3 more open incidents not shown here." in page


def test_the_form_to_declare_says_how_many_open_incidents_are_alike(client: Client) -> None:
    service = make_service("Ledger")
    for n in range(7):
        make_incident(title=f"Trouble {n}", service=service)
    client.force_login(make_user("Eng", roles=("engineer",)))

    page = client.get(f"/declare/?services={service.slug}").content.decode()

    assert page.count("/incidents/INC-2026-") >= 5 and ">2 more</a>" in page


def test_a_summary_says_how_many_updates_are_older(client: Client) -> None:
    incident, _ = led()
    sent(incident, 53, Audience.EXECUTIVES)
    client.force_login(make_user("Chief", roles=("executive",)))

    assert (
        "3 older updates not shown here."
        in client.get(f"/incidents/{incident.key}/summary/").content.decode()
    )


def test_a_page_that_missed_more_than_one_answer_holds_is_told_how_much(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident, ic = led()
    monkeypatch.setattr(room_load, "CAUGHT_UP", 4)
    monkeypatch.setattr(room_view, "CAUGHT_UP", 4)
    since = incident.rev
    for n in range(6):
        do(incident, "entries", ic, T0 + minutes(n), kind="note", text=f"Line {n}")
    client.force_login(ic)

    answer = client.get(f"/incidents/{incident.key}/live/?after={since}").content.decode()
    whole = client.get(f"/incidents/{incident.key}/live/?after={incident.rev - 3}").content.decode()

    assert "Line 5" in answer and "Line 1" not in answer
    assert f'id="g-{incident.seq - 4}">2 entries not shown here.' in answer
    assert "not shown here" not in whole


def test_titles_and_texts_say_how_many_services_they_do_not_name() -> None:
    names = ["Ledger", "Checkout", "Search", "Mail"]

    assert title(1, names, "slow") == "SEV-1 Ledger, Checkout and 2 more: slow"
    assert title(1, names[:2], "slow") == "SEV-1 Ledger, Checkout: slow"
