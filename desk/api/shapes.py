"""What the API says of an incident to somebody who may enter its room; figures come from the pure core."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from comms.models import Message, Update
from desk.api import names
from desk.api.names import Names
from desk.api.wire import time
from incidents import disclosure, sentences
from incidents.authority import Authority
from incidents.models import EntryText, Incident, TimelineEntry
from incidents.protocol import Reading, State, read
from incidents.protocol.state import OfferState
from incidents.record import protocol_of, state_of
from people.models import User
from people.naming import name_at
from people.rights import Right


def row(incident: Incident) -> dict[str, Any]:
    """An incident in a list. Ask for owner, ic, services and clients with it."""
    return {
        "uid": str(incident.uid),
        "key": incident.key,
        "kind": incident.kind,
        "title": incident.title,
        "status": incident.status,
        "severity": incident.severity,
        "presumed": incident.presumed,
        "owner": _person(incident.owner),
        "ic": _person(incident.ic),
        "services": [{"slug": each.slug, "name": each.name} for each in incident.services.all()],
        "clients": [{"uid": str(each.uid), "name": each.name} for each in incident.clients.all()],
        **{name: time(getattr(incident, name)) for name in _TIMES},
        "waiting": incident.waiting,
        "seq": incident.seq,
    }


_TIMES = ("opened_at", "alert_fired_at", "declared_at", "resolved_at", "closed_at", "next_update_at")


def whole(incident: Incident, user: User, *, now: datetime) -> dict[str, Any]:
    """One incident: its row and everything the fold knows. A driven incident is read at its driver's last instant."""
    state: State = state_of(incident)
    rights = authority(incident, user, now=now).rights
    known = Names(_people(state), catalogue=True)
    return {
        **row(incident),
        "protocol": incident.protocol.number,
        "follows": str(incident.follows.uid) if incident.follows else None,
        "versions": {"status": state["status_seq"], "severity": state["severity_seq"]},
        "readings": readings(incident, now=now),
        "milestones": state["milestones"],
        "impact": [{"from": start, "to": end} for start, end in state["impact"]],
        "seats": [_seat(seat, held, known) for seat, held in state["seats"].items()],
        "offers": [_offer(seat, offer, known) for seat, offer in state["offers"].items()],
        "changes": [_change(number, change, known) for number, change in state["changes"].items()],
        "theories": state["theories"] if Right.SEE_THEORIES in rights else {},
        "checklist": state["items"],
        "review": state["review"],
        "confirmed_by": [known.client(each) for each in state["confirmed"]],
        "bridge": {"opened": state["bridge"]} if state["bridge"] and Right.SEE_BRIDGE in rights else None,
        "rights": sorted(right.value for right in rights),
    }


def authority(incident: Incident, user: User, *, now: datetime) -> Authority:
    """What the person may do in this incident now; the same answer that pages and flows give."""
    return Authority.of(protocol_of(incident.protocol_id), state_of(incident), user, now)


def readings(incident: Incident, *, now: datetime) -> list[dict[str, Any]]:
    """How every clock stands, in the protocol's order. A clock of one person names them."""
    at = (incident.driven_now or now) if incident.time == Incident.Time.DRIVEN else now
    protocol = protocol_of(incident.protocol_id)
    found = read(protocol, state_of(incident), at)
    personal = {clock.id for clock in protocol.clocks if clock.subject == "user"}
    known = Names(int(each.subject) for each in found if each.clock in personal and each.subject)
    return [_reading(each, known if each.clock in personal else None) for each in found]


def _reading(reading: Reading, known: Names | None) -> dict[str, Any]:
    told = {name: value for name, value in asdict(reading).items() if name not in ("strip", "rows")}
    if known is not None and reading.subject:
        told["subject"] = known.person(int(reading.subject))
    return told


def timeline(
    incident: Incident, user: User, *, after: int, limit: int, now: datetime
) -> list[dict[str, Any]]:
    """Entries with a higher seq than `after`, oldest first."""
    rights = authority(incident, user, now=now).rights
    hidden = disclosure.hidden_kinds(rights)
    rows = list(
        TimelineEntry.objects.filter(incident=incident, seq__gt=after)
        .exclude(kind__in=hidden)
        .exclude(kind="corrected", payload__kind__in=hidden)
        .order_by("seq")[:limit]
    )
    texts = dict(
        EntryText.objects.filter(incident=incident, seq__in=[each.seq for each in rows]).values_list(
            "seq", "body"
        )
    )
    named = {each.author_id for each in rows}.union(
        *(names.people_in(each.kind, each.payload) for each in rows)
    )
    known = Names(named, catalogue=True)
    labels = {clock.id: clock.label for clock in protocol_of(incident.protocol_id).clocks}
    return [
        _entry(each, texts.get(each.seq, {}), rights, known.at(each.recorded_at), labels) for each in rows
    ]


