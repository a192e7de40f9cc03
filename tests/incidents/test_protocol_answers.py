"""What decisions.md 12 and 11 rule about clocks: one instant, a rise, late entries, acts that acknowledge."""

from datetime import UTC, datetime

import pytest

from incidentdesk.kernel.stamps import stamp
from incidents.protocol import clocks
from tests.incidents.story import ALEX, DANA, JORDAN, MIKE, SARAH, Story

NIGHT_OF_SATURDAY = datetime(2026, 3, 14, 2, 47, tzinfo=UTC)


def sent(story: Story, at: float, *to: str, promise: float | None = None, **more: object) -> None:
    payload = {"to": list(to), **more} | ({} if promise is None else {"next": stamp(story.moment(promise))})
    story.add(at, "update.sent", JORDAN, **payload)


# --- The same instant


@pytest.mark.ledger("CLK-39", "CLK-16")
@pytest.mark.parametrize(("at", "counted"), [(12, False), (12 + 1 / 60, True)])
def test_a_text_at_the_very_instant_of_its_reminder_comes_before_it_and_is_not_counted(
    at: float, counted: bool
) -> None:
    story = Story().lead()

    sent(story, at, "executives")

    assert story.reading("executive", at).counted is counted


@pytest.mark.ledger("SEV-23", "CLK-16")
def test_a_change_of_severity_at_the_very_instant_of_a_reminder_comes_before_it() -> None:
    story = Story().lead(2)

    story.add(12, "severity.set", SARAH, to=1, announce=True)

    steps = [(step, minute) for clock, step, minute in story.tick(16) if clock == "update.public"]
    assert steps == [("remind", 12), ("overdue", 15)]


@pytest.mark.ledger("SEV-23")
@pytest.mark.parametrize(("old", "new", "rolls"), [(1, 2, 45), (2, 1, 45)])
def test_an_update_due_at_the_very_instant_of_a_change_is_not_overdue_yet(
    old: int, new: int, rolls: float
) -> None:
    story = Story().lead(old)
    due = 15 if old == 1 else 30

    story.add(due, "severity.set", SARAH, to=new, announce=True)

    reading = story.reading("update.public", due)
    assert (reading.word, story.minute_of(reading.due)) == ("overdue", due)
    assert story.reading("update.public", rolls - 1 / 60).word == "overdue"
    assert story.reading("update.public", rolls).word == "missed"


def window() -> Story:
    """Monitoring since minute 10; the window runs until 25."""
    story = Story().lead()
    story.add(1, "change.proposed", ALEX, change=1, risk=True, implementer=ALEX)
    story.add(1, "change.approved", SARAH, change=1)
    story.add(1, "change.started", ALEX, change=1)
    story.add(10, "impact.ended", SARAH)
    return story


@pytest.mark.ledger("CLK-31", "RES-02")
@pytest.mark.parametrize(("at", "word"), [(24, "void"), (25, "void"), (25 + 1 / 60, "met"), (40, "met")])
def test_a_window_that_has_passed_stays_met_and_a_bad_sample_after_it_opens_the_next(
    at: float, word: str
) -> None:
    story = window()

    story.add(at, "sample.bad", JORDAN)

    assert story.reading("stabilisation", at).word == word
    assert story.minute_of(story.reading("stabilisation", at, n=2).due) == at + 15
    assert story.resolve_blocks(at + 15 - 1 / 60) == ["GATE-08"]


@pytest.mark.ledger("CLK-31")
@pytest.mark.parametrize(
    "act",
    [
        ("status.moved", {"from": "monitoring", "to": "mitigating"}),
        ("alert.fired", {"alert": 1, "critical": True, "again": True}),
        ("impact.started", {"at": "2026-03-10T10:29:00.000000Z", "again": True}),
        ("severity.set", {"to": 3, "announce": True}),
        ("status.moved", {"from": "monitoring", "to": "resolved"}),
    ],
    ids=["left", "fired again", "began again", "lowered", "resolved"],
)
def test_whatever_comes_after_a_window_has_passed_it_stays_met_at_its_end(
    act: tuple[str, dict[str, object]],
) -> None:
    story = window()

    story.add(30, act[0], None if act[0] == "alert.fired" else SARAH, **act[1])

    reading = story.reading("stabilisation", 60)
    assert (reading.word, story.minute_of(reading.at), reading.entered) == ("met", 25, 0)


