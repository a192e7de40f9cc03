"""Rendering what never changes only once: an entry's row, and the fields of a form.

An entry is append-only and its view a frozen value, so the row made for it is right for as long as that value is:
the value itself is the key. A process keeps the last few thousand rows; nothing has to be told to forget.
"""

from collections import OrderedDict
from collections.abc import Hashable
from functools import lru_cache
from threading import Lock
from typing import cast

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.template.context import Context
from django.template.loader import get_template
from django.utils.safestring import SafeString

register = template.Library()
_MOST_BLOCKS = 64  # for each place in a template


@register.simple_tag
def entry(value: Hashable) -> SafeString:
    """The row of one timeline entry, `desk/_entry.html`."""
    return _row(value)


@register.filter
def digest(value: Hashable, refused: object = None) -> int:
    """A key for `{% kept %}` that says which `value` was printed; 0, which remembers nothing, while `refused` (forms
    that came back with what was typed) is not empty."""
    return 0 if refused else hash(value) or 1


@lru_cache(maxsize=8192)
def _row(value: Hashable) -> SafeString:
    return cast(SafeString, get_template("desk/_entry.html").render({"e": value}))


@register.tag("kept")
def kept(parser: Parser, token: Token) -> "KeptNode":
    """`{% kept a b %}…{% endkept %}` renders what is inside once for each pair of values. Everything that the inside
    prints must follow from those values; request ids and CSRF tokens stay outside. Where the first value is empty,
    nothing is remembered."""
    _, *keys = token.split_contents()
    inside = parser.parse(("endkept",))
    parser.delete_first_token()
    return KeptNode(inside, [parser.compile_filter(key) for key in keys])


class KeptNode(template.Node):
    """A block that remembers what it rendered; the least used blocks are forgotten first."""

    def __init__(self, inside: NodeList, keys: list[FilterExpression]) -> None:
        self.inside = inside
        self.keys = keys
        self.memory: OrderedDict[tuple[Hashable, ...], SafeString] = OrderedDict()
        self.lock = Lock()

    def render(self, context: Context) -> SafeString:
        """The block as remembered, or rendered now."""
        key = tuple(expression.resolve(context) for expression in self.keys)
        if not key[0]:
            return self.inside.render(context)
        with self.lock:
            known = self.memory.get(key)
            if known is not None:
                self.memory.move_to_end(key)
                return known
        fresh = self.inside.render(context)
        with self.lock:
            self.memory[key] = fresh
            while len(self.memory) > _MOST_BLOCKS:
                self.memory.popitem(last=False)
        return fresh
