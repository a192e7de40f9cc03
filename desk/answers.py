"""What an act came to, in the shape that pages print: done with its warnings, or refused with what to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from django.http import QueryDict

from desk.flows.act import Answer as Done
from incidentdesk.kernel.errors import Block, DeskError, Invalid, Missing, NotAllowed, Stale, Unavailable

Kind = Literal["done", "invalid", "refused", "stale", "denied", "missing", "unavailable"]
_KINDS: dict[type[DeskError], Kind] = {
    Invalid: "invalid", Stale: "stale", NotAllowed: "denied", Missing: "missing", Unavailable: "unavailable",
}  # fmt: skip
# What a refusal offers, by the row it names (ROLE-04: nobody is IC, so the seat is offered).
_OFFERS = {"ROLE-04": ("#f-seats", "Take IC")}
_NOT_TYPED = ("csrfmiddlewaretoken", "request_id")


@dataclass(frozen=True, slots=True)
class Offer:
    """A way out of a refusal."""

    url: str
    label: str


@dataclass(frozen=True, slots=True)
class Told:
    """What `desk/_answer.html` prints. `version` is the fresh seen_version of the thing decided, where it is known."""

    kind: Kind
    headline: str
    blocks: tuple[Block, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    version: str = ""
    offer: Offer | None = None


@dataclass(frozen=True, slots=True)
class FormState:
    """What was typed into a form that was refused, and what is wrong with it, by field."""

    values: Mapping[str, object] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


def done(answer: Done) -> Told:
    """An act that was done."""
    return Told("done", answer.sentence, warnings=tuple(answer.warnings), version=str(answer.version or ""))


def refused(error: DeskError) -> Told:
    """An act that was not."""
    kind: Kind = next((word for known, word in _KINDS.items() if isinstance(error, known)), "refused")
    offers = (_OFFERS[block.id] for block in error.blocks if block.id in _OFFERS)
    url, label = next(offers, ("", ""))
    return Told(
        kind=kind,
        headline=error.sentence,
        blocks=error.blocks,
        fields=dict(getattr(error, "fields", {})),
        version=str(getattr(error, "version", "") or ""),
        offer=Offer(url, label) if url else None,
    )


def typed(post: QueryDict, errors: Mapping[str, str]) -> FormState:
    """The fields as they came, so that nobody types twice; several values of one field as a tuple."""
    values: dict[str, Any] = {
        name: tuple(given) if len(given) > 1 else given[0]
        for name, given in post.lists()
        if given and name not in _NOT_TYPED
    }
    return FormState(values, dict(errors))