def test_a_window_is_not_open_before_a_change_of_its_length() -> None:
    longer = Story().protocol.clock["stabilisation"]
    assert longer.limit(1) == longer.limit(2)  # the shipped one; another file may differ
    story = window()

    story.add(25, "severity.set", SARAH, to=2, announce=True)

    assert story.minute_of(story.reading("stabilisation", 25).due) == 25


# --- Reminders


@pytest.mark.ledger("CLK-16", "COM-05")
@pytest.mark.parametrize(("promise", "reminders"), [(5, []), (6, [6 - 3]), (9, [6])])
def test_a_reminder_whose_moment_has_passed_when_its_update_begins_is_skipped(
    promise: float, reminders: list[float]
) -> None:
    story = Story().lead()

    sent(story, 3, "executives", promise=promise)

    steps = [
        minute for clock, step, minute in story.tick(promise) if (clock, step) == ("executive", "remind")
    ]
    assert steps == reminders


def test_a_text_before_an_update_that_nobody_was_reminded_of_is_not_counted() -> None:
    story = Story().lead()
    sent(story, 3, "executives", promise=5)

    sent(story, 4, "executives")

    assert story.reading("executive", 4, n=2).counted is False


# --- Raised later


@pytest.mark.ledger("SEV-23", "CLK-05")
@pytest.mark.parametrize(
    ("clock", "act", "payload"),
    [
        ("ic", "seat.claimed", {"seat": "ic", "user": DANA}),
        ("bridge", "bridge.opened", {}),
        ("lead", "lead.told", {}),
        ("client_notice", "update.sent", {"to": ["clients"]}),
        ("status_page", "update.sent", {"to": ["public"]}),
        ("blast_radius", "blast.reported", {}),
        ("theory", "theory", {}),
        ("leadership", "escalated", {"to": "leadership"}),
    ],
)
def test_what_was_done_under_a_lower_severity_meets_at_once_what_starts_with_the_rise(
    clock: str, act: str, payload: dict[str, object]
) -> None:
    story = Story().open(1)
    page = story.page()
    story.add(1, "page.acknowledged", SARAH, page=page)
    story.declare(3, at=2)
    story.add(5, act, DANA, **payload)

    story.add(10, "severity.set", DANA, to=1, announce=True)

    reading = next(each for each in reversed(story.readings(10)) if each.clock == clock)
    assert (reading.word, story.minute_of(reading.at), reading.by, reading.entered) == ("met", 10, 0, 0)
    assert not [step for step in story.tick(60) if step[0] == clock]


@pytest.mark.ledger("SEV-23")
def test_announcements_and_updates_need_a_new_act_after_the_rise() -> None:
    story = Story().lead(3)
    sent(story, 5, "public")

    story.add(10, "severity.set", SARAH, to=1, announce=True)

    assert {story.reading(clock, 10).word for clock in ("announce", "update.public")} == {"running"}


@pytest.mark.ledger("CLK-09")
def test_an_ic_who_left_does_not_count_as_there_after_a_rise() -> None:
    story = Story().lead(3)
    story.add(5, "seat.ended", SARAH, seat="ic", user=SARAH)

    story.add(10, "severity.set", SARAH, to=1, announce=True)

    assert story.minute_of(story.reading("ic", 10).due) == 12


@pytest.mark.ledger("CLK-37", "INC-30", "SEV-23")
def test_a_page_that_waits_for_opening_goes_out_at_the_rise_and_the_chain_counts_from_it() -> None:
    story = Story(zero=NIGHT_OF_SATURDAY).open(3)
    monday = stamp(datetime(2026, 3, 16, 9, 0, tzinfo=UTC))
    story.add(0, "page.sent", None, pages=[[1, SARAH]], call="chain", level=1, at=monday)

    story.declare(1, at=1, by=ALEX)

    assert story.minute_of(story.state["pages"]["1"]["at"]) == 1
    waiting = clocks.deadlines(story.protocol, story.state).items()
    due = {(key[0], key[3]): story.minute_of(at) for key, at in waiting}
    assert (due["chain", "next"], due["ack", "overdue"]) == (6, 6)


@pytest.mark.ledger("CLK-21", "SEV-23")
@pytest.mark.parametrize(("rise", "following"), [(62, 65), (70, 70)])
def test_on_a_rise_the_chains_wait_counts_from_its_last_page_and_is_over_now_at_the_earliest(
    rise: float, following: float
) -> None:
    story = Story().open(3)
    story.page()
    story.tick(60, inclusive=True)
    story.page(60, ALEX, level=2)
    assert ("chain", "next") not in {step[:2] for step in story.tick(rise)}  # on SEV-3 it ends here

    story.declare(1, at=rise, by=DANA)

    assert ("chain", "next", following) in story.tick(80)


