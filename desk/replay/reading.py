"""Read a scenario file from TOML and check it; every fault is a sentence that names its place.

The format is described in docs/scenarios.md. Pure: which acts there are, and their arguments, is given by the caller.
"""

import difflib
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from desk.replay.expectation import Expectation, read_expectation
from desk.replay.scenario import MONITORING, OUTCOMES, Person, Scenario, ScenarioError, Service, Step, Team
from desk.replay.times import Calendar
from incidents.protocol import Protocol, check, default_text, parse
from incidents.protocol.definition import ProtocolError
from people.roles import Role


@dataclass
class _Reader:
    """The table at hand, its place in words, and the problems found so far."""

    problems: list[str] = field(default_factory=list)

    def known(self, table: Mapping[str, Any], allowed: Collection[str], place: str) -> None:
        for word in table:
            if word not in allowed:
                self.problems.append(f"{place}: {unknown(word, allowed)}")

    def take(self, table: Mapping[str, Any], name: str, kind: type, default: Any, place: str) -> Any:
        value = table.get(name, default)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if value is default or (isinstance(value, kind) and not (kind is int and isinstance(value, bool))):
            return value
        words = {
            str: "a text",
            bool: "true or false",
            int: "a whole number",
            float: "a number",
            list: "a list",
        }
        self.problems.append(f"{place}: {name} must be {words[kind]}, not {value!r}.")
        return default

    def names(
        self, table: Mapping[str, Any], name: str, allowed: Collection[str], what: str, place: str
    ) -> tuple[str, ...]:
        found = self.take(table, name, list, [], place)
        return tuple(self.one(each, allowed, what, place) for each in found)

    def one(self, value: Any, allowed: Collection[str], what: str, place: str) -> str:
        if not isinstance(value, str) or value not in allowed:
            self.problems.append(f"{place}: {unknown(str(value), allowed, what)}")
        return str(value)


def unknown(word: str, allowed: Collection[str], what: str = "word") -> str:
    """A sentence for a name that is not known, with the nearest one that is."""
    near = difflib.get_close_matches(word, [*allowed], 1)
    hint = f" Did you mean {near[0]!r}?" if near else f" Known are: {', '.join(sorted(allowed)) or 'none'}."
    return f"{word!r} is no {what} here.{hint}"


TOP = ("name", "about", "start", "zone", "until", "settings", "policy", "person", "team", "service", "client",
       "step", "check", "expect")  # fmt: skip


def read_scenario(text: str, acts: Mapping[str, Collection[str]]) -> Scenario:
    """Read a file. `acts` maps every act to the names of its arguments. Raises ScenarioError with sentences."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError([f"The file is not valid TOML: {error}."]) from None
    r = _Reader()
    r.known(data, TOP, "The file")
    for part in ("settings", "policy", "expect"):
        if not isinstance(data.get(part, {}), dict):
            r.problems.append(f"{part} must be written [{part}].")
    for part in ("person", "team", "service", "client", "step", "check"):
        rows = data.get(part, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            r.problems.append(f"{part} must be written [[{part}]].")
    if r.problems:
        raise ScenarioError(r.problems)
    calendar = _calendar(r, data)
    protocol_text = _protocol(r, data)
    cast = _cast(r, data)
    calendar, steps = _steps(r, data, calendar, acts, text, [p.name for p in cast["people"]])
    until = _until(r, data, calendar, steps)
    if r.problems:
        raise ScenarioError(r.problems)
    protocol = parse(protocol_text)
    checks = _checks(r, data, calendar, until, protocol, [p.name for p in cast["people"]])
    if r.problems:
        raise ScenarioError(r.problems)
    return Scenario(
        name=str(data["name"]), about=str(data.get("about", "")), calendar=calendar, until=until,
        protocol_text=protocol_text, steps=steps, checks=checks, **cast,
    )  # fmt: skip


def _calendar(r: _Reader, data: Mapping[str, Any]) -> Calendar:
    if not isinstance(data.get("name"), str) or not data["name"]:
        r.problems.append('The file needs a name: name = "Database outage".')
    zone = r.take(data, "zone", str, "UTC", "The file")
    if zone not in available_timezones():
        r.problems.append(f"The file: there is no time zone {zone!r}. Use a name such as Europe/Berlin.")
        zone = "UTC"
    start = data.get("start")
    try:
        day = date.fromisoformat(start) if isinstance(start, str) else start
    except ValueError:
        day = None
    if isinstance(day, datetime):
        day = day.date()
    if not isinstance(day, date):
        r.problems.append("The file needs the day of its first step: start = 2026-03-14.")
        day = date(2026, 1, 1)
    return Calendar(day, ZoneInfo(zone))


def _until(r: _Reader, data: Mapping[str, Any], calendar: Calendar, steps: tuple[Step, ...]) -> datetime:
    last = steps[-1].at if steps else datetime.combine(calendar.day, time.min, calendar.zone)
    if "until" not in data:
        r.problems.append('The file needs its end: until = "03:35".')
        return last
    try:
        until = calendar.moment(data["until"], day=calendar.day_of(last) if steps else None)
    except ValueError as error:
        r.problems.append(f"until: {error}")
        return last
    if steps and until < last:
        r.problems.append(
            f"until: {calendar.words(until)} lies before the last step, {calendar.words(last)}."
        )
    return until


def _protocol(r: _Reader, data: Mapping[str, Any]) -> str:
    """The shipped protocol with the file's [policy] and [settings] put in, line by line."""
    text = default_text()
    for part in ("policy", "settings"):
        head, begin, rest = text.partition(f"\n[{part}]\n")
        body, follow, tail = rest.partition("\n[")
        lines = body.split("\n")
        keys = {name: at for at, line in enumerate(lines) if (name := _key(line))}
        for key, value in data.get(part, {}).items():
            if key not in keys:
                r.problems.append(f"[{part}]: {unknown(key, keys)}")
                continue
            lines[keys[key]] = f'"{key}" = {_toml(value)}'
        text = head + begin + "\n".join(lines) + follow + tail
    try:
        check(text)
    except ProtocolError as error:
        r.problems += [f"[policy]: {problem}" for problem in error.problems]
    return text


