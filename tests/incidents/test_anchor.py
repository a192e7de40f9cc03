"""Heads kept elsewhere show what a chain alone cannot: a cut-off end, a record rewritten with its hashes."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from incidents.models import Incident
from people import audit
from people.audit import Event
from tests.factories import T0, commander, do, make_incident, minutes

EVERYWHERE = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


def written() -> Incident:
    ic = commander()
    incident = make_incident(by=ic)
    for number in range(3):
        do(incident, "entries", ic, T0 + minutes(number + 1), kind="note", text=f"note {number}")
        audit.record(Event.SIGNED_IN, by=ic, about=ic.name, now=T0 + minutes(number))
    audit.seal(now=T0)
    return incident


def run(file: Path) -> str:
    out = StringIO()
    try:
        call_command("verify_timeline", anchor=file, stdout=out)
    except CommandError as error:
        return f"{out.getvalue()}refused: {error}"
    return out.getvalue()


def tamper(*statements: str) -> None:
    tables = ("incidents_timelineentry", "incidents_entrytext", "people_auditentry", "people_auditlink")
    with connections["owner"].cursor() as owner:
        for table in tables:
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            owner.execute(statement)
        for table in tables:
            owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def cut_the_timeline(incident: Incident) -> str:
    """Take the last entry away and bend the incident's own row to it, so that the chain itself is whole."""
    tamper(
        f"DELETE FROM incidents_entrytext WHERE incident_id = {incident.pk} AND seq = {incident.seq}",
        f"DELETE FROM incidents_timelineentry WHERE incident_id = {incident.pk} AND seq = {incident.seq}",
        f"UPDATE incidents_incident SET seq = {incident.seq - 1}, fold_version = 0, head_hash = "
        f"(SELECT hash FROM incidents_timelineentry WHERE incident_id = {incident.pk} AND seq = {incident.seq - 1}) "
        f"WHERE id = {incident.pk}",
    )
    return f"{incident.key}: entry {incident.seq} is in the anchor file and no longer in the database."


def cut_the_audit(incident: Incident) -> str:
    tamper("DELETE FROM people_auditlink WHERE seq = 3", "DELETE FROM people_auditentry WHERE id = "
           "(SELECT max(id) FROM people_auditentry)")  # fmt: skip
    return "audit: entry 3 is in the anchor file and no longer in the database."


@EVERYWHERE
@pytest.mark.parametrize("cut", [cut_the_timeline, cut_the_audit])
def test_an_end_that_was_cut_off_shows_against_the_heads_kept_elsewhere(
    tmp_path: Path, cut: Callable[[Incident], str]
) -> None:
    incident, file = written(), tmp_path / "heads.json"
    run(file)
    before = file.read_text()

    said = cut(incident)
    answer = run(file)

    assert said in answer and "refused" in answer
    assert file.read_text() == before


@EVERYWHERE
def test_a_hash_that_is_not_the_one_kept_elsewhere_is_named(tmp_path: Path) -> None:
    incident, file = written(), tmp_path / "heads.json"
    run(file)
    kept = json.loads(file.read_text())
    kept["heads"][incident.key][1] = "00" * 32
    file.write_text(json.dumps(kept))

    assert f"{incident.key}: entry {incident.seq} is not the one in the anchor file." in run(file)


@pytest.mark.django_db
def test_heads_are_written_and_later_entries_agree_with_them(tmp_path: Path) -> None:
    incident, file = written(), tmp_path / "heads.json"
    first = run(file)
    do(incident, "entries", incident.ic or commander(), T0 + minutes(9), kind="note", text="later")

    second = run(file)

    heads = json.loads(file.read_text())["heads"]
    assert "0 heads in" in first and "2 heads in" in second and "refused" not in second
    assert heads[incident.key] == [incident.seq, bytes(incident.head_hash).hex()]
    assert heads["audit"][0] == 3


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text", ["", "[]", '{"heads": 7}', '{"heads": {"INC": [1]}}', "\x00", '{"heads": []}']
)
def test_a_file_that_is_no_anchor_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    file = tmp_path / "notes.txt"
    file.write_text(text)

    assert "not an anchor file" in run(file)
    assert file.read_text() == text


@pytest.mark.django_db
def test_an_anchor_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    assert "cannot be written: No such file" in run(tmp_path / "nowhere" / "heads.json")


@pytest.mark.django_db
def test_an_anchor_is_for_all_records() -> None:
    with pytest.raises(CommandError, match="covers all records"):
        call_command("verify_timeline", "INC-2026-0001", anchor=Path("x"), stdout=StringIO())
