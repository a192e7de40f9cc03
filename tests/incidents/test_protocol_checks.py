"""A protocol file that could hang or break the desk is refused with a sentence that names the place."""

import json
import random
import tomllib
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from desk import reactions
from incidentdesk.kernel.stamps import moment, stamp
from incidents.models import Deadline, ProtocolVersion
from incidents.protocol import Protocol, cadence, check, clocks, default_text, hours, parse
from incidents.protocol.checks import NAME_MOST
from incidents.protocol.definition import DOES, ProtocolError
from incidents.protocol.state import Occurrence
from tests.incidents.story import ALEX, BUSINESS, DANA, JORDAN, SARAH, TUESDAY, Story

DEFAULT = default_text()


def put(old: str, new: str) -> str:
    assert old in DEFAULT
    return DEFAULT.replace(old, new, 1)


def cut(start: str, end: str) -> str:
    """The shipped file without what stands from `start` up to `end`."""
    begin = DEFAULT.index(start)
    return DEFAULT[:begin] + DEFAULT[DEFAULT.index(end, begin) :]


# What a file holds, and the words with which its refusal names the place.
BROKEN: dict[str, tuple[str, tuple[str, ...]]] = {
    "a cadence of 0": (put('"cadence" = { sev1 = 15', '"cadence" = { sev1 = 0'), ("update.public", "cadence of sev1 is 0")),
    "a cadence that is over in a moment": (put('"cadence.exec" = { sev1 = 15', '"cadence.exec" = { sev1 = 0.001'), ("executive",)),
    "a chain that never waits": (put('"paging.step" = { sev1 = 5', '"paging.step" = { sev1 = 0'), ("chain", "paging.step")),
    "calls of all without a wait": (put('"paging.last" = { sev1 = 10', '"paging.last" = { sev1 = 0'), ("paging.last of sev1",)),
    "calls of all without end": (put("sev1 = 3, sev2 = 3, sev3 = 0", "sev1 = 999999"), ("paging.rounds of sev1",)),
    "half a call of all": (put("sev1 = 3, sev2 = 3, sev3 = 0", "sev1 = 2.5"), ("paging.rounds of sev1",)),
    "a call of all that no figure waits for": (put('"paging.rounds" = { sev1 = 3', '"paging.rounds" = { sev3 = 1, sev1 = 3').replace(", sev3 = 0 }", " }", 1), ("paging.last", "sev3")),
    "a negative figure": (put('"clock.ic" = { sev1 = 2', '"clock.ic" = { sev1 = -2'), ("clock.ic of sev1",)),
    "a figure beyond all time": (put('"clock.ack_target" = 2', '"clock.ack_target" = inf'), ("clock.ack_target",)),
    "a figure that is none": (put('"clock.triage" = 5', '"clock.triage" = nan'), ("clock.triage",)),
    "a figure in words": (put('"clock.triage" = 5', '"clock.triage" = "five"'), ("clock.triage",)),
    "a figure that holds nothing": (put('"pir.hold" = 2880', '"pir.hold" = {}'), ("pir.hold",)),
    "a severity 5": (put('"clock.lead" = { sev1 = 5', '"clock.lead" = { sev5 = 5'), ("clock.lead",)),
    "a figure that code asks for is gone": (put('"undeclared.after" = 5', ""), ("undeclared.after",)),
    "a setting is gone": (put("intake_critical = 1", ""), ("intake_critical",)),
    "a setting of another kind": (put("public_counts = true", 'public_counts = "yes"'), ("public_counts",)),
    "a presumed severity 9": (put("intake_critical = 1", "intake_critical = 9"), ("intake_critical",)),
    "no time of day": (put('business_from = "09:00"', 'business_from = "9 am"'), ("business_from", "9 am")),
    "a day that ends before it begins": (put('business_to = "17:00"', 'business_to = "08:00"'), ("business_from", "business_to")),
    "per cent the wrong way round": (put("triage_lower = 10", "triage_lower = 60"), ("triage_lower",)),
    "a severity is gone": (cut("[[severity]]\nlevel = 4", "# --- Clocks"), ("[[severity]]", "1, 2, 3")),
    "a severity without its meaning": (put('meaning = "All or most users', 'sense = "All or most users'), ("Severity 1", "meaning")),
    "a clock without a figure": (put('minutes = "clock.triage"\n', ""), ("Clock triage", "minutes")),
    "a clock with a figure of no name": (put('minutes = "clock.triage"', 'minutes = "clock.nap"'), ("Clock triage", "clock.nap")),
    "a clock with a list for a figure": (put('minutes = "clock.triage"', 'minutes = ["clock.triage"]'), ("Clock triage", "minutes")),
    "a clock of no kind": (put('kind = "window"', 'kind = "door"'), ("stabilisation", "'door'")),
    "a clock twice": (put('id = "lead"', 'id = "ack"'), ("Clock ack stands twice",)),
    "a clock with a slash": (put('id = "lead"', 'id = "lead/1"'), ("Clock lead/1",)),
    "a clock with an endless name": (put('id = "lead"', f'id = "{"l" * 40}"'), ("Clock lll",)),
    "a clock that acts ask for is gone": (put('id = "seat"\nabout', 'id = "chair"\nabout'), ("no clock seat",)),
    "a clock that acts ask for is of another kind": (put('kind = "each"\nsubject = "user"', 'kind = "once"'), ("Clock joined", "each")),
    "two chains": (put('id = "lead"', 'id = "chain2"').replace('kind = "once"\nminutes = "clock.lead"', 'kind = "chain"\nminutes = "clock.lead"'), ("chain2",)),
    "an update to nobody": (put('audience = "responders"\n', ""), ("update.responders", "audience")),
    "an update to the press": (put('audience = "responders"', 'audience = "press"'), ("update.responders", "'press'")),
    "an act owed by no seat": (put('owes = "comms"', 'owes = "pilot"'), ("'pilot'",)),
    "a milestone that is none": (put('before = "declared"', 'before = "announced"'), ("triage", "announced")),
    "a word that is not known": (put("prior = true", "priro = true"), ("Clock ic", "priro")),
    "starts that are one text": (put('starts = ["page.acknowledged"]', 'starts = "page.acknowledged"'), ("Clock triage", "starts")),
    "a pattern of nothing": (put('starts = ["page.acknowledged"]', 'starts = [""]'), ("Clock triage, starts",)),
    "a pattern of no kind": (put('starts = ["page.acknowledged"]', 'starts = ["page.answered"]'), ("Clock triage, starts", "page.answered")),
    "a pattern of half a field": (put('"seat.claimed seat=ic"', '"seat.claimed seat"'), ("Clock ic", "'seat'")),
    "a pattern of no setting": (put("@public_counts", "@public_count"), ("public_count",)),
    "a step without its moment": (put('{ name = "open", at = 0, do', '{ name = "open", do'), ("stabilisation, step open", "at")),
    "a step at no moment": (put('{ name = "open", at = 0', '{ name = "open", at = "due"'), ("stabilisation, step open", "at")),
    "a step beyond all time": (put('{ name = "open", at = 0', '{ name = "open", at = 1e300'), ("stabilisation, step open",)),
    "a step that does what nobody can": (put('do = "window_open"', 'do = "window_opens"'), ("stabilisation, step open", "Did you mean window_open?")),
    "a step that speaks of pages where there are none": (put('do = "offer_declaration"', 'do = "unanswered"'), ("triage, step overdue", "unanswered")),
    "a chain that pages nobody": (put('do = "page_next"', 'do = "overdue"'), ("Clock chain",)),
    "a step twice": (put('name = "overdue_ic", at = 2, do = "overdue", to = ["ic"] },\n]\nstrip', 'name = "overdue", at = 2, do = "overdue", to = ["ic"] },\n]\nstrip'), ("step overdue stands twice",)),
    "a step for nobody's seat": (put('to = ["owes", "deputy"]', 'to = ["owes", "pilot"]'), ("decision", "pilot")),
    "no steps of updates": (put("[cadence]\nsteps", "[cadence]\nstep"), ("[cadence]", "steps")),
    "a status that is none": (put('to = "identified"', 'to = "known"'), ("to known",)),
    "a status step for nobody known": (put('who = ["ic", "owner"]', 'who = ["ic", "pilot"]'), ("pilot",)),
    "a status step that needs what nobody can check": (put('needs = ["finding with source"]', 'needs = ["a finding"]'), ("to identified", "'a finding'")),
    "a status step twice": (put('from = ["mitigating"]\nto = "monitoring"', 'from = ["mitigating"]\nto = "investigating"'), ("to investigating", "twice")),
    "an act that is none": (put('act = "sample.bad"', 'act = "sample.foul"'), ("Act sample.foul",)),
    "an act that needs what nobody can check": (put('needs = ["not closed", "change running"]', 'needs = ["not closed", "change runs"]'), ("Act change.finished", "change runs")),
    "an act asked for a seat it has not": (put('needs = ["not closed", "change running"]', 'needs = ["seat free"]'), ("Act change.finished", "seat free")),
    "no rule for other acts": (put('act = "*"', 'act = "note"'), ("[[act]]", '"*"')),
    "a milestone is gone": (put('resolved = ["status.moved to=resolved"]\n', ""), ("[milestones]", "resolved")),
    "a milestone that is one text": (put('cause_found = ["finding cause=true"]', 'cause_found = "finding cause=true"'), ("Milestone cause_found",)),
    "a list is gone": (put("resolve = [", "solve = ["), ("[checklists]", "resolve")),
    "a line of a list twice": (put('id = "lag"', 'id = "errors"'), ("line errors",)),
    "a line of a list without its words": (put('{ id = "lag", text =', '{ id = "lag", words ='), ("Checklist resolve, line lag", "text")),
    "one severity in place of a list": (DEFAULT.replace("[[severity]]", "[severity]", 1).replace("[[severity]]", "[severity.more]", 1).replace("[[severity]]", "[severity.most]", 1).replace("[[severity]]", "[severity.least]", 1), ("severity must be a list of tables",)),
    "a policy that is a figure": (cut("[policy]", "[settings]").replace('name = "Default protocol"', 'name = "x"\npolicy = 3'), ("policy must be a table",)),
    "a control character": (put('label = "Triage"', 'label = "Tri\\u0000age"'), ("control character", "[clock] 4, label")),
    "a number of 5,000 digits": (put('"clock.triage" = 5', f'"clock.triage" = {"9" * 5000}'), ("not valid TOML",)),
    "brackets without end": ("x = " + "[" * 5000, ("not valid TOML",)),
    "no TOML": ("not toml [", ("not valid TOML",)),
    "nothing": ("", ("The file lacks name",)),
}  # fmt: skip


