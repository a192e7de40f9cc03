"""Is a protocol file one that incidents can run by? Every fault is a sentence that names its place.

What code asks of a protocol by name (figures, settings, clocks, statuses, milestones, lists) is what the shipped one has:
a file that lacks it, or has another kind of thing there, is refused.
"""

import difflib
import tomllib
from collections.abc import Collection, Iterable, Mapping
from datetime import time
from functools import cache
from itertools import chain
from typing import Any

from incidents.protocol import shapes
from incidents.protocol.definition import (
    DOES,
    HOURS,
    KINDS,
    Pattern,
    Protocol,
    ProtocolError,
    default_text,
    parse,
)
from incidents.protocol.guards.asking import GUARDS
from incidents.protocol.owing import LINES
from incidents.protocol.shapes import is_number
from incidents.protocol.words import MEANINGS
from incidents.sentences import WORDS

LONGEST = 1_000_000  # minutes, about two years: no limit of an incident is longer, and no date overflows
SHORTEST = 0.5  # minutes: a clock that needs less would be due again before anybody could act
NAME_MOST = 32  # characters that a deadline's row has for a clock and for a step
ROUNDS_MOST = 20
AUDIENCES = ("responders", "executives", "clients", "public")
SUBJECTS = ("page", "user", "change")
BY_NAME = ("ack", "response", "chain", "joined", "seat", "stabilisation")  # clocks that code asks for
SETTINGS = (
    "intake_critical",
    "triage_upper",
    "triage_lower",
    "business_from",
    "business_to",
)  # others have a default
# Settings in seconds of the wall, and the most that each may be: machines send by it, whatever pace people keep.
SECONDS = {"alerts_stale": 3_600, "alerts_same": 600}
SEATS = ("seat free", "seat held", "offered to me")  # what only acts on a seat can be asked


def check(text: str) -> Protocol:
    """A protocol from TOML. Raises ProtocolError with one sentence per fault."""
    try:
        data = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is a plain ValueError
        raise ProtocolError([f"The file is not valid TOML: {error}."]) from error
    found = shapes.faults(data) or list(_meaning(data))
    if found:
        raise ProtocolError(found)
    return parse(text)


def _meaning(data: Mapping[str, Any]) -> Iterable[str]:
    """What is wrong with a file whose every word is of the right kind."""
    shipped = _shipped()
    parts = [_policy, _settings, _severities, _clocks, _moves, _rules, _milestones, _checklists]
    return chain.from_iterable(part(data, shipped) for part in parts)


@cache
def _shipped() -> dict[str, Any]:
    return tomllib.loads(default_text())


def _unknown(word: Any, known: Collection[str]) -> str:
    near = difflib.get_close_matches(str(word), list(known), 1)
    return f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."


def _policy(data: Mapping[str, Any], shipped: Mapping[str, Any]) -> Iterable[str]:
    used = {raw[part] for raw in shipped["clock"] for part in ("minutes", "amber") if part in raw}
    for key in [*(each for each in shipped["policy"] if each not in used), "paging.step"]:
        if key not in data["policy"]:
            yield f"[policy] lacks {key}, which the desk asks for."
    for key, value in data["policy"].items():
        yield from _figure(key, value)
    for level, minutes in _by_level(data["policy"].get("stabilise.window", {})):
        if is_number(minutes) and not 15 <= minutes <= 30:
            yield f"Policy stabilise.window{level} must lie between 15 and 30 minutes."
    yield from _rounds(data["policy"])


def _by_level(value: Any) -> list[tuple[str, Any]]:
    """The figures of a policy, each with the words for its severity."""
    return (
        [(f" of {name}", each) for name, each in value.items()] if isinstance(value, dict) else [("", value)]
    )


