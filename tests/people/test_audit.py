"""The security audit: nothing is changed or deleted, growth is bounded, and a chain shows what was tampered with."""

import threading
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, connection, connections, transaction

from people import audit, audit_chain
from people.audit import Event
from people.models import AuditEntry, AuditLink, AuditTally
from tests.factories import T0, minutes
from tests.people.factories import make_user

EVERYWHERE = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def owner() -> Generator[Any, None, None]:
    """The owner's connection, with the triggers out of the way: whoever holds the database."""
    with connections["owner"].cursor() as cursor:
        for table in ("people_auditentry", "people_auditlink"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield cursor
        for table in ("people_auditentry", "people_auditlink"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def some(count: int = 3) -> None:
    ines = make_user("Ines", roles=["admin"])
    for number in range(count):
        audit.record(
            Event.ROLES_CHANGED, by=ines, about=f"Person {number}", details={"n": number, "é": "ü", "x": None},
            address="192.0.2.7", now=T0 + minutes(number),
        )  # fmt: skip


@pytest.mark.django_db
def test_an_entry_says_who_what_when_and_from_where_and_keeps_the_name_of_then() -> None:
    ines = make_user("Ines", roles=["admin"])

    audit.record(
        Event.ROLES_CHANGED, by=ines, about="Omar", details={"to": "ic"}, address="192.0.2.7",
        request_id="r-1", now=T0,
    )  # fmt: skip
    ines.name = "Ines Two"
    ines.save()

    entry = AuditEntry.objects.get()
    assert (entry.event, entry.by, entry.by_name, entry.about) == ("roles_changed", ines, "Ines", "Omar")
    assert (entry.details, entry.address, entry.request_id, entry.at) == (
        {"to": "ic"},
        "192.0.2.7",
        "r-1",
        T0,
    )


@pytest.mark.django_db
def test_what_no_statement_can_carry_is_cleaned_and_what_is_secret_is_masked() -> None:
    audit.record(
        Event.DENIED, by=None, about="a\0b\ud800c" * 100,
        details={"password": "hunter2", "new": "s3cret", "why": "x\0y", "webhook_secret": "", "is_password": True},
        now=T0,
    )  # fmt: skip

    entry = AuditEntry.objects.get()
    assert entry.about == ("abc" * 100)[:200]
    assert entry.details == {
        "password": "***", "new": "***", "why": "xy", "webhook_secret": "", "is_password": True,
    }  # fmt: skip


@pytest.mark.parametrize("table", ["people_auditentry", "people_auditlink"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
@pytest.mark.django_db
def test_the_application_can_change_and_delete_nothing_of_it(table: str, statement: str) -> None:
    some()
    audit.seal(now=T0)
    column = "about = ''" if table == "people_auditentry" else "hash = ''"

    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        connection.cursor().execute(statement.format(table, column))


@EVERYWHERE
@pytest.mark.parametrize("table", ["people_auditentry", "people_auditlink"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_not_even_the_owner_changes_it_by_mistake(table: str, statement: str) -> None:
    some()
    audit.seal(now=T0)
    column = "about = ''" if table == "people_auditentry" else "hash = ''"

    with pytest.raises(ProgrammingError, match="append-only"):
        connections["owner"].cursor().execute(statement.format(table, column))


@EVERYWHERE
@pytest.mark.parametrize(
    ("tampering", "fault"),
    [
        ("UPDATE people_auditentry SET about = 'Nobody' WHERE about = 'Person 1'", "Link 2: entry"),
        ("UPDATE people_auditentry SET at = at + interval '1 s' WHERE about = 'Person 1'", "Link 2: entry"),
        ("UPDATE people_auditentry SET by_name = 'Omar' WHERE about = 'Person 0'", "Link 1: entry"),
        ("""UPDATE people_auditentry SET details = '{"n": 7}' WHERE about = 'Person 2'""", "Link 3: entry"),
        ("DELETE FROM people_auditlink WHERE seq = 2", "Link 2: it is missing; the next one is 3."),
        ("UPDATE people_auditlink SET hash = '\\x00' WHERE seq = 1", "Link 1: entry"),
        ("UPDATE people_auditlink SET prev_hash = '\\x00' WHERE seq = 2", "Link 2: it does not follow"),
    ],
)
def test_the_chain_names_the_first_link_that_is_not_what_was_written(
    owner: Any, tampering: str, fault: str
) -> None:
    some()
    audit.seal(now=T0)
    assert audit_chain.verify(now=T0)[1] == ""

    owner.execute(tampering)

    assert audit_chain.verify(now=T0)[1].startswith(fault)


@pytest.mark.django_db
def test_what_is_chained_is_chained_once_and_in_batches_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "BATCH", 2)
    some(5)

    sealed = audit.seal(now=T0), audit.seal(now=T0)
    some(2)

    assert sealed == (5, 0)
    assert audit.seal(now=T0) == 2
    assert list(AuditLink.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3, 4, 5, 6, 7]
    head, fault = audit_chain.verify(now=T0)
    assert (head.seq, fault) == (7, "")


@pytest.mark.django_db
def test_an_entry_that_nobody_chains_is_named_after_an_hour() -> None:
    some()
    written = AuditEntry.objects.order_by("pk").first().written_at  # type: ignore[union-attr]

    assert audit_chain.verify(now=written + timedelta(minutes=59))[1] == ""
    assert "is not in the chain" in audit_chain.verify(now=written + timedelta(minutes=61))[1]


@EVERYWHERE
def test_a_process_that_stops_while_it_chains_holds_up_nobody_who_writes() -> None:
    some()
    holding, done = threading.Event(), threading.Event()

    def stopped() -> None:
        with connections["owner"].cursor() as cursor, transaction.atomic(using="owner"):
            cursor.execute("SELECT pg_advisory_xact_lock(%s::bigint)", [audit._LOCK])
            holding.set()
            done.wait(20)
        connections["owner"].close()

    thread = threading.Thread(target=stopped)
    thread.start()
    holding.wait(20)
    try:
        some(1)
        audit.tally(Event.SIGN_IN_FAILED, by=None, about="somebody", now=T0)
        assert audit.seal(now=T0) == 0
    finally:
        done.set()
        thread.join()

    assert audit.seal(now=T0) == 5


@pytest.mark.django_db
def test_the_first_of_a_window_is_an_entry_at_once_and_the_repeats_are_one_more_at_its_end() -> None:
    for number in range(500):
        audit.tally(
            Event.SIGN_IN_FAILED, by=None, about="Sarah", address=f"192.0.2.{number % 200}",
            now=T0 + timedelta(milliseconds=number),
        )  # fmt: skip
    at_once = list(AuditEntry.objects.values_list("event", "about", "details"))
    audit.seal(now=T0 + minutes(2))  # the window is that of 06:40 to 06:50
    early = AuditEntry.objects.count()
    audit.seal(now=T0 + minutes(3))

    last = AuditEntry.objects.order_by("-pk").first()
    assert at_once == [("sign_in_failed", "Sarah", {})]
    assert early == 1
    assert last is not None and last.details == {"repeats": 499}
    assert (AuditEntry.objects.count(), AuditTally.objects.count()) == (2, 0)


@pytest.mark.django_db
def test_what_strangers_send_makes_a_bounded_number_of_rows_a_window() -> None:
    for number in range(400):
        audit.tally(
            Event.SIGN_IN_FAILED, by=None, about=f"stranger{number}@example.org", address="192.0.2.7", now=T0
        )

    assert AuditTally.objects.count() == audit.SUBJECTS + 1
    assert AuditEntry.objects.count() == audit.SUBJECTS + 1
    assert AuditTally.objects.get(about="others").count == 350
    assert AuditEntry.objects.order_by("-pk").values_list("about", flat=True)[0] == "others"


@pytest.mark.django_db
def test_nobody_fills_the_window_of_somebody_else() -> None:
    loud, quiet = make_user("Lou"), make_user("Quinn")
    for number in range(60):
        audit.tally(Event.DENIED, by=loud, about=f"GET /{number}/", now=T0)
    audit.tally(Event.DENIED, by=quiet, about="GET /administration/", now=T0)

    assert AuditEntry.objects.filter(by=loud).count() == audit.SUBJECTS + 1
    assert AuditEntry.objects.get(by=quiet).about == "GET /administration/"


@pytest.mark.django_db
def test_strangers_who_fill_a_window_hide_no_known_subject_of_it() -> None:
    audit.tally(Event.SIGN_IN_FAILED, by=None, about="Sarah", now=T0)
    for number in range(60):
        audit.tally(Event.SIGN_IN_FAILED, by=None, about=f"stranger{number}", now=T0)
    audit.tally(Event.SIGN_IN_FAILED, by=None, about="Sarah", now=T0)

    assert AuditTally.objects.get(about="Sarah").count == 2


@pytest.mark.django_db
def test_an_entry_goes_with_the_transaction_of_its_act() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        some()
        raise RuntimeError

    assert AuditEntry.objects.count() == 0
