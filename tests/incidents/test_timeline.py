"""The record is append-only, chained and verifiable: by privilege, by trigger and by arithmetic."""

import itertools
import json
from collections.abc import Callable
from importlib import import_module
from io import StringIO
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.db.utils import DatabaseError, ProgrammingError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from incidents import timeline
from incidents.models import Deadline, EntryText, Incident, TimelineEntry
from incidents.protocol import FOLD_VERSION
from incidents.verify import verify
from tests.at_once import at_once
from tests.factories import T0, commander, do, make_incident, minutes

TABLES = ("incidents_timelineentry", "incidents_entrytext")


def written() -> Incident:
    """An incident with a handful of entries."""
    ic = commander()
    incident = make_incident(by=ic)
    do(incident, "seats", ic, T0 + minutes(1), role="ic")
    do(incident, "entries", ic, T0 + minutes(2), kind="note", text="first")
    do(incident, "entries", ic, T0 + minutes(3), kind="note", text="second")
    return incident


@pytest.mark.django_db
@pytest.mark.ledger("FIND-08", "RBAC-13")
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", ["UPDATE {} SET seq = seq", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_application_has_no_privilege_to_change_the_record(table: str, statement: str) -> None:
    written()

    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        connection.cursor().execute(statement.format(table))


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET seq = seq + 0", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
def test_triggers_refuse_the_owner_too(table: str, statement: str) -> None:
    written()

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(using="owner"):
        connections["owner"].cursor().execute(statement.format(table))


def change(incident: Incident) -> str:
    """Another payload in the middle."""
    return (
        f"UPDATE incidents_timelineentry SET payload = '{{}}' WHERE incident_id = {incident.pk} AND seq = 2"
    )


def delete(incident: Incident) -> str:
    """One entry gone."""
    return f"DELETE FROM incidents_timelineentry WHERE incident_id = {incident.pk} AND seq = 3"


def swap(incident: Incident) -> str:
    """Two entries change places."""
    return (
        f"UPDATE incidents_timelineentry SET seq = CASE seq WHEN 3 THEN 1003 ELSE 1004 END "
        f"WHERE incident_id = {incident.pk} AND seq IN (3, 4); "
        f"UPDATE incidents_timelineentry SET seq = CASE seq WHEN 1003 THEN 4 ELSE 3 END "
        f"WHERE incident_id = {incident.pk} AND seq > 1000"
    )


def cut(incident: Incident) -> str:
    """The last two entries cut off, the incident's row untouched."""
    return (
        f"DELETE FROM incidents_timelineentry WHERE incident_id = {incident.pk} AND seq > {incident.seq - 2}"
    )


def retext(incident: Incident) -> str:
    """Another text under an entry."""
    return (
        f'UPDATE incidents_entrytext SET body = \'{{"text": "never said"}}\' '
        f"WHERE incident_id = {incident.pk} AND seq = {incident.seq}"
    )


def smuggle(incident: Incident) -> str:
    """One entry more behind the last one that the incident counts."""
    return (
        "INSERT INTO incidents_timelineentry (incident_id, seq, rev, kind, v, author_id, role, happened_at, recorded_at, "
        f"payload, text_hash, prev_hash, hash) SELECT incident_id, {incident.seq + 1}, rev + 1, kind, v, author_id, role, "
        "happened_at, recorded_at, payload, text_hash, hash, sha256(hash) FROM incidents_timelineentry "
        f"WHERE incident_id = {incident.pk} AND seq = {incident.seq}"
    )


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
@pytest.mark.parametrize(
    ("tamper", "bad"),
    [(change, 2), (delete, 3), (swap, 3), (cut, -1), (retext, 0), (smuggle, 1)],
    ids=["changed", "deleted", "swapped", "cut off", "text changed", "smuggled in"],
)
def test_verify_timeline_names_the_first_bad_seq(tamper: Callable[[Incident], str], bad: int) -> None:
    incident = written()
    expected = incident.seq + bad if tamper in (cut, retext, smuggle) else bad

    with connections["owner"].cursor() as owner:
        for table in TABLES:
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        owner.execute(tamper(incident))
    out = StringIO()

    with pytest.raises(CommandError):
        call_command("verify_timeline", incident.key, stdout=out)
    assert f"{incident.key}: first bad seq {expected}." in out.getvalue()


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_blanked_text_breaks_neither_chain_nor_fold() -> None:
    incident = written()

    with connections["owner"].cursor() as owner:
        owner.execute("SELECT incidents_blank_text(%s, %s)", [incident.pk, incident.seq])

    assert EntryText.objects.get(incident=incident, seq=incident.seq).body == {}
    assert verify(incident) is None


@pytest.mark.django_db
def test_the_application_may_not_blank_a_text() -> None:
    incident = written()

    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        connection.cursor().execute("SELECT incidents_blank_text(%s, %s)", [incident.pk, 1])


@pytest.mark.django_db
def test_verify_finds_nothing_in_an_honest_record_and_refolds_its_state() -> None:
    incident = written()
    assert verify(incident) is None

    incident.state["owner"] = 999_999
    incident.save(update_fields=["state"])

    fault = verify(incident)
    assert fault is not None and "fold" in fault.what


