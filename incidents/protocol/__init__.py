"""The response protocol: data (`default.toml`) and the pure functions over it.

Nothing here reads a clock, a database or a setting. `fold` moves a state one entry on, `read` says how
every clock stands, `blockers` says why an act is refused, `score` marks the response.
"""

from incidentdesk.kernel.errors import Block
from incidents.protocol.checks import check
from incidents.protocol.definition import Protocol, default_text, parse
from incidents.protocol.fold import fold, fold_all
from incidents.protocol.gates import blockers
from incidents.protocol.guards.asking import Act
from incidents.protocol.read import Reading, read
from incidents.protocol.score import Mark, score
from incidents.protocol.state import FOLD_VERSION, Draft, Entry, State, empty

__all__ = [
    "FOLD_VERSION",
    "Act",
    "Block",
    "Draft",
    "Entry",
    "Mark",
    "Protocol",
    "Reading",
    "State",
    "blockers",
    "check",
    "default_text",
    "empty",
    "fold",
    "fold_all",
    "parse",
    "read",
    "score",
]
