"""The room tells what happened: when by whose clock, what was late, corrected, ruled out or sent."""

import re
from datetime import datetime, timedelta

import pytest
from django.template import Context, Engine

from desk.room.shapes import Link
from incidentdesk.kernel.stamps import stamp
from incidents.protocol import Draft
from people.models import User
from tests.desk.rooms import add, led, room_of
from tests.factories import T0, do, make_client, minutes
from tests.people.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.mark.ledger("INC-17")
def test_an_entry_shows_local_time_utc_beside_it_and_minutes_since_detection(sarah: User, alex: User) -> None:
    incident = led(sarah, alex)
    do(incident, "entries", alex, T0 + minutes(13), kind="note", text="seen")

    entry = room_of(incident, alex, T0 + minutes(14)).timeline.entries[0]
    in_utc = room_of(incident, sarah, T0 + minutes(14)).timeline.entries[0]

    assert (entry.at.clock, entry.at.utc, entry.plus) == ("08:00:00", "07:00 UTC", "T+13")
    assert entry.at.full == "Sun 8 March 2026, 08:00:00 UTC+1 (07:00:00 UTC)"
    assert (in_utc.at.clock, in_utc.at.utc) == ("07:00:00", "")


@pytest.mark.ledger("FIND-09")
def test_an_entry_made_long_after_the_fact_is_marked_late(sarah: User, alex: User) -> None:
    incident = led(sarah, alex)
    do(incident, "entries", alex, T0 + minutes(30), kind="note", text="old", happened_at=T0 + minutes(10))
    do(incident, "entries", alex, T0 + minutes(31), kind="note", text="fresh", happened_at=T0 + minutes(30))

    fresh, old = room_of(incident, alex, T0 + minutes(32)).timeline.entries[:2]

    assert (old.late, old.plus) == ("entered 20 min later", "T+10")
    assert fresh.late == ""


@pytest.mark.ledger("FIND-04", "FIND-08")
def test_a_ruled_out_theory_is_struck_out_and_a_corrected_line_points_to_its_correction(
    sarah: User, alex: User
) -> None:
    incident = led(sarah, alex)
    theory = do(incident, "entries", alex, T0 + minutes(3), kind="theory", text="DNS")
    line = do(incident, "entries", alex, T0 + minutes(4), kind="note", text="db-1 is down")
    do(incident, "theories", alex, T0 + minutes(5), seq=theory.seq, state="ruled_out")
    fixed = do(incident, "corrections", alex, T0 + minutes(6), seq=line.seq, text="db-2 is down")

    room = room_of(incident, alex, T0 + minutes(7))
    entries = {entry.seq: entry for entry in room.timeline.entries}

    assert entries[theory.seq].out and entries[theory.seq].title == "Theory, ruled out 07:52"
    assert entries[line.seq].out and entries[line.seq].corrected == f"corrected 07:53, see entry {fixed.seq}"
    assert entries[fixed.seq].link == Link(f"#e-{line.seq}", f"corrects entry {line.seq}")
    assert (room.theories[0].state, room.theories[0].word) == ("ruled_out", "Ruled out 07:52 by Alex Kim")


@pytest.mark.ledger("COM-35")
def test_what_was_sent_stands_to_the_letter_with_what_became_of_it(sarah: User, alex: User) -> None:
    incident = led(sarah, alex, clients=[make_client().slug])
    do(incident, "updates", sarah, T0 + minutes(5), audiences=["clients", "public"], impact="Payments fail",
       next_at=T0 + minutes(18))  # fmt: skip

    sends = {row.id: row for row in room_of(incident, alex, T0 + minutes(6)).sends}

    assert (sends["1-clients"].state, sends["1-clients"].word) == ("pending", "0 of 1 sent")
    assert "Payments fail" in sends["1-clients"].text
    assert sends["1-public"].word == "kept here, goes to nobody by message"
    assert sends["1-clients"].by == "Sarah Okafor, 06:52 UTC, T+5"


def test_the_last_fifty_entries_are_on_the_page_and_older_ones_in_the_record(sarah: User, alex: User) -> None:
    incident = led(sarah, alex)
    add(
        incident,
        *(Draft("note", {}, alex.pk, texts={"text": f"line {n}"}) for n in range(60)),
        now=T0 + minutes(3),
    )

    timeline = room_of(incident, alex, T0 + minutes(4)).timeline

    assert len(timeline.entries) == 50
    assert timeline.entries[0].text == "line 59"
    assert timeline.older == f"/incidents/{incident.key}/record/?before={timeline.entries[-1].seq}"


def test_sentences_tell_times_by_the_readers_clock_and_name_a_day_that_is_not_the_entrys(sarah: User) -> None:
    alex = make_user("Alex Kim", roles=("engineer",), zone="Asia/Kolkata")
    incident = led(sarah, alex)
    promised = {T0 + minutes(18): "12:35:00", T0 + timedelta(hours=20): "Mon 9 March 08:17:00"}

    for at, said in promised.items():
        add(
            incident,
            Draft("update.sent", {"update": 1, "to": ["responders"], "next": stamp(at)}),
            now=T0 + minutes(3),
        )
        entry = room_of(incident, alex, T0 + timedelta(days=3)).timeline.entries[0]
        assert entry.sentence.endswith(f" sent update 1 to responders. The next is promised by {said}.")


def test_entries_of_other_days_stand_under_a_line_that_names_theirs(sarah: User, alex: User) -> None:
    incident = led(sarah, alex)
    do(incident, "entries", alex, T0 + timedelta(days=1), kind="note", text="the next day")

    def lines(now: datetime) -> list[str]:
        room = room_of(incident, sarah, now)
        html = Engine.get_default().get_template("desk/_timeline.html").render(Context({"room": room}))
        return re.findall(r'timeline__day">([^<]+)<', html)

    assert lines(T0 + timedelta(days=1)) == ["Sun 8 March"]
    assert lines(T0 + timedelta(days=2)) == ["Mon 9 March", "Sun 8 March"]
