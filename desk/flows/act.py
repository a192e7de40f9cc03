"""What every act shares: one transaction, one request id, permission, guards, and a refusal that is kept.

`@act` turns a function over a `Room` into a flow. Same request id, same answer; another content under the same id is
refused. A refusal is recorded on the incident (RBAC-19) after the act itself was rolled back.
"""

import functools
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from django.db import transaction

from desk.flows.room import Room
from desk.forms.fields import Form, Versioned
from incidentdesk.kernel import sql
from incidentdesk.kernel.errors import Block, DeskError, Invalid, NotAllowed, Refused
from incidents import record as records
from incidents.authority import Authority
from incidents.protocol import Draft
from people.models import User
from people.rights import Right

F = TypeVar("F", bound=Form)
# The right an act takes: one for all, or what this person needs for this form here; None where it is theirs without one.
RightOf = Right | Callable[[Authority, Any], Right | None]


@dataclass(frozen=True)
class Answer:
    """What an act came to. `version` is the seq of the entry: the new version of the thing decided."""

    incident: str
    sentence: str = ""
    seq: int = 0
    kind: str = ""
    version: int = 0
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Flow:
    """An act as page and API offer it: `/incidents/<key>/<noun>/`; `kinds` are the entries it may write."""

    noun: str
    right: RightOf
    form: type[Form]
    kinds: tuple[str, ...]
    about: str
    run: Callable[..., Answer]
    answers: "Answers | None" = None

    def denial(self, who: Authority, form: Any) -> Block | None:
        """The block that stands for a right this person lacks for this form here, or None: page, API and flow ask this."""
        right = self.right if isinstance(self.right, Right) else self.right(who, form)
        return who.denial(right, self.kinds[0] if self.kinds else "")

    def __call__(self, incident: int, form: Form, *, by: User, request_id: str, now: datetime) -> Answer:
        """Do it. `now` is aware UTC. Raises DeskError; nothing is changed then, but for the record of the refusal."""
        return self.run(incident, form, by=by, request_id=request_id, now=now)


ACTS: dict[str, Flow] = {}
Body = Callable[[Room, Any], str]
# The version of what an act answers, as it is now: the seq of the entry that made it so; None where nothing is to compare.
Answers = Callable[[Room, Any], int | None]


def act(
    noun: str, right: RightOf, form: type[Form], *kinds: str, answers: Answers | None = None
) -> Callable[[Body], Flow]:
    """Make a flow of a function that takes the room and the form and returns its sentence for the person.

    An act that answers something names its version by `answers`; a form that saw another one comes back (409). An act
    without it adds a fact of its own.
    """

    def register(body: Body) -> Flow:
        @functools.wraps(body)
        def run(incident: int, form: Form, *, by: User, request_id: str, now: datetime) -> Answer:
            return _run(flow, body, incident, form, by=by, request_id=request_id, now=now)

        about = (body.__doc__ or "").strip().split("\n")[0]
        flow = Flow(noun, right, form, kinds, about, run, answers)
        ACTS[noun] = flow
        return flow

    return register


def _run(
    flow: Flow, body: Body, incident: int, form: Form, *, by: User, request_id: str, now: datetime
) -> Answer:
    noun, kinds = flow.noun, flow.kinds
    try:
        with transaction.atomic():
            known = remember(by, request_id, noun, incident, form, now=now)
            if known is not None:
                return known
            room = Room(records.load(incident, now=now), by=by, now=now)
            room.denied = flow.denial(room.who, form)
            if flow.answers is not None and isinstance(form, Versioned) and room.denied is None:
                room.unchanged(form, lambda: flow.answers and flow.answers(room, form))
            sentence = body(room, form)
            if room.denied is not None:
                raise NotAllowed(blocks=[room.denied])
            last = room.last
            answer = Answer(room.record.key, sentence, last.seq, last.kind, last.seq, room.warnings)
            room.save(also=lambda: conclude(by, request_id, answer))
            return answer
    except (NotAllowed, Refused) as refusal:
        _keep_refusal(refusal, kinds, incident, form, by=by, request_id=request_id, now=now, noun=noun)
        raise


def _keep_refusal(
    refusal: DeskError, kinds: Sequence[str], incident: int, form: Form,
    *, by: User, request_id: str, now: datetime, noun: str,
) -> None:  # fmt: skip
    """The attempt stands on the record, and a repeat under the same request id adds nothing."""
    with transaction.atomic():
        if remember(by, request_id, noun, incident, form, now=now, refused=True) is not None:
            return
        room = Room(records.load(incident, now=now), by=by, now=now)
        gates = [block.id for block in refusal.blocks]
        room.add("refused", {"act": noun, "kind": kinds[0] if kinds else noun, "gates": gates},
                 texts={"sentence": refusal.sentence})  # fmt: skip
        told = {"sentence": refusal.sentence, "blocks": [asdict(block) for block in refusal.blocks]}
        room.save(also=lambda: _store(by, request_id, refusal.status, told))


INSERT = """
INSERT INTO desk_idempotency (actor_id, request_id, request_hash, status, answer, at)
VALUES (%s, %s, %s, 0, 'null', %s) ON CONFLICT (actor_id, request_id) DO NOTHING RETURNING id
"""
KNOWN = (
    "SELECT request_hash, status, answer::text FROM desk_idempotency WHERE actor_id = %s AND request_id = %s"
)
STORE = """
UPDATE desk_idempotency SET status = %s::int, answer = %s::text::jsonb WHERE actor_id = %s AND request_id = %s
"""


def remember(
    by: User,
    request_id: str,
    noun: str,
    incident: int | None,
    form: Form,
    *,
    now: datetime,
    refused: bool = False,
) -> Answer | None:
    """Take the request id, or answer as the first time. Raises Invalid where the id was used for something else.

    A concurrent request with the same id waits here until the first has committed.
    """
    if not request_id or len(request_id) > 80:
        raise Invalid(
            "This request has no id of its own. Reload the page and send it again; your text is kept."
        )
    # What the sender had seen is no part of what it asks: a form that is opened again may have seen more.
    told = f"{noun}:{incident}:{form.model_dump_json(exclude={'seen_version', 'seen_upto'})}".encode()
    digest = hashlib.sha256(told).hexdigest()
    if sql.run(INSERT, [by.pk, request_id, digest, now]):
        return None
    stored, status, text = sql.run(KNOWN, [by.pk, request_id])[0]
    if stored != digest:
        raise Invalid(
            "This request id was used for something else already. Nothing was changed; send it again as a new one."
        )
    answer = json.loads(text)
    if refused:
        return Answer("")
    if status >= 400:
        raise _again(status, answer)
    return Answer(**answer)


def _again(status: int, answer: dict[str, Any]) -> DeskError:
    blocks = [Block(**block) for block in answer["blocks"]]
    return (
        NotAllowed(answer["sentence"], blocks=blocks)
        if status == 403
        else Refused(blocks, answer["sentence"])
    )


def conclude(by: User, request_id: str, answer: Answer) -> None:
    """Store the answer beside the effect, in its transaction."""
    _store(by, request_id, 200, asdict(answer))


def _store(by: User, request_id: str, status: int, answer: dict[str, Any]) -> None:
    sql.run(STORE, [status, json.dumps(answer), by.pk, request_id])


def draft(kind: str, **payload: Any) -> Draft:
    """A draft by the desk itself."""
    return Draft(kind, payload)