def _entry(
    entry: TimelineEntry,
    texts: dict[str, str],
    rights: Collection[Right],
    known: Names,
    labels: dict[str, str],
) -> dict[str, Any]:
    shown = disclosure.seen_texts(entry.kind, entry.payload, texts, rights)
    payload = disclosure.seen_payload(entry.payload, rights)
    return {
        "seq": entry.seq,
        "kind": entry.kind,
        "author": known.person(entry.author_id),
        "role": entry.role,
        "happened_at": time(entry.happened_at),
        "recorded_at": time(entry.recorded_at),
        "sentence": sentences.sentence(entry.kind, _told(entry, payload, shown, known, labels)),
        "payload": names.public(entry.kind, payload, known),
        "texts": dict(shown),
        "hash": bytes(entry.hash).hex(),
    }


def _told(
    entry: TimelineEntry,
    payload: Mapping[str, Any],
    texts: Mapping[str, str],
    known: Names,
    labels: dict[str, str],
) -> sentences.Told:
    """What the sentence may be made of: no more than is shown beside it."""
    author = known.person(entry.author_id)
    return sentences.Told(
        payload=payload,
        who=author["name"] if author else "The desk",
        users={pk: each["name"] for pk, each in known.people.items()},
        clocks=labels,
        services={pk: each["name"] for pk, each in known.services.items()},
        clients={pk: each["name"] for pk, each in known.clients.items()},
        texts=texts,
    )


def updates(incident: Incident, user: User, *, addresses: bool, now: datetime) -> list[dict[str, Any]]:
    """Every update with its texts to the letter, and how each delivery stands.

    A text that this person may not read is there without its words; so are addresses, unless `addresses` asks for them.
    """
    hidden = disclosure.hidden_audiences(authority(incident, user, now=now).rights)
    found = (
        Update.objects.filter(incident=incident).select_related("author").prefetch_related("texts__messages")
    )
    return [
        {
            "number": update.number,
            "author": _person(update.author, update.sent_at),
            "status": update.status,
            "sent_at": time(update.sent_at),
            "next_at": time(update.next_at),
            "texts": [
                {"audience": text.audience, "status": text.data["status"]}
                | ({} if text.audience in hidden else {"subject": text.subject, "body": text.body})
                | {"deliveries": [_delivery(message, addresses) for message in text.messages.all()]}
                for text in update.texts.all()
            ],
        }
        for update in found.order_by("number")
    ]


def _delivery(message: Message, addresses: bool) -> dict[str, Any]:
    to = message.dest if addresses else _masked(message.dest)
    return {
        "message": message.pk,
        "id": message.uid,
        "channel": message.channel,
        "to": to,
        "state": message.state,
        "attempts": message.attempt,
        "error": message.last_error.replace(message.dest, to) if message.dest else message.last_error,
        "sent_at": time(message.sent_at),
    }


def _masked(dest: str) -> str:
    """Where it goes without the way there: the domain of an address, the host of a webhook."""
    if "://" in dest:
        return f"{urlsplit(dest).hostname or ''}/…"
    return f"…@{dest.rpartition('@')[2]}" if "@" in dest else dest


def _person(user: User | None, then: datetime | None = None) -> dict[str, str] | None:
    """Somebody by their present name, or by the one they had `then`."""
    if user is None:
        return None
    name = user.name if then is None else name_at(user.name, user.former_names, then)
    return {"uid": str(user.uid), "name": name}


def _people(state: State) -> set[int | None]:
    found: set[int | None] = {held["user"] for held in state["seats"].values()}
    for change in state["changes"].values():
        found |= {change["requester"], change["implementer"], change["approver"]}
    for offer in state["offers"].values():
        found |= {offer["to"], offer["by"]}
    return found


def _seat(seat: str, held: Any, known: Names) -> dict[str, Any]:
    return {
        "seat": seat,
        "holder": known.person(held["user"]),
        "since": held["since"],
        "acknowledged": held["acked"],
        "away": bool(held.get("away")),
        "version": held["seq"],
    }


def _offer(seat: str, offer: OfferState, known: Names) -> dict[str, Any]:
    return {
        "seat": seat,
        "to": known.person(offer["to"]),
        "by": known.person(offer["by"]),
        "version": offer["seq"],
    }


def _change(number: str, change: Any, known: Names) -> dict[str, Any]:
    return {
        "number": int(number),
        "state": change["state"],
        "version": change["seq"],
        "requester": known.person(change["requester"]),
        "implementer": known.person(change["implementer"]),
        "approver": known.person(change["approver"]),
        "approved_under": change.get("under"),
        "risk_stated": change["risk"],
        "proposed_at": change["at"],
        "unauthorised": bool(change.get("unauthorised")),
        "effect_seen": change.get("effect"),
    }
