"""Rendering what never changes only once: an entry's row, a clock that stands, the regions of a room and its forms.

An entry is append-only and its view a frozen value, so the row made for it is right for as long as that value is:
the value itself is the key. A process keeps the last few thousand rows; nothing has to be told to forget.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from functools import lru_cache
from threading import Lock
from typing import cast

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.template.context import Context
from django.template.loader import get_template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from desk.room.shapes import Entry
from desk.templatetags.ids import MARK, is_kept, keeping, with_ids

register = template.Library()
_MOST_BLOCKS = 64  # for each place in a template


@register.simple_tag
def entry(value: Hashable) -> SafeString:
    """The row of one timeline entry, `desk/_entry.html`."""
    return _row(value)


@register.simple_tag
def entries(rows: Iterable[Entry], today: str) -> str:
    """The rows of the timeline. Where another day begins than that of the row above, a line names it; the first row
    needs one where its day is not `today`."""
    found: list[str] = []
    day = today
    for each in rows:
        if each.at.day != day:
            day = each.at.day
            found.append(format_html('<h3 class="timeline__day">{}</h3>', day))
        found += (_row(each), "\n")
    return SafeString("".join(found))


@register.simple_tag
def tile(value: Hashable) -> SafeString:
    """One protocol clock of the room, `desk/_tile.html`."""
    return _tile(value)


@register.filter
def digest(value: Hashable, refused: object = None) -> tuple[Hashable, ...]:
    """A key for `{% kept %}` that holds the `value` printed, also an empty one; nothing, which remembers nothing, while
    `refused` (forms that came back with what was typed) is not empty."""
    return () if refused else (value,)


@lru_cache(maxsize=8192)
def _row(value: Hashable) -> SafeString:
    return cast(SafeString, get_template("desk/_entry.html").render({"e": value}))


@lru_cache(maxsize=2048)
def _tile(value: Hashable) -> SafeString:
    return cast(SafeString, get_template("desk/_tile.html").render({"t": value}))


@register.tag("kept")
def kept(parser: Parser, token: Token) -> "KeptNode":
    """`{% kept a b %}…{% endkept %}` renders what is inside once for each pair of values. Everything that the inside
    prints must follow from those values, but for `{% ids %}`, which is never kept: every page gets its own. Where the
    first value is empty, nothing is remembered."""
    _, *keys = token.split_contents()
    inside = parser.parse(("endkept",))
    parser.delete_first_token()
    return KeptNode(inside, [parser.compile_filter(key) for key in keys])


class KeptNode(template.Node):
    """A block that remembers what it rendered; the least used blocks are forgotten first."""

    def __init__(self, inside: NodeList, keys: list[FilterExpression]) -> None:
        self.inside = inside
        self.keys = keys
        self.memory: OrderedDict[tuple[Hashable, ...], list[str]] = OrderedDict()
        self.lock = Lock()

    def render(self, context: Context) -> str:
        """The block as remembered, or rendered now; its forms carry the ids of this page."""
        key = tuple([expression.resolve(context) for expression in self.keys])
        if not key[0]:
            return self.inside.render(context)
        parts = self._parts(key, context)
        if len(parts) == 1:
            return parts[0]
        return MARK.join(parts) if is_kept(context) else with_ids(parts, context)

    def _parts(self, key: tuple[Hashable, ...], context: Context) -> list[str]:
        """What is inside, cut where ids belong."""
        with self.lock:
            known = self.memory.get(key)
            if known is not None:
                self.memory.move_to_end(key)
                return known
        with keeping(context):
            fresh = self.inside.render(context).split(MARK)
        with self.lock:
            self.memory[key] = fresh
            while len(self.memory) > _MOST_BLOCKS:
                self.memory.popitem(last=False)
        return fresh
