"""Words of severity: mapped by the protocol, and what nobody mapped counts as critical and is told once."""

import json
from typing import Any

import pytest

from comms.models import Message
from desk import admission
from desk.board import attention
from incidentdesk.kernel import clock
from incidents.lifecycle import store_protocol
from incidents.models import Incident
from incidents.protocol import default_text
from incidents.protocol.checks import check
from incidents.protocol.definition import ProtocolError
from oncall import senders
from oncall.hooks.alertmanager import parse
from oncall.models import Alert, Page
from tests.desk.doors import signed_in
from tests.factories import commander, make_service, minutes
from tests.oncall.makers import alert, body, make_source, receive
from tests.people.factories import make_team, make_user

pytestmark = pytest.mark.django_db


def came(token: str, name: str, **labels: Any) -> None:
    """One alert of a group of its own, admitted."""
    receive(token, alert(name, since=clock.now() - minutes(1), **labels), group=name)
    admission.admit_pending(now=clock.now())


@pytest.mark.parametrize("word", ["emergency", "fatal", "P1", "error", ""])
def test_a_word_that_nobody_mapped_pages_and_administrators_hear_of_it_once(word: str) -> None:
    first = commander("First")
    make_service("Ledger", team=make_team(people=[first]))
    root, token = make_user("Root", roles=("admin",), email="root@example.org"), make_source(clock.now())

    came(token, "Down", severity=word)
    came(token, "Lower", severity=word)

    assert Page.objects.filter(user=first).exists()
    mails = Message.objects.filter(dest="root@example.org", payload__thread="desk.words")
    assert mails.count() == 1
    assert dict(attention.counts(now=clock.now()))["severity-words"] == 1
    assert "1 severity word of alerts is not mapped" in signed_in(root).get("/").content.decode()


def test_a_warning_with_nothing_open_is_on_the_desk_until_it_ends() -> None:
    make_service("Ledger")
    token, since = make_source(clock.now()), clock.now() - minutes(3)
    viewer = signed_in(make_user("Priya", roles=("engineer",)))
    receive(token, alert("DiskFilling", since=since, severity="warning"))
    admission.admit_pending(now=clock.now())

    firing = viewer.get("/").content.decode()
    receive(token, alert("DiskFilling", since=since, until=clock.now(), severity="warning"))
    admission.admit_pending(now=clock.now())

    assert "DiskFilling is high" in firing
    assert "DiskFilling" not in viewer.get("/").content.decode()
    assert not Incident.objects.exists()


@pytest.mark.parametrize(
    ("name", "word"), [("Slow", "info"), ("Slow", "none"), ("Watchdog", "critical"), ("DeadMansSwitch", "")]
)
def test_what_is_only_stored_opens_nothing_joins_nothing_and_is_on_no_page(name: str, word: str) -> None:
    make_service("Ledger", team=make_team(people=[commander("First")]))
    token = make_source(clock.now())
    came(token, "Down", severity="critical")
    pages = Page.objects.count()

    receive(token, alert(name, since=clock.now() - minutes(1), severity=word), group="Down")
    admission.admit_pending(now=clock.now())

    assert Alert.objects.get(name=name).incident is None
    assert Page.objects.count() == pages and Incident.objects.count() == 1
    assert name not in signed_in(make_user("Priya", roles=("engineer",))).get("/").content.decode()


def test_the_protocol_maps_words_in_any_case_and_a_loaded_one_is_asked() -> None:
    text = default_text().replace('page = "critical"', 'page = "critical", Emergency = "warning"')
    store_protocol(text, now=clock.now())
    told = body(alert("Down", since=clock.now(), severity="EMERGENCY"))
    senders._words.clear()

    assert [each.critical for each in parse(told, senders.words()).alerts] == [False]
    senders._words.clear()


def test_a_meaning_that_does_not_exist_is_refused_with_a_sentence() -> None:
    text = default_text().replace('page = "critical"', 'page = "urgent"')

    with pytest.raises(ProtocolError, match="maps 'page' to 'urgent'"):
        check(text)


def test_a_watchdog_is_stored_whatever_word_it_has() -> None:
    (found,) = parse(body(alert("Watchdog", since=clock.now(), severity="critical"))).alerts

    assert (found.critical, found.severity_label) == (False, "none")
    assert json.loads(json.dumps(dict(found.payload["labels"])))["severity"] == "critical"


def test_a_stranger_s_token_makes_no_source_read_the_protocol_again() -> None:
    token = make_source(clock.now())
    receive(token, alert("Down", since=clock.now() - minutes(1)))
    senders.words()

    senders.may_send("idesk_nobody_s")

    assert senders._words, "each try of a stranger would cost every source a query and a parse"


def test_words_that_are_forgotten_while_somebody_asks_for_them_are_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another thread empties the memory between the look and the answer; the alert must come in all the same."""

    class Forgetting(dict[str, Any]):
        def __setitem__(self, name: str, value: Any) -> None:
            """Set by this thread, gone by another."""

    monkeypatch.setattr(senders, "_words", Forgetting())

    assert senders.words().is_known("critical")
