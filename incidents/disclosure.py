"""Which field takes which right to be read: one filter for page, API, mail and search (RBAC-18, RBAC-21).

Whoever prints an entry or a text of an update asks here first; a field that no row names is for everybody in the room.
"""

from collections.abc import Collection, Mapping
from typing import Any

from people.rights import Right

Payload = Mapping[str, Any]
Texts = Mapping[str, str]

# Whole entries; a correction is hidden with what it corrects.
_KINDS = {"theory": Right.SEE_THEORIES, "theory.settled": Right.SEE_THEORIES}
# Fields of any entry's payload, and texts of one kind.
_PAYLOAD = {"revenue": Right.SEE_REVENUE}
_TEXTS = {("bridge.opened", "link"): Right.SEE_BRIDGE}
# Audiences whose texts name money.
_AUDIENCES = {"executives": Right.SEE_REVENUE}


def hidden_audiences(rights: Collection[Right]) -> frozenset[str]:
    """The audiences whose texts somebody with these rights may not read."""
    return frozenset(audience for audience, right in _AUDIENCES.items() if right not in rights)


def shows(kind: str, payload: Payload, rights: Collection[Right]) -> bool:
    """Whether an entry may be seen at all."""
    about = str(payload.get("kind", "")) if kind == "corrected" else kind
    return about not in hidden_kinds(rights)


def hidden_kinds(rights: Collection[Right]) -> frozenset[str]:
    """The kinds of entry that somebody with these rights may not see, nor any correction of one."""
    return frozenset(kind for kind, right in _KINDS.items() if right not in rights)


def seen_payload(payload: Payload, rights: Collection[Right]) -> Payload:
    """The payload without the fields that these rights do not open."""
    hidden = {name for name, right in _PAYLOAD.items() if right not in rights}
    return {name: value for name, value in payload.items() if name not in hidden}


def seen_texts(kind: str, payload: Payload, texts: Texts, rights: Collection[Right]) -> Texts:
    """The texts without those that these rights do not open.

    The words of an update are those of its first audience; a correction of a figure may repeat the figure.
    """
    if kind == "update.sent" and hidden_audiences(rights) & set(payload.get("to", ())[:1]):
        return {}
    if kind == "corrected" and len(seen_payload(payload, rights)) < len(payload):
        return {}
    hidden = {name for (about, name), right in _TEXTS.items() if about == kind and right not in rights}
    return {name: text for name, text in texts.items() if name not in hidden}