def _key(line: str) -> str:
    found = re.match(r'"?([a-z][a-z_.0-9]*)"?\s*=', line)
    return found[1] if found else ""


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(each)}" for key, each in value.items()) + " }"
    if isinstance(value, int | float):
        return repr(value)
    quoted = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


def _cast(r: _Reader, data: Mapping[str, Any]) -> dict[str, Any]:
    """People, teams, services and clients, each checked against the others."""
    raw = {part: list(data.get(part, [])) for part in ("person", "team", "service", "client")}
    names = {part: _named(r, rows, part) for part, rows in raw.items()}
    people = []
    for row in raw["person"]:
        place = f"Person {row.get('name', '?')}"
        r.known(row, ("name", "roles", "team", "zone"), place)
        roles = r.names(row, "roles", Role.values, "role", place)
        team = r.one(row["team"], names["team"], "team", place) if "team" in row else ""
        people.append(Person(str(row.get("name")), roles, team, _zone(r, row, place)))
    teams = []
    for row in raw["team"]:
        place = f"Team {row.get('name', '?')}"
        r.known(row, ("name", "escalation", "manager", "zone", "holidays"), place)
        manager = r.one(row["manager"], names["person"], "person", place) if "manager" in row else ""
        holidays = r.take(row, "holidays", list, [], place)
        if not all(isinstance(day, date) for day in holidays):
            r.problems.append(f"{place}: holidays are dates, such as [2026-05-01].")
        teams.append(Team(str(row.get("name")), r.names(row, "escalation", names["person"], "person", place), manager,
                          _zone(r, row, place), tuple(holidays)))  # fmt: skip
    services = []
    for row in raw["service"]:
        place = f"Service {row.get('name', '?')}"
        r.known(
            row,
            ("name", "team", "critical_path", "core_revenue", "revenue_per_hour", "bridge", "clients"),
            place,
        )
        services.append(Service(
            str(row.get("name")), r.one(row.get("team", ""), names["team"], "team", place),
            r.take(row, "critical_path", bool, False, place), r.take(row, "core_revenue", bool, False, place),
            r.take(row, "revenue_per_hour", float, 0.0, place), r.take(row, "bridge", str, "", place),
            r.names(row, "clients", names["client"], "client", place),
        ))  # fmt: skip
    for row in raw["client"]:
        r.known(row, ("name",), f"Client {row.get('name', '?')}")
    for part in ("person", "team", "service"):
        if not raw[part]:
            r.problems.append(f"The file needs at least one [[{part}]].")
    return {
        "people": tuple(people),
        "teams": tuple(teams),
        "services": tuple(services),
        "clients": tuple(names["client"]),
    }


def _named(r: _Reader, rows: list[Any], part: str) -> list[str]:
    names: list[str] = []
    for number, row in enumerate(rows, 1):
        name = row.get("name") if isinstance(row, dict) else None
        if not isinstance(name, str) or not name:
            r.problems.append(f"[[{part}]] number {number} needs a name.")
        elif name in names or (part == "person" and name == MONITORING):
            r.problems.append(f"[[{part}]] number {number}: the name {name!r} is taken.")
        else:
            names.append(name)
    return names


