"""A secret can be taken out of a record by an administrator, on the owner's connection, and never without a mark."""

from collections.abc import Generator
from io import StringIO

import pytest
from django.contrib.postgres.search import SearchQuery
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.utils import ProgrammingError

from comms.models import Message, UpdateText
from desk import admission
from desk.models import Idempotency
from desk.redacting import redact
from desk.room.load import begin
from desk.room.regions import REGIONS
from desk.room.view import news
from incidentdesk.kernel import clock
from incidentdesk.kernel.errors import Invalid, NotAllowed
from incidents.models import EntryText, Incident, TimelineEntry
from incidents.verify import verify
from oncall.models import Alert
from tests.factories import T0, commander, do, make_incident, make_service, minutes
from tests.oncall.makers import alert, make_source, receive
from tests.people.factories import make_team, make_user

EVERYWHERE = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def as_owner() -> Generator[None, None, None]:
    """What `manage.py redact` has: the owner's address in place of the application's."""
    application, connections["default"] = connections["default"], connections["owner"]
    yield
    connections["default"] = application


def with_a_secret() -> Incident:
    """Its last entry holds a password."""
    ic = commander()
    incident = make_incident(by=ic)
    do(incident, "entries", ic, T0 + minutes(1), kind="note", text="the password is hunter2")
    return incident


@EVERYWHERE
@pytest.mark.ledger("RBAC-13")
def test_a_redacted_text_is_gone_and_a_mark_says_who_and_why(as_owner: None) -> None:
    incident, out = with_a_secret(), StringIO()
    admin = make_user(name="Ada", roles=("admin",))
    secret = incident.seq

    call_command("redact", incident.key, str(secret), by=admin.email, reason="a password", stdout=out)

    incident.refresh_from_db()
    mark = TimelineEntry.objects.get(incident=incident, seq=incident.seq)
    assert (mark.kind, mark.payload, mark.author, mark.role) == ("redacted", {"of": secret}, admin, "admin")
    assert EntryText.objects.get(incident=incident, seq=mark.seq).body == {"reason": "a password"}
    assert "hunter2" not in str(list(EntryText.objects.filter(incident=incident).values_list("body")))
    assert TimelineEntry.objects.filter(incident=incident, seq=secret, kind="note").exists()
    assert verify(incident) is None
    assert f"entry {mark.seq}" in out.getvalue()


@EVERYWHERE
@pytest.mark.ledger("RBAC-13")
def test_nobody_but_an_administrator_redacts(as_owner: None) -> None:
    incident = with_a_secret()

    for role in ("manager", "ic", "comms", "executive"):
        with pytest.raises(NotAllowed):
            redact(incident, incident.seq, reason="why", by=make_user(roles=(role,)), now=T0 + minutes(2))

    assert EntryText.objects.get(incident=incident, seq=incident.seq).body


@EVERYWHERE
def test_what_has_no_text_and_what_has_no_reason_is_refused(as_owner: None) -> None:
    incident = with_a_secret()
    admin = make_user(roles=("admin",))
    redact(incident, incident.seq, reason="a password", by=admin, now=T0 + minutes(2))

    with pytest.raises(Invalid, match="no text"):
        redact(incident, incident.seq, reason="twice", by=admin, now=T0 + minutes(3))
    with pytest.raises(Invalid, match="reason"):
        redact(incident, 1, reason=" ", by=admin, now=T0 + minutes(3))
    with pytest.raises(CommandError, match="active person"):
        call_command("redact", incident.key, "1", by="nobody@example.com", reason="why")


@EVERYWHERE
def test_on_the_connection_of_the_application_nothing_is_blanked_and_no_mark_is_left() -> None:
    incident = with_a_secret()

    with pytest.raises(ProgrammingError, match="permission denied"):
        redact(incident, incident.seq, reason="why", by=make_user(roles=("admin",)), now=T0 + minutes(2))

    assert not TimelineEntry.objects.filter(incident=incident, kind="redacted").exists()
    assert EntryText.objects.get(incident=incident, seq=incident.seq).body