# --- Entered late


@pytest.mark.ledger("CLK-01", "CLK-39")
def test_an_earlier_act_takes_the_place_of_the_later_one_that_met_its_clock() -> None:
    story = Story().lead()
    story.add(12, "blast.reported", ALEX)
    assert story.reading("blast_radius", 12).word == "late"

    story.add(20, "blast.reported", DANA, said=8)

    reading = story.reading("blast_radius", 20)
    assert (reading.word, reading.by, reading.entered, story.minute_of(reading.at)) == ("met", 8, 12, 8)
    assert story.minute_of(story.state["milestones"]["blast_radius_reported"]["at"]) == 8


@pytest.mark.ledger("CLK-30", "SEV-23")
def test_a_decision_of_before_the_end_of_its_clock_is_owed_no_more_after_a_rise() -> None:
    story = Story().lead(3)
    story.add(2, "change.proposed", ALEX, change=1, risk=True, implementer=ALEX)
    story.add(4, "severity.set", SARAH, to=4, announce=True)
    story.add(9, "change.approved", SARAH, said=3, change=1)

    story.add(10, "severity.set", SARAH, to=1, announce=True)

    assert [(r.word, story.minute_of(r.at)) for r in story.readings(30) if r.clock == "decision"] == [
        ("met", 3)
    ]


def test_an_act_of_after_the_end_corrects_nothing() -> None:
    story = Story().lead(3)
    story.add(2, "change.proposed", ALEX, change=1, risk=True, implementer=ALEX)
    story.add(4, "severity.set", SARAH, to=4, announce=True)

    story.add(9, "change.approved", SARAH, said=5, change=1)

    assert story.reading("decision", 9).word == "void"


@pytest.mark.ledger("CLK-18")
def test_an_effect_of_before_the_escalation_voids_what_the_escalation_met() -> None:
    story = window()
    late = Story().lead()
    late.add(1, "change.proposed", ALEX, change=1, risk=True, implementer=ALEX)
    late.add(33, "escalated", SARAH, to="leadership")
    assert late.reading("leadership", 33).word == "late"

    late.add(40, "change.confirmed", ALEX, said=28, change=1, effect=True)

    assert late.reading("leadership", 40).word == "void"
    assert story.reading("leadership", 10).word == "void"


@pytest.mark.ledger("CLK-09", "CLK-10")
def test_an_answer_entered_after_the_declaration_starts_what_it_would_have_started() -> None:
    story = Story().open(1)
    page = story.page()
    story.declare(1, at=5, by=DANA)

    story.add(8, "page.acknowledged", SARAH, said=2, page=page)

    triage, ic = story.reading("triage", 8), story.reading("ic", 8)
    assert (triage.word, triage.by) == ("met", 3)
    assert (ic.word, story.minute_of(ic.anchor), ic.by) == ("overdue", 2, 4)


@pytest.mark.ledger("CLK-11")
def test_whoever_was_named_after_the_bridge_had_opened_is_called_from_then() -> None:
    story = Story().lead()
    story.add(2, "seat.named", SARAH, seat="ops", user=ALEX)
    story.add(15, "seat.named", SARAH, seat="comms", user=JORDAN)

    story.add(20, "bridge.opened", SARAH, said=10)

    dues = {r.subject: story.minute_of(r.due) for r in story.readings(20) if r.clock == "joined"}
    assert dues == {str(ALEX): 12, str(JORDAN): 17}


def test_a_status_step_caused_by_an_act_entered_late_is_stamped_when_entered() -> None:
    story = Story().lead()
    story.add(1, "change.proposed", ALEX, change=1, risk=True, implementer=ALEX)
    story.add(2, "change.approved", SARAH, change=1)

    story.add(9, "change.started", ALEX, said=3, change=1)

    moved = next(entry for entry in story.entries if entry.payload.get("to") == "mitigating")
    assert story.minute_of(moved.happened) == 9


# --- Acts that acknowledge


@pytest.mark.ledger("ALR-04", "CLK-04")
def test_the_first_act_of_somebody_paged_twice_answers_both_pages() -> None:
    story = Story().open(1)
    first = story.page()
    second = story.page(3, SARAH, "all", 3)
    third = story.page(3, ALEX, "all", 3)

    story.add(4, "finding", SARAH, cause=False)

    assert {story.reading("ack", 4, subject=str(page)).word for page in (first, second)} == {"met"}
    assert story.reading("ack", 4, subject=str(third)).word == "void"


