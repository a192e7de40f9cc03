"""The hidden fields of every form, without the cost of a template: a room prints three dozen of them.

A part of a page that is kept for the next reader (`kept.py`) holds a mark in their place, and every page puts its own there.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from django import template
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

KEEPING: Final = "desk-keeping"
SEEN: Final = '<input type="hidden" name="seen_upto" value="{}" data-version="seq">'
MARK: Final = format_html("\0{}\0", secrets.token_hex(16))  # nobody can type it


@register.simple_tag(takes_context=True)
def ids(context: Context) -> SafeString:
    """The CSRF token, the last entry that the page shows (`seen_upto`, where it shows a record), and a fresh request id."""
    if is_kept(context):
        return MARK
    return format_html('{}{}">', _before(context), context["new_id"]())


@contextmanager
def keeping(context: Context) -> Iterator[None]:
    """What is rendered in this block will be kept. The mark stands at the bottom of the render context, which goes
    along into every template included, `only` or not."""
    marks, outermost = context.render_context.dicts[0], not is_kept(context)
    marks[KEEPING] = "yes"
    try:
        yield
    finally:
        if outermost:
            del marks[KEEPING]


def is_kept(context: Context) -> bool:
    """Whether what is rendered now will be kept."""
    return KEEPING in context.render_context.dicts[0]


def with_ids(parts: Sequence[str], context: Context) -> str:
    """What was kept, with the fields of this page between its parts: one token, and each form an id of its own."""
    before, new_id = _before(context), context["new_id"]
    found = [parts[0]]
    for part in parts[1:]:
        found += (before, f'{new_id()}">', part)
    return "".join(found)


def _before(context: Context) -> SafeString:
    upto = context.get("seen_upto")
    seen = "" if upto is None else format_html(SEEN, upto)
    return format_html(
        '<input type="hidden" name="csrfmiddlewaretoken" value="{}">{}<input type="hidden" name="request_id" value="',
        context["csrf_token"],
        seen,
    )