def note(incident: Incident, text: str, at: int) -> None:
    """One act more on the incident, on a copy of its own."""
    do(
        Incident.objects.get(pk=incident.pk),
        "entries",
        commander("Nia"),
        T0 + minutes(at),
        kind="note",
        text=text,
    )


@pytest.mark.django_db
def test_a_record_that_grew_since_it_was_looked_up_is_a_good_one() -> None:
    incident = written()

    note(incident, "meanwhile", 4)

    assert verify(incident) is None


@pytest.mark.django_db
def test_a_record_that_grows_while_it_is_verified_is_a_good_one(monkeypatch: pytest.MonkeyPatch) -> None:
    incident = written()
    at, entry_of = itertools.count(4), timeline.entry_of

    def act_first(row: Any) -> Any:
        if row.incident_id == incident.pk and row.seq == 2 and (now := next(at)) < 9:
            note(incident, "meanwhile", now)
        return entry_of(row)

    monkeypatch.setattr(timeline, "entry_of", act_first)

    assert verify(incident) is None
    assert Incident.objects.get(pk=incident.pk).seq > incident.seq


@pytest.mark.django_db(transaction=True)
def test_no_good_record_is_named_on_a_running_desk() -> None:
    incident = written()
    over = Event()

    def act() -> None:
        try:
            for at in range(4, 44):
                note(incident, f"line {at}", at)
        finally:
            over.set()

    def look() -> None:
        while not over.is_set():
            call_command("verify_timeline", stdout=StringIO())  # raises where it names a record

    at_once(act, look)


@pytest.mark.django_db
def test_seq_has_no_gap_and_each_hash_covers_the_one_before() -> None:
    incident = written()

    rows = list(TimelineEntry.objects.filter(incident=incident).order_by("seq"))

    assert [row.seq for row in rows] == list(range(1, incident.seq + 1))
    assert all(bytes(b.prev_hash) == bytes(a.hash) for a, b in itertools.pairwise(rows))
    assert bytes(rows[-1].hash) == bytes(incident.head_hash)


@pytest.mark.django_db
def test_a_state_that_an_older_fold_stored_is_folded_anew_with_its_deadlines() -> None:
    incident = written()
    folded, due = incident.state, Deadline.objects.filter(incident=incident, state="armed").count()
    Incident.objects.filter(pk=incident.pk).update(fold_version=0, state={**folded, "clocks": {}, "owner": 1})
    Deadline.objects.filter(incident=incident).delete()
    out = StringIO()

    call_command("verify_timeline", incident.key, stdout=out)

    incident.refresh_from_db()
    assert (incident.state, incident.fold_version) == (folded, FOLD_VERSION)
    assert Deadline.objects.filter(incident=incident, state="armed").count() == due
    assert "folded anew" in out.getvalue()


@pytest.mark.django_db
def test_an_act_on_a_state_of_an_older_fold_stands_on_the_new_one() -> None:
    incident = written()
    folded = incident.state
    Incident.objects.filter(pk=incident.pk).update(fold_version=0, state={**folded, "findings": 99})

    do(incident, "entries", commander("Omar"), T0 + minutes(4), kind="note", text="third")

    assert (incident.state["findings"], incident.fold_version) == (folded["findings"], FOLD_VERSION)
    assert verify(incident) is None


@pytest.mark.django_db
def test_the_one_offer_that_an_older_state_knew_moves_to_its_seat_and_back() -> None:
    incident = written()
    moves = import_module("incidents.migrations.0008_a_seat_is_offered_beside_another")
    here = SimpleNamespace(connection=connection)
    older = {name: value for name, value in incident.state.items() if name != "offers"}
    offer = {"to": 1, "by": 2, "seq": 2}
    Incident.objects.filter(pk=incident.pk).update(state={**older, "offer": {"seat": "ic", **offer}})

    moves.forth(apps, here)
    incident.refresh_from_db()
    forth = incident.state
    moves.back(apps, here)
    incident.refresh_from_db()

    assert forth == {**older, "offers": {"ic": offer}}
    assert incident.state == {**older, "offer": {"seat": "ic", **offer}}


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS
PAYLOADS = st.dictionaries(
    WORDS, st.recursive(PLAIN, lambda each: st.lists(each, max_size=3) | st.dictionaries(WORDS, each, max_size=3))
)  # fmt: skip


@pytest.mark.django_db
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example({"users": -0.0, "list": [-0.0, {"deep": -0.0}]})
@example({"users": 1e16, "revenue": -1.5e300, "most": 1.7976931348623157e308, "nearly": 9999999999999998.0})
@example(
    {"users": 1e-7, "least": 5e-324, "below": -5e-324, "percent": 1e-310, "whole": 100.0, "big": 10**400}
)
@example({"text": "-0.0 and 1e+16 are words here", "e+": "-0.0"})
@given(PAYLOADS)
def test_every_payload_hashes_as_it_is_read_back(payload: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text", [timeline.canonical(payload).decode()])
        read = json.loads(cursor.fetchone()[0])

    assert timeline.canonical(read) == timeline.canonical(payload)
    assert read == payload


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_no_json_holds_is_refused_before_it_is_hashed(number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        timeline.canonical({"users": number})
