"""What the desk says when it will not do something: what happened, what was kept, what to do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    """One reason against an act: the gate's or ledger row's id, and one sentence for the person."""

    id: str
    sentence: str


class DeskError(Exception):
    """An answer to a person, not a bug. `sentence` is shown as it stands; `status` is the HTTP status of the answer."""

    status: int = 422
    code: str = "refused"

    def __init__(self, sentence: str = "", *, blocks: Iterable[Block] = ()) -> None:
        self.blocks: tuple[Block, ...] = tuple(blocks)
        self.sentence: str = sentence or (self.blocks[0].sentence if self.blocks else "")
        super().__init__(self.sentence)


class NotAllowed(DeskError):
    """This person may not do that."""

    status = 403
    code = "not_allowed"


class Stale(DeskError):
    """Somebody else changed the thing first; the sentence names who did what and when.

    `version` is the version it has now, to be sent as `seen_version` once the person has looked at it.
    """

    status = 409
    code = "stale"

    def __init__(self, sentence: str = "", *, version: int = 0, blocks: Iterable[Block] = ()) -> None:
        self.version = version
        super().__init__(sentence, blocks=blocks)


class Invalid(DeskError):
    """What was typed does not fit. `fields` names each field with its sentence."""

    code = "invalid"

    def __init__(
        self, sentence: str = "", *, fields: Mapping[str, str] | None = None, blocks: Iterable[Block] = ()
    ) -> None:
        self.fields: dict[str, str] = dict(fields or {})
        super().__init__(sentence or next(iter(self.fields.values()), ""), blocks=blocks)


class Refused(DeskError):
    """The protocol does not allow it now: every gate that stands against it, the headline first."""

    code = "refused"

    def __init__(self, blocks: Iterable[Block] = (), sentence: str = "") -> None:
        super().__init__(sentence, blocks=blocks)


class Missing(DeskError):
    """There is no such thing, or none that this person may know of: the same words for both (S3)."""

    status = 404
    code = "missing"

    def __init__(
        self, sentence: str = "There is nothing here for you. Check the address, or go back to the desk."
    ) -> None:
        super().__init__(sentence)


class Hidden(Missing):
    """There may be such a thing, but this person has no right to it. They read what they read of a missing one (S3)."""


class Unavailable(DeskError):
    """The desk cannot do it just now and nothing was changed; trying again with the same key is safe."""

    status = 503
    code = "unavailable"