def _zone(r: _Reader, row: Mapping[str, Any], place: str) -> str:
    zone = r.take(row, "zone", str, "UTC", place)
    if zone not in available_timezones():
        r.problems.append(f"{place}: there is no time zone {zone!r}. Use a name such as Europe/Berlin.")
    return str(zone)


STEP = ("at", "actor", "act", "with", "id", "incident", "expect", "gates", "headline", "says")


def _steps(
    r: _Reader,
    data: Mapping[str, Any],
    calendar: Calendar,
    acts: Mapping[str, Collection[str]],
    text: str,
    people: list[str],
) -> tuple[Calendar, tuple[Step, ...]]:
    lines = [n for n, line in enumerate(text.splitlines(), 1) if re.match(r"\s*\[\[\s*step\s*\]\]", line)]
    rows = data.get("step", [])
    if not rows:
        r.problems.append("The file has no [[step]].")
    found: list[Step] = []
    day = calendar.day
    for number, row in enumerate(rows, 1):
        line = lines[number - 1] if len(lines) == len(rows) else 0
        step = _step(r, row, number, line, calendar, day, acts, people)
        if step is None:
            continue
        if calendar.zero is None:
            calendar = replace(calendar, zero=step.at)
        elif found and step.at < found[-1].at:
            r.problems.append(f"{step.place(calendar)} lies before the step above it, {calendar.words(found[-1].at)}. "
                              'After midnight write the date too: "2026-03-15 00:10".')  # fmt: skip
        if step.label and step.label in {each.label for each in found}:
            r.problems.append(f"{step.place(calendar)}: the id {step.label!r} is taken.")
        day = calendar.day_of(step.at)
        found.append(step)
    labels = {step.label for step in found if step.label}
    for step in found:
        for name, value in step.args.items():
            if isinstance(value, str) and value.startswith("@") and value[1:] not in labels:
                r.problems.append(f"{step.place(calendar)}: {name} points at {value!r}; no step has that id.")
    return calendar, tuple(found)


def _step(
    r: _Reader, row: Any, number: int, line: int, calendar: Calendar, day: date, acts: Mapping[str, Collection[str]],
    people: list[str],
) -> Step | None:  # fmt: skip
    place = f"Step {number}" + (f" (line {line})" if line else "")
    r.known(row, STEP, place)
    missing = [word for word in ("at", "actor", "act") if word not in row]
    if missing:
        r.problems.append(f"{place} lacks {', '.join(missing)}.")
        return None
    try:
        at = calendar.moment(row["at"], day=day)
    except ValueError as error:
        r.problems.append(f"{place}: {error}")
        return None
    act, args = str(row["act"]), r.take(row, "with", dict, {}, place)
    machine = act.startswith("alert") and act in ("alert", "alert-resolved")
    step = Step(
        number=number, line=line, at=at, actor=str(row["actor"]), act=act, args=args,
        label=r.take(row, "id", str, "", place), incident=r.take(row, "incident", int, 1, place),
        expect=str(row.get("expect", "")), gates=tuple(r.take(row, "gates", list, [], place)),
        headline=r.take(row, "headline", str, "", place), says=r.take(row, "says", str, "", place),
    )  # fmt: skip
    place = step.place(calendar)
    if act not in acts:
        r.problems.append(f"{place}: {unknown(act, acts, 'act')}")
    else:
        r.known(args, acts[act], f"{place}, with")
    r.one(step.actor, [MONITORING] if machine else people, "actor", place)
    if step.expect or "expect" in row:
        r.one(step.expect, OUTCOMES, "outcome", place)
    if (step.gates or step.headline) and step.expect != "refused":
        r.problems.append(f'{place}: gates and headline go with expect = "refused".')
    return step


def _checks(
    r: _Reader,
    data: Mapping[str, Any],
    calendar: Calendar,
    until: datetime,
    protocol: Protocol,
    people: list[str],
) -> tuple[Expectation, ...]:
    found = []
    for number, row in enumerate(data.get("check", []), 1):
        place = f"Check {number}"
        if "at" not in row:
            r.problems.append(f'{place} lacks its time: at = "04:15".')
            continue
        try:
            at = calendar.moment(row["at"])
        except ValueError as error:
            r.problems.append(f"{place}: {error}")
            continue
        if at > until:
            r.problems.append(f"{place}: {calendar.words(at)} lies after until.")
        rest = {name: value for name, value in row.items() if name != "at"}
        found.append(
            read_expectation(
                rest, at, f"{place} ({calendar.words(at)})", calendar, protocol, people, r.problems
            )
        )
    found.sort(key=lambda check: check.at)
    if "expect" in data:
        found.append(
            read_expectation(data["expect"], until, "[expect]", calendar, protocol, people, r.problems)
        )
    return tuple(found)