def _figure(key: str, value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        if not value:
            yield f"Policy {key} holds no figure. Give one number, or one per severity."
        if not set(value) <= {"sev1", "sev2", "sev3", "sev4"}:
            yield f"Policy {key} names a severity other than sev1 to sev4."
    for level, each in _by_level(value):
        if not is_number(each) or not 0 <= each <= LONGEST:
            yield f"Policy {key}{level} must be a number of minutes from 0 to {LONGEST}, or one per severity."


def _rounds(policy: Mapping[str, Any]) -> Iterable[str]:
    last = policy.get("paging.last", {})
    for level, rounds in _by_level(policy.get("paging.rounds", {})):
        if not is_number(rounds):
            continue
        if rounds != int(rounds) or rounds > ROUNDS_MOST:
            yield f"Policy paging.rounds{level} must be a whole number up to {ROUNDS_MOST}."
        if rounds and isinstance(last, dict) and level.removeprefix(" of ") not in last and level:
            yield f"Policy paging.last has no figure{level}, where everybody is called at once."
    for level, minutes in _by_level(last):
        if is_number(minutes) and minutes < SHORTEST:
            yield f"Policy paging.last{level} must be at least {SHORTEST} minutes."


def _settings(data: Mapping[str, Any], shipped: Mapping[str, Any]) -> Iterable[str]:
    given = data["settings"]
    for key, example in shipped["settings"].items():
        kind = next(
            each
            for each in (shapes.FLAG, shapes.NUMBER, shapes.TEXT, shapes.TABLE, shapes.TEXTS)
            if each.fits(example)
        )
        if key not in given:
            if key in SETTINGS:
                yield f"[settings] lacks {key}."
        elif key not in SECONDS and not kind.fits(given[key]):
            yield f"[settings]: {key} must be {kind.words}, not {given[key]!r}."
    if not shapes.LEVEL.fits(given.get("intake_critical", 1)):
        yield "[settings]: intake_critical must be a severity, 1 to 4."
    lower, upper = given.get("triage_lower", 0), given.get("triage_upper", 100)
    if is_number(lower) and is_number(upper) and not 0 <= lower <= upper <= 100:
        yield "[settings]: triage_lower and triage_upper must be per cent, the lower not above the upper."
    for key, most in SECONDS.items():
        if not is_number(given.get(key, 0)) or not 0 <= given.get(key, 0) <= most:
            yield f"[settings]: {key} must be a number of seconds from 0 to {most}."
    yield from _severity_words(given.get("alerts_severities", {}))
    yield from _business(given)


def _severity_words(given: Any) -> Iterable[str]:
    for word, meaning in given.items() if isinstance(given, dict) else ():
        if meaning not in MEANINGS:
            yield f"[settings]: alerts_severities maps {word!r} to {meaning!r}; choose {', '.join(MEANINGS)}."


def _business(given: Mapping[str, Any]) -> Iterable[str]:
    found = {}
    for key in ("business_from", "business_to"):
        try:
            found[key] = time.fromisoformat(given[key])
        except (KeyError, TypeError, ValueError):
            if isinstance(given.get(key), str):
                yield f"[settings]: {key} must be a time of day such as 09:00, not {given[key]!r}."
    if len(found) == 2 and found["business_from"] >= found["business_to"]:
        yield "[settings]: business_from must lie before business_to, or no hour would be open."


def _severities(data: Mapping[str, Any], shipped: Mapping[str, Any]) -> Iterable[str]:
    levels = [raw["level"] for raw in data["severity"]]
    if sorted(levels) != [1, 2, 3, 4]:
        yield f"[[severity]] must give each of the levels 1, 2, 3 and 4 once, not {', '.join(map(str, levels)) or 'none'}."
    for raw in data["severity"]:
        if raw["hours"] not in ("always", "business"):
            yield f"Severity {raw['level']} has hours {raw['hours']!r}; known are always, business."


def _clocks(data: Mapping[str, Any], shipped: Mapping[str, Any]) -> Iterable[str]:
    yield from _asked_for(data, shipped)
    seen: set[str] = set()
    for raw in data["clock"]:
        name = raw["id"]
        if name in seen:
            yield f"Clock {name} stands twice."
        seen.add(name)
        if "/" in name or name != name.strip() or len(name) > NAME_MOST:
            yield f"Clock {name}: an id has at most {NAME_MOST} characters and no slash."
        yield from _limits(raw, data)
        yield from _words(raw, data)
        fallback = "cadence" if raw["kind"] == "cadence" else "overdue"
        yield from _steps(raw, raw.get("steps", data[fallback]["steps"]))
        for part in ("starts", "meets", "ends", "again"):
            for text in raw.get(part, ()):
                yield from _pattern(text, f"Clock {name}, {part}", data)


def _asked_for(data: Mapping[str, Any], shipped: Mapping[str, Any]) -> Iterable[str]:
    """The clocks that acts and pages start by their names, as the kind of clock that these expect."""
    there = {raw["id"]: raw for raw in data["clock"]}
    for raw in shipped["clock"]:
        if raw["id"] not in BY_NAME:
            continue
        given = there.get(raw["id"])
        if given is None:
            yield f"There is no clock {raw['id']}, which the desk asks for."
        elif given["kind"] in KINDS and (given["kind"], given.get("subject", "")) != (
            raw["kind"],
            raw.get("subject", ""),
        ):
            of = f" of each {raw['subject']}" if raw.get("subject") else ""
            yield f"Clock {raw['id']} must be of kind {raw['kind']}{of}."
    extra = [raw["id"] for raw in data["clock"] if raw["kind"] == "chain" and raw["id"] != "chain"]
    if extra:
        yield f"Clock {extra[0]} is a second chain. One chain pages the people of the list."


def _limits(raw: Mapping[str, Any], data: Mapping[str, Any]) -> Iterable[str]:
    name, policy = raw["id"], data["policy"]
    for key in {raw["minutes"]: 0, raw.get("amber", raw["minutes"]): 0}:
        if key not in policy:
            yield f"Clock {name} takes its minutes from {key}, which [policy] does not have."
    for level, minutes in _by_level(policy.get(raw["minutes"], {})):
        if is_number(minutes) and minutes < SHORTEST:
            yield (f"Clock {name} would be due again without time passing: policy {raw['minutes']}{level} is {minutes:g}. "
                   f"Give it at least {SHORTEST} minutes.")  # fmt: skip


def _words(raw: Mapping[str, Any], data: Mapping[str, Any]) -> Iterable[str]:
    """The words of a clock that are one of a few."""
    name, kind = raw["id"], raw["kind"]
    if kind not in KINDS:
        yield f"Clock {name} is of kind {kind!r}; known are {', '.join(KINDS)}."
    if raw.get("hours", "always") not in HOURS:
        yield f"Clock {name} has hours {raw['hours']!r}; known are {', '.join(HOURS)}."
    if raw.get("owes", "ic") not in LINES:
        yield f"Clock {name} is owed by {raw['owes']!r}; known are {', '.join(LINES)}."
    subject, audience = raw.get("subject", ""), raw.get("audience", "")
    if (kind == "each") != bool(subject) or (subject and subject not in SUBJECTS):
        yield f"Clock {name}: a clock of kind each, and no other, has a subject of {', '.join(SUBJECTS)}; not {subject!r}."
    if (kind == "cadence") != bool(audience) or (audience and audience not in AUDIENCES):
        yield f"Clock {name}: a clock of kind cadence, and no other, has an audience of {', '.join(AUDIENCES)}; not {audience!r}."
    if raw.get("before") and raw["before"] not in data["milestones"]:
        yield f"Clock {name} ends before {raw['before']}, which is no milestone. {_unknown(raw['before'], data['milestones'])}"


def _steps(raw: Mapping[str, Any], steps: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    name, seen = raw["id"], set[str]()
    for step in steps:
        place = f"Clock {name}, step {step['name']}"
        if step["name"] in seen:
            yield f"{place} stands twice."
        seen.add(step["name"])
        if step["name"] == "roll" or len(step["name"]) > NAME_MOST:
            yield f"{place}: a step has a name of at most {NAME_MOST} characters that is not roll."
        if abs(step["at"]) > LONGEST:
            yield f"{place}: at must lie within {LONGEST} minutes of the due time."
        only = {
            "unanswered": ("each", "page"),
            "page_next": ("chain", ""),
            "window_open": ("window", ""),
        }.get(step["do"])
        if step["do"] not in DOES:
            yield f"{place} does {step['do']!r}. {_unknown(step['do'], DOES)}"
        elif only and raw["kind"] in KINDS and only != (raw["kind"], raw.get("subject", "")):
            yield f"{place}: {step['do']} is for clocks of kind {' '.join(filter(None, only))} only."
        unknown = [to for to in step["to"] if to != "owes" and to not in LINES]
        if unknown:
            yield f"{place} tells {', '.join(unknown)}; known are owes, {', '.join(LINES)}."
    if raw["kind"] == "chain" and not any(step["do"] == "page_next" and step["at"] >= 0 for step in steps):
        yield f"Clock {name} pages nobody: a chain needs a step that does page_next when it is due."


def _pattern(text: str, place: str, data: Mapping[str, Any]) -> Iterable[str]:
    if not text.strip():
        yield f"{place} holds an empty pattern. Write the kind of an entry."
        return
    pattern = Pattern.parse(text)
    if pattern.kind != "*" and pattern.kind not in WORDS:
        yield f"{place}: {pattern.kind} is no kind of entry. {_unknown(pattern.kind, WORDS)}"
    for word in text.split()[1:]:
        if not word.startswith("@") and ("=" not in word or word.startswith("=") or word.endswith("=")):
            yield f"{place}: {word!r} must read field=value or @setting."
    if pattern.setting and pattern.setting not in data["settings"]:
        yield f"{place}: there is no setting {pattern.setting}. {_unknown(pattern.setting, data['settings'])}"


def _moves(data: Mapping[str, Any], shipped: Mapping[str, Any]) -> Iterable[str]:
    statuses = list(dict.fromkeys(each for raw in shipped["step"] for each in (*raw["from"], raw["to"])))
    people = list(dict.fromkeys(who for raw in shipped["step"] for who in raw["who"]))
    seen: set[tuple[str, str]] = set()
    for raw in data["step"]:
        place = f"Status step {', '.join(raw['from']) or 'from nowhere'} to {raw['to']}"
        for status in (*raw["from"], raw["to"]):
            if status not in statuses:
                yield f"{place}: {status} is no status. {_unknown(status, statuses)}"
        if not raw["from"] or not raw["who"]:
            yield f"{place} lacks a status to leave or somebody who may do it."
        for who in raw["who"]:
            if who not in people:
                yield f"{place}: {who} moves nothing. {_unknown(who, people)}"
        for source in raw["from"]:
            if (source, raw["to"]) in seen:
                yield f"{place} stands twice for {source}."
            seen.add((source, raw["to"]))
        yield from _needs(raw["needs"], place, seat=False)


def _rules(data: Mapping[str, Any], shipped: Mapping[str, Any]) -> Iterable[str]:
    acts = [raw["act"] for raw in data["act"]]
    if "*" not in acts:
        yield '[[act]] needs a row for act = "*", for every act that has no row of its own.'
    for raw in data["act"]:
        place = f"Act {raw['act']}"
        if acts.count(raw["act"]) > 1:
            yield f"{place} stands twice."
        if raw["act"] != "*" and raw["act"] not in WORDS:
            yield f"{place} is no kind of entry. {_unknown(raw['act'], WORDS)}"
        yield from _needs(raw["needs"], place, seat=raw["act"].startswith("seat."))


def _needs(needs: Iterable[str], place: str, *, seat: bool) -> Iterable[str]:
    for need in needs:
        if need not in GUARDS:
            yield f"{place} needs {need!r}, which nobody can check. {_unknown(need, sorted(GUARDS))}"
        elif need in SEATS and not seat:
            yield f"{place}: {need!r} can be asked of acts on a seat only."


def _milestones(data: Mapping[str, Any], shipped: Mapping[str, Any]) -> Iterable[str]:
    missing = [name for name in shipped["milestones"] if name not in data["milestones"]]
    if missing:
        yield f"[milestones] lacks {', '.join(missing)}."
    for name, texts in data["milestones"].items():
        for text in texts:
            yield from _pattern(text, f"Milestone {name}", data)


def _checklists(data: Mapping[str, Any], shipped: Mapping[str, Any]) -> Iterable[str]:
    missing = [name for name in shipped["checklists"] if name not in data["checklists"]]
    if missing:
        yield f"[checklists] lacks {', '.join(missing)}."
    ids = [item["id"] for items in data["checklists"].values() for item in items]
    for each in dict.fromkeys(ids):
        if ids.count(each) > 1:
            yield f"Checklist line {each} stands twice."