def test_an_answer_to_the_page_of_somebody_else_answers_ones_own_too() -> None:
    story = Story().open(1)
    story.page()
    own = story.page(5, ALEX, level=2)

    story.add(6, "page.acknowledged", ALEX, page=1)

    assert story.reading("ack", 6, subject=str(own)).word == "met"
    assert story.state["owner"] == ALEX


@pytest.mark.ledger("CLK-04")
@pytest.mark.parametrize(("said", "answered"), [(2, 5), (7, 7)])
def test_an_implied_answer_happened_with_its_act_but_not_before_the_page_went_out(
    said: float, answered: float
) -> None:
    story = Story().open(1)
    story.page(5)

    story.add(9, "finding", SARAH, said=said, cause=False)

    assert story.minute_of(story.state["pages"]["1"]["acked"]) == answered


@pytest.mark.ledger("ROLE-29")
def test_saying_that_the_ic_is_away_acknowledges_ones_own_seat_and_not_the_absence() -> None:
    story = Story().lead()
    story.add(1, "seat.named", SARAH, seat="ops", user=ALEX)

    story.add(2, "ic.away", ALEX, user=SARAH)

    assert story.reading("seat", 2, subject=str(ALEX)).word == "met"
    assert story.state["seats"]["ops"]["acked"] and story.state["seats"]["ic"]["away"]
    story.add(3, "ic.away", SARAH, user=SARAH)
    assert story.state["seats"]["ic"]["away"]
    story.add(4, "note", SARAH)
    assert not story.state["seats"]["ic"]["away"]


def test_a_page_by_hand_makes_nobody_owner_nor_does_its_answer() -> None:
    story = Story().open(1)
    story.page(0, MIKE, "hand", 0, DANA)
    assert story.state["owner"] is None
    story.add(1, "page.acknowledged", MIKE, page=1)
    story.page(2)

    story.add(3, "page.acknowledged", SARAH, page=2)

    assert story.state["owner"] == SARAH


def test_an_answer_after_the_end_is_taken_and_moves_no_owner() -> None:
    story = Story().open(1)
    story.page()
    story.declare(1, at=1, by=DANA)
    owner = story.state["owner"]
    story.add(2, "status.moved", DANA, **{"from": "investigating", "to": "closed", "false_alarm": True})

    story.add(5, "note", ALEX)
    assert story.blocks(5, "page.acknowledged", by=SARAH, page=1) == []
    story.add(6, "page.acknowledged", DANA, page=1)

    assert story.minute_of(story.state["pages"]["1"]["acked"]) == 6
    assert story.state["owner"] == owner
    assert story.reading("ack", 9).word == "void"


# --- Who hears a text


@pytest.mark.ledger("CLK-06", "CLK-13")
def test_a_text_that_nobody_could_get_counts_for_nothing() -> None:
    story = Story().lead(3)
    story.add(1, "severity.set", SARAH, to=1, announce=True)

    sent(story, 4, "clients", unheard=["clients"], promise=9)

    assert {story.reading(clock, 4).word for clock in ("client_notice", "update.clients", "announce")} == {
        "running"
    }
    assert "first_external_notice" not in story.state["milestones"]
    assert story.state["sent"] == {}


def test_a_public_text_counts_for_clients_also_where_their_own_went_to_nobody() -> None:
    story = Story().lead()

    sent(story, 4, "clients", "public", unheard=["clients"], promise=9)

    assert story.reading("client_notice", 4).word == "met"
    assert story.minute_of(story.reading("update.clients", 4, n=2).due) == 19
    assert story.minute_of(story.reading("update.public", 4, n=2).due) == 9


# --- Offers and customers


@pytest.mark.ledger("ROLE-03")
def test_an_offer_ends_with_the_term_of_who_made_it() -> None:
    story = Story().lead()
    story.add(1, "seat.named", SARAH, seat="ops", user=MIKE)
    story.add(2, "seat.offered", SARAH, seat="ops", user=ALEX)
    story.add(2, "seat.offered", MIKE, seat="comms", user=JORDAN)

    story.add(3, "seat.ended", SARAH, seat="ic", user=SARAH)

    assert list(story.state["offers"]) == ["comms"]


def test_whoever_states_the_start_of_the_impact_says_that_customers_were_hit() -> None:
    story = Story().lead()

    story.add(2, "impact.started", ALEX, at=stamp(story.moment(-3)))

    assert [block.id for block in story.blocks(3, "status.moved", to="closed", note="x")] == ["INC-10"]