@EVERYWHERE
@pytest.mark.ledger("RBAC-13")
def test_redacted_words_leave_title_updates_waiting_mail_search_and_open_pages(as_owner: None) -> None:
    ic, alex = commander(), make_user("Alex", roles=("engineer",))
    admin = make_user(name="Ada", roles=("admin",))
    incident = make_incident(by=ic, title="SEV-1: Ledger: the password is hunter2")
    do(incident, "seats", ic, T0, role="ic")
    do(incident, "updates", ic, T0 + minutes(1), audiences=["responders"], impact="the password is hunter2")
    do(incident, "entries", alex, T0 + minutes(2), kind="question", to=ic.uid, text="the password is hunter2")
    do(
        incident,
        "entries",
        alex,
        T0 + minutes(2),
        kind="finding",
        source="log",
        value="1",
        text="the password is hunter2",
    )
    secret, rev = incident.seq, incident.rev

    done = redact(incident, secret, reason="a password", by=admin, now=T0 + minutes(3))

    incident.refresh_from_db()
    kept = [
        *UpdateText.objects.values_list("body", "subject", "data"),
        *Message.objects.values_list("payload"),
    ]
    assert "hunter2" not in str(kept)
    assert "[redacted]" in incident.title
    assert not Incident.objects.filter(words=SearchQuery("hunter2", config="simple"), entries__seq=1).exists()
    room, names = news(begin(incident, ic, now=T0 + minutes(4), tick=None), rev)
    assert set(names) == set(REGIONS)
    assert secret in [row.seq for row in room.bundle.rows]
    assert all(
        entry.text != "the password is hunter2" for entry in room.timeline.entries if entry.seq == secret
    )
    assert room.state.redacted == done.mark
    assert secret - 1 in done.also


@EVERYWHERE
def test_what_an_alert_said_is_gone_from_every_place_that_shows_the_alert(as_owner: None) -> None:
    make_service("Ledger", team=make_team(people=[commander("First")]))
    told = alert("Leak", since=clock.now() - minutes(1), service="ledger", login="hunter2")
    said = {"summary": "of hunter2", "value": "hunter2 " * 12}
    receive(
        make_source(clock.now()), {**told, "annotations": said, "generatorURL": "http://p.example/?q=hunter2"}
    )
    admission.admit_pending(now=clock.now())
    row, admin = Alert.objects.get(), make_user(roles=["admin"])
    assert row.incident is not None
    fired = TimelineEntry.objects.get(incident=row.incident, kind="alert.fired")

    redact(row.incident, fired.seq, reason="a password in a label", by=admin, now=clock.now())

    row.refresh_from_db()
    assert "hunter2" not in f"{row.name} {row.summary} {row.value} {row.payload}"
    assert (row.generator_url, row.runbook_url) == ("", "")


@EVERYWHERE
@pytest.mark.ledger("RBAC-13")
def test_redacted_words_leave_the_answers_that_are_kept_and_a_repeat_does_nothing_twice(
    as_owner: None,
) -> None:
    ic, admin = commander(), make_user(name="Ada", roles=("admin",))
    incident = make_incident(by=ic)
    do(incident, "entries", ic, T0 + minutes(1), kind="note", text="the password is hunter2")
    said = {"sentence": "Noted: the password is hunter2.", "warnings": ["the password is hunter2"]}
    for number, answer in enumerate(({**said, "incident": incident.key}, {"sentence": said["sentence"], "blocks": []}, {**said, "incident": "INC-1"})):  # fmt: skip
        Idempotency.objects.create(
            actor=ic, request_id=f"r-{number}", request_hash="h", status=200, answer=answer, at=T0
        )

    redact(incident, incident.seq, reason="a password", by=admin, now=T0 + minutes(2))

    kept = dict(Idempotency.objects.filter(request_hash="h").values_list("request_id", "answer"))
    assert kept["r-0"] == {
        "sentence": "Noted: [redacted].",
        "warnings": ["[redacted]"],
        "incident": incident.key,
    }
    assert kept["r-1"] == {"sentence": "Noted: [redacted].", "blocks": []}
    assert "hunter2" in str(kept["r-2"])  # another incident's words are redacted there
