"""Run a scenario: the same flows and reactions as the desk itself, in driven time (decisions: Driven time)."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

from django.db import transaction

from desk import tick
from desk.flows import ACTS, Answer, opening
from desk.forms.fields import Form
from desk.forms.incident import DeclareForm
from desk.replay import alarm
from desk.replay.binding import ALERT, bind, fields_of
from desk.replay.cast import Cast, assemble, dismiss
from desk.replay.expectation import Expectation
from desk.replay.scenario import Scenario, Step
from desk.replay.standing import Standing, standing
from desk.replay.verdict import differences
from incidentdesk.kernel.errors import DeskError, Invalid, Missing, NotAllowed, Refused
from incidents import lifecycle
from incidents.models import Incident, TimelineEntry
from incidents.protocol import Protocol, State, fold_all
from incidents.protocol.state import empty
from incidents.timeline import entry_of
from people.models import User


@dataclass(frozen=True)
class Done:
    """What one step came to; `problem` says how that differs from what was expected."""

    step: Step
    outcome: str
    sentence: str
    gates: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    problem: str = ""


@dataclass
class Run:
    """One run of a scenario: what each step came to, how everything stands at its end, what differs."""

    scenario: Scenario
    protocol: Protocol
    steps: list[Done] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    ends: dict[str, Standing] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    kept: bool = False

    @property
    def ok(self) -> bool:
        """Whether everything came as the file expects."""
        return not self.failures


def acts() -> dict[str, Collection[str]]:
    """Every act a step may name, with its arguments."""
    return {act: fields_of(form_of(act)) for act in (*ACTS, "declare", *alarm.FORMS)}


def form_of(act: str) -> type[Form]:
    """What an act takes. Raises KeyError where there is none of that name."""
    return alarm.FORMS.get(act) or (DeclareForm if act == "declare" else ACTS[act].form)


class _RolledBack(Exception):
    """Takes everything back at the end of a run that is not kept."""


def run(scenario: Scenario, *, keep: bool = False, now: datetime) -> Run:
    """Run a file, in one transaction that is rolled back unless `keep`.

    `now` (aware UTC) only stamps the protocol version; the incidents live in the file's own time.
    """
    driver = _Driver(scenario)
    try:
        with transaction.atomic():
            driver.go(keep=keep, now=now)
            if not keep:
                raise _RolledBack
    except _RolledBack:
        pass
    return driver.run


class _Driver:
    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.mark = secrets.token_hex(3)
        self.cast = Cast()
        self.incidents: list[Incident] = []
        self.labels: dict[str, int] = {}
        self.alerts: dict[str, alarm.Fired] = {}
        self.run = Run(scenario, scenario.protocol)

    def go(self, *, keep: bool, now: datetime) -> None:
        before = lifecycle.current_protocol(now)
        lifecycle.store_protocol(self.scenario.protocol_text, now=now)
        self.cast = assemble(self.scenario, self.mark)
        checks = list(self.scenario.checks)
        for step in self.scenario.steps:
            while checks and checks[0].at < step.at:
                self._check(checks.pop(0))
            self._drive(step.at)
            self.run.steps.append(self._step(step))
        for check in checks:
            if check.at < self.scenario.until:
                self._check(check)
        self._drive(self.scenario.until, inclusive=True)
        for check in checks:
            if check.at >= self.scenario.until:
                self._check(check)
        self._settle_end()
        if keep:
            lifecycle.store_protocol(before.text, now=now)
            dismiss(self.cast)
            kept = [incident.pk for incident in self.incidents]
            Incident.objects.filter(pk__in=kept).update(driven_now=self.scenario.until)
            self.run.kept = True

    def _drive(self, until: datetime, *, inclusive: bool = False) -> None:
        """What is due strictly before `until`, at its own instants; at the very end what is due at it, too."""
        for incident in self.incidents:
            tick.drive(incident.pk, until=until, inclusive=inclusive)

    def _step(self, step: Step) -> Done:
        try:
            answer = self._act(step)
        except (NotAllowed, Refused) as refusal:
            done = Done(step, "refused", _whole(refusal), tuple(block.id for block in refusal.blocks))
        except DeskError as error:
            done = Done(step, "invalid", error.sentence)
        except Exception as error:
            error.add_note(f"While running {step.place(self.scenario.calendar)}.")
            raise
        else:
            done = Done(
                step, "warned" if answer.warnings else "done", answer.sentence, (), tuple(answer.warnings)
            )
            if step.label:
                self.labels[step.label] = answer.seq
        problem = _problem(step, done)
        if problem:
            problem = f"{step.place(self.scenario.calendar)}: {problem}"
            self.run.failures.append(problem)
        return replace(done, problem=problem)

    def _act(self, step: Step) -> Answer:
        form = self._form(step)
        if isinstance(form, alarm.AlertForm):
            return self._alert(step, form)
        if isinstance(form, alarm.ResolvedForm):
            return alarm.resolve(self._fired(form.name), now=step.at)
        by = User.objects.get(pk=self.cast.people[step.actor].pk)
        request_id = f"replay-{self.mark}-{step.number}"
        if isinstance(form, DeclareForm) and step.act == "declare":
            answer = opening.declare(
                form, by=by, request_id=request_id, now=step.at, time=Incident.Time.DRIVEN
            )
            self._join(answer.incident)
            return answer
        flow = ACTS[step.act]
        return flow(self._incident(step.incident).pk, form, by=by, request_id=request_id, now=step.at)

    def _form(self, step: Step) -> Form:
        calendar = self.scenario.calendar
        return bind(
            form_of(step.act),
            step.args,
            cast=self.cast,
            calendar=calendar,
            day=calendar.day_of(step.at),
            labels=self.labels,
        )

    def _alert(self, step: Step, form: alarm.AlertForm) -> Answer:
        fired = alarm.fire(form, self.cast, self.mark, now=step.at)
        self.alerts[form.name] = fired
        self.labels[ALERT + form.name] = fired.id
        if fired.incident:
            self._join(fired.incident)
        return Answer(fired.incident, fired.sentence)

    def _fired(self, name: str) -> alarm.Fired:
        if name not in self.alerts:
            raise Invalid(f"No alert named {name!r} has fired.")
        return self.alerts[name]

    def _join(self, key: str) -> None:
        if key not in {incident.key for incident in self.incidents}:
            self.incidents.append(Incident.objects.get(key=key))

    def _incident(self, number: int) -> Incident:
        if not 1 <= number <= len(self.incidents):
            raise Missing(f"There is no incident {number} yet; an alert or a declaration opens one.")
        return self.incidents[number - 1]

    def _check(self, check: Expectation) -> None:
        """Compare at an instant after all acts of it; what falls due at it is still to come."""
        if check.at < self.scenario.until:
            self._drive(check.at)
        try:
            incident = self._incident(check.incident)
        except Missing as error:
            self.run.failures.append(f"{check.place}: {error.sentence}")
            return
        seen = self._standing(incident, check.at)
        self.run.failures += differences(check, seen, self.scenario.calendar)

    def _standing(self, incident: Incident, now: datetime) -> Standing:
        incident.refresh_from_db()
        entries = [entry_of(row) for row in TimelineEntry.objects.filter(incident=incident).order_by("seq")]
        state = cast(State, incident.state)
        if fold_all(self.run.protocol, empty(), entries) != state:
            self.run.failures.append(f"{incident.key}: the stored state is not what its entries fold to.")
        return standing(self.run.protocol, state, entries, self.cast.names, now)

    def _settle_end(self) -> None:
        for incident in self.incidents:
            self.run.ends[incident.key] = self._standing(incident, self.scenario.until)
            self.run.titles[incident.key] = incident.title


def _whole(refusal: DeskError) -> str:
    """All of a refusal's sentences, the headline first."""
    return " ".join(dict.fromkeys([refusal.sentence, *(block.sentence for block in refusal.blocks)]))


def _problem(step: Step, done: Done) -> str:
    """How an outcome differs from what the file expects, in a sentence; empty where it does not."""
    if done.outcome not in ((step.expect,) if step.expect else ("done", "warned")):
        seen = f"{done.outcome} by {', '.join(done.gates)}" if done.gates else done.outcome
        return f"expected {step.expect or 'done'}, seen {seen}: {' '.join((done.sentence, *done.warnings)).strip()}"
    missing = [gate for gate in step.gates if gate not in done.gates]
    if missing:
        return f"expected a refusal by {', '.join(step.gates)}, seen by {', '.join(done.gates) or 'none'}: {done.sentence}"
    if step.headline and done.gates[:1] != (step.headline,):
        return f"expected the headline {step.headline}, seen {', '.join(done.gates[:1]) or 'none'}: {done.sentence}"
    said = " ".join((done.sentence, *done.warnings))
    if step.says and step.says.lower() not in said.lower():
        return f"expected the words {step.says!r}, seen: {said}"
    return ""