@pytest.mark.ledger("SEV-01")
@pytest.mark.parametrize("what", BROKEN)
def test_a_file_with_a_fault_is_refused_with_a_sentence_that_names_the_place(what: str) -> None:
    text, places = BROKEN[what]

    with pytest.raises(ProtocolError) as refused:
        check(text)

    said = " ".join(refused.value.problems)
    assert all(place in said for place in places), said
    assert all(problem.endswith((".", "?")) for problem in refused.value.problems)


@pytest.mark.django_db
def test_the_command_says_the_sentences_and_keeps_the_protocol(tmp_path: Path) -> None:
    file = tmp_path / "zero.toml"
    file.write_text(BROKEN["a cadence of 0"][0])

    with pytest.raises(CommandError, match=r"Clock update\.public would be due again"):
        call_command("protocol", "load", str(file))

    assert not ProtocolVersion.objects.exists()


def test_the_shipped_file_has_no_fault_and_every_word_of_a_step_is_done_by_somebody() -> None:
    assert check(DEFAULT) is parse(DEFAULT)
    assert set(DOES) == set(reactions.REACTIONS)
    lengths = {Deadline._meta.get_field(name).max_length for name in ("clock", "step")}  # type: ignore[union-attr]  # both are columns
    assert lengths == {NAME_MOST}


