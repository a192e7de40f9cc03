"""r-timeline: every entry as one row of plain text (FIND-01, -02, -08, -09; INC-17). Also used by the record."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from json import loads
from typing import Any

from desk.flows.log import CORRECTABLE
from desk.room.kinds import LOOKS, TEXTS, TITLES, Look
from desk.room.load import Row
from desk.room.shapes import Entry, Link, Severity
from desk.room.words import Words
from incidentdesk.kernel.stamps import moment
from incidents import disclosure
from incidents.protocol import Protocol, State
from incidents.sentences import STATUS, Told, seat_label, sentence
from people.naming import Naming
from people.rights import Right
from people.roles import Role

_PLAIN = Look("note", "quiet", "circle-dot")
_SAID_BY_TITLE = frozenset(
    {"finding", "theory", "question", "action", "decision", "nothing", "note", "escalated", "objective.set"}
)
_MONITOR = frozenset({"alert.fired", "alert.resolved"})
_SEATS = frozenset({"ic", "deputy", "ops", "ops2", "comms", "scribe"})


@dataclass(frozen=True)
class Teller:
    """What all rows of one page have in common. `corrected` maps a corrected entry to the one that corrects it."""

    words: Words
    protocol: Protocol
    state: State
    rights: Collection[Right]
    labels: Mapping[str, str]
    users: Naming
    services: Naming
    clients: Naming
    corrected: Mapping[int, Row]
    settled: Mapping[int, Row]
    may_correct: bool
    may_settle: bool
    alert: datetime
    late_after: float

    def shows(self, row: Row) -> bool:
        """Whether the viewer may see an entry at all."""
        return disclosure.shows(row.kind, row.payload, self.rights)

    def entries(self, rows: Iterable[Row]) -> tuple[Entry, ...]:
        """The rows as they are printed, in their order."""
        return tuple(self.entry(row) for row in rows if self.shows(row))

    def entry(self, row: Row) -> Entry:
        """One row."""
        words, payload = self.words, row.payload
        look = LOOKS.get(row.kind, _PLAIN)
        texts = disclosure.seen_texts(row.kind, payload, row.texts, self.rights)
        late = (row.recorded - row.happened).total_seconds() / self.state["minute"]
        correction = self.corrected.get(row.seq)
        author = (
            words.name(row.author, row.recorded) if row.author else "Monitor" if row.kind in _MONITOR else ""
        )
        plain = row.kind == "theory" and self.state["theories"].get(str(row.seq)) == "open"
        return Entry(
            seq=row.seq,
            at=words.at(row.happened),
            plus=self.plus(row.happened),
            late=f"entered {late:.0f} min later" if late > self.late_after else "",
            group=look.group,  # type: ignore[arg-type]  # kinds.py writes these words alone
            look=self._look(row, look),  # type: ignore[arg-type]  # as above
            icon=look.icon,
            title=self._title(row),
            author=author,
            role=role_words(row.role) if row.author else "",
            sentence=self._sentence(row, texts),
            text="[redacted]" if row.redacted else _text(row.kind, texts),
            source=texts.get("source", "") if row.kind == "finding" else "",
            value=texts.get("value", "") if row.kind == "finding" else "",
            tags=_tags(row),
            severity=_severity(row),
            phase=STATUS[payload["to"]] if row.kind == "status.moved" else "",
            out=self._out(row),
            link=self._link(row),
            corrected=f"corrected {words.short(correction.recorded)}, see entry {correction.seq}"
            if correction
            else "",
            may_correct=self.may_correct and row.kind in CORRECTABLE and correction is None,
            may_settle=self.may_settle and plain,
        )

    def plus(self, at: datetime) -> str:
        """Minutes since detection (INC-17): `T+30`."""
        passed = (at - self.alert).total_seconds() / self.state["minute"]
        return f"T+{int(passed)}" if passed >= 0 else f"T-{int(-passed)}"

    def _sentence(self, row: Row, texts: Mapping[str, str]) -> str:
        if row.kind in _SAID_BY_TITLE:
            return ""
        if row.kind == "status.moved":
            because = row.payload.get("because")
            return f"followed from entry {because}" if because else ""
        return self.story(row, texts)

    def story(self, row: Row, texts: Mapping[str, str] | None = None) -> str:
        """The whole sentence of a row, also of one whose title says as much; made of no more than the viewer may read."""
        if texts is None:
            texts = disclosure.seen_texts(row.kind, row.payload, row.texts, self.rights)
        payload = disclosure.seen_payload(row.payload, self.rights)
        if row.kind == "item.ticked":
            texts = {"item": self._item(payload["item"])}
        who = self.words.name(row.author, row.recorded) if row.author else "The desk"
        return sentence(
            row.kind,
            Told(
                payload,
                who,
                self.users.at(row.recorded),
                self.labels,
                self.services.at(row.recorded),
                self.clients.at(row.recorded),
                texts,
                self.words.beside(row.happened),
            ),
        )

    def _item(self, name: str) -> str:
        lists = self.protocol.checklists.values()
        return next((item.text for items in lists for item in items if item.id == name), name)

    def _title(self, row: Row) -> str:
        title = TITLES.get(row.kind) or row.kind.replace(".", " ").capitalize()
        if row.kind == "theory":
            state = self.state["theories"].get(str(row.seq), "open")
            settled = self.settled.get(row.seq)
            at = f" {self.words.short(settled.happened)}" if settled else ""
            return {"ruled_out": f"{title}, ruled out{at}", "confirmed": f"{title}, confirmed{at}"}.get(
                state, title
            )
        if row.kind == "finding" and row.payload.get("cause"):
            return "Finding, the cause"
        if row.kind.startswith("change."):
            return f"{title} {row.payload['change']}"
        return title

    def _look(self, row: Row, look: Look) -> str:
        if row.kind == "change.proposed":
            change = self.state["changes"].get(str(row.payload["change"]))
            return "waiting" if change and change["state"] in ("proposed", "asked") else ""
        if row.kind == "change.done":
            change = self.state["changes"].get(str(row.payload["change"]))
            return "miss" if change and change.get("unauthorised") else ""
        if row.kind == "clock.step" and row.payload.get("do") in ("overdue", "unanswered"):
            return "miss"
        return look.look

    def _out(self, row: Row) -> bool:
        if row.seq in self.corrected:
            return True
        if row.kind == "theory":
            return self.state["theories"].get(str(row.seq)) == "ruled_out"
        if row.kind == "change.proposed":
            change = self.state["changes"].get(str(row.payload["change"]))
            return bool(change and change["state"] == "withdrawn")
        return False

    def _link(self, row: Row) -> Link | None:
        if row.kind == "change.proposed":
            number = row.payload["change"]
            change = self.state["changes"].get(str(number))
            waits = change and change["state"] in ("proposed", "asked")
            return Link(f"#change-{number}", "Decide" if waits else "See the change")
        if row.kind == "corrected":
            return Link(f"#e-{row.payload['of']}", f"corrects entry {row.payload['of']}")
        if row.kind == "theory.settled" and row.payload.get("evidence"):
            return Link(f"#e-{row.payload['evidence']}", f"shown by entry {row.payload['evidence']}")
        return None


def _text(kind: str, texts: Mapping[str, str]) -> str:
    """The free texts of an entry as one text; each after the first says what it is."""
    parts = []
    for name, label in TEXTS.get(kind, (("text", ""), ("note", ""), ("reason", ""))):
        if texts.get(name):
            parts.append(f"{label}: {texts[name]}" if label else texts[name])
    return "\n".join(parts)


def _tags(row: Row) -> tuple[str, ...]:
    if row.kind == "finding":
        return tuple(word for word in ("cause", "shareable") if row.payload.get(word))
    if row.kind == "declared" and row.payload.get("below"):
        return ("below the suggestion",)
    return ()


def _severity(row: Row) -> Severity | None:
    level = {"declared": "severity", "severity.set": "to", "severity.proposed": "to"}.get(row.kind)
    return Severity(row.payload[level], f"SEV-{row.payload[level]}") if level else None


_ROLES = {**{role.value: str(role.label) for role in Role}, "owner": "Owner", "desk": ""}


def role_words(role: str) -> str:
    """A person's role at that moment: a seat, the owner, or what they are in the organisation."""
    if role in _SEATS or role.startswith("sme."):
        return seat_label(role)
    return _ROLES.get(role, role)


def teller(
    *, words: Words, protocol: Protocol, state: State, rights: Collection[Right], rows: Sequence[Row],
    names: Iterable[Mapping[str, object]] = (), may_post: bool = False,
) -> Teller:  # fmt: skip
    """A teller of rows. `rows` are all that were loaded: corrections and settled theories are looked up among them."""
    catalogue = list(names)
    return Teller(
        words=words,
        protocol=protocol,
        state=state,
        rights=rights,
        labels={clock.id: clock.label for clock in protocol.clocks},
        users=Naming.of((user, human.name, human.former) for user, human in words.people.items()),
        services=_naming(catalogue, "service"),
        clients=_naming(catalogue, "client"),
        corrected={row.payload["of"]: row for row in rows if row.kind == "corrected"},
        settled={row.payload["theory"]: row for row in rows if row.kind == "theory.settled"},
        may_correct=may_post,
        may_settle=may_post,
        alert=moment(state["alert"]),
        late_after=protocol.figure("entry.late"),
    )


def _naming(catalogue: Iterable[Mapping[str, Any]], what: str) -> Naming:
    return Naming.of(
        (each["id"], str(each["name"]), loads(each["former"])) for each in catalogue if each["what"] == what
    )