# --- Whatever is accepted can be lived with: every value of the shipped file, replaced by others

STRANGE: list[Any] = [
    0,
    -1,
    0.4,
    10**7,
    float("inf"),
    float("nan"),
    True,
    "",
    "x",
    "ic",
    [],
    {},
    ["x"],
    [{}],
    {"sev1": 0},
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in steps:
        yield from places(each, (*path, name))


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value) if isinstance(value, str) else str(value).lower()


def mutated(path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> str:
    data = tomllib.loads(DEFAULT)
    parent: Any = data
    for name in path[:-1]:
        parent = parent[name]
    change(parent, path[-1])
    return "\n".join(f"{json.dumps(name)} = {toml(value)}" for name, value in data.items())


def live_with(protocol: Protocol) -> None:
    """A night that touches every clock, gate and reaction, with a tick that may not go on for ever."""
    story = Story(protocol=protocol).open(3)
    page = story.page()
    story.add(1, "page.acknowledged", SARAH, page=page)
    story.declare(1, at=2)
    story.page(2, ALEX, "hand", 0, SARAH)
    story.add(2, "seat.claimed", DANA, seat="ic", user=DANA)
    story.add(2, "seat.named", DANA, seat="ops", user=ALEX)
    story.add(3, "bridge.opened", DANA)
    story.add(3, "change.proposed", ALEX, change=1, risk=True, implementer=ALEX)
    story.add(4, "update.sent", JORDAN, to=["public"], next=stamp(story.moment(9)))
    for severity, at in ((3, 20), (2, 21), (4, 22), (1, 23)):
        story.add(at, "severity.set", DANA, to=severity, announce=True)
    story.add(24, "impact.ended", DANA)
    for rule in (*protocol.rules, "note"):
        story.blocks(25, rule, DANA, seat="ic", change=1, page=1, to=["public"])
    for _, to in protocol.moves:
        story.blocks(25, "status.moved", DANA, to=to)
    done: set[clocks.Key] = set()
    for _ in range(400):
        waiting = {key: at for key, at in clocks.deadlines(protocol, story.state).items() if key not in done}
        key = min(waiting, key=lambda each: waiting[each], default=None)
        if key is None or waiting[key] > stamp(story.moment(120)):
            break
        now = max(story.moment(25), moment(waiting[key]))
        reaction = reactions.react(protocol, story.state, key, now)
        done |= {key} if reaction.fires else set()
        for draft in reaction.drafts:
            story.add(now, draft.kind, draft.by, **draft.payload)
    else:
        raise AssertionError("The tick goes on for ever.")
    story.readings(120)


@pytest.mark.ledger("CLK-01")
def test_whatever_is_accepted_can_be_lived_with() -> None:
    chance = random.Random(20261128)
    data = tomllib.loads(DEFAULT)
    found = [path for path in places(data) if path]
    accepted = 0
    for path in chance.sample(found, 120):
        value = chance.choice(STRANGE)
        text = mutated(path, lambda parent, name, value=value: parent.__setitem__(name, deepcopy(value)))  # type: ignore[misc]
        try:
            protocol = check(text)
        except ProtocolError as error:
            assert all(problem.strip() for problem in error.problems)
        else:
            accepted += 1
            live_with(protocol)
    assert accepted


# --- What was stored before files were checked like this: the loops end by themselves


def test_a_stored_cadence_of_0_ends_no_process() -> None:
    story = Story(protocol=parse(BROKEN["a cadence of 0"][0])).lead()

    steps = story.tick(30)

    assert story.reading("update.public", 30).word == "overdue"
    assert [step for clock, step, _ in steps if clock == "update.public"] == [
        "overdue",
        "overdue_ic",
        "overdue_manager",
    ]
    assert "roll" not in {
        key[3] for key in clocks.deadlines(story.protocol, story.state) if key[0] == "update.public"
    }


@pytest.mark.parametrize("minutes", [0, 15])
def test_a_stored_roll_over_that_does_not_move_on_is_none(minutes: float) -> None:
    story = Story().lead()
    at = stamp(story.moment(15))
    stuck = Occurrence(n=1, anchor=at, due=at, minutes=minutes, fired=[], told=[], roll=at)

    clock = story.protocol.clock["executive"]

    assert cadence.rolls(
        story.protocol, story.state, clock, stuck, stamp(story.moment(90)), inclusive=True
    ) == (0, at)


def test_hours_that_are_never_open_count_as_always_open() -> None:
    never = {**BUSINESS, "from": "17:00", "to": "09:00"}
    at = stamp(TUESDAY)

    assert hours.opening(at, never, "UTC") == at
    assert hours.later_open(at, 60, 60.0, never, "UTC") == stamp(TUESDAY + timedelta(minutes=60))
    assert hours.open_seconds(at, stamp(TUESDAY + timedelta(days=2)), never, "UTC") == 0
