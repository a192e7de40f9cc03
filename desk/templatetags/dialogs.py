"""The dialog of an act and its plain fields, each named by the noun it posts to; their HTML stands in `desk/dialog/`.

    {% dialog "bridge" "Open the bridge" button="Open" %}{% line "link" "Link or number" required=True %}{% enddialog %}

A field knows its dialog, so that ids, what was typed and the sentence of a refused field agree without being spelled
out. A room prints dozens of these, nearly all of them empty: what follows from its arguments alone is rendered once.
"""

from collections.abc import Hashable
from functools import lru_cache
from typing import Any, cast

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token, token_kwargs
from django.template.context import Context
from django.template.loader import get_template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from desk.templatetags.ids import ids

register = template.Library()


@register.tag("dialog")
def dialog(parser: Parser, token: Token) -> "DialogNode":
    """`{% dialog noun title button="…" [note="…"] [wide=True] [online=True] %}…{% enddialog %}`; `online` marks an act
    that is not kept for later while the line is down. Needs `room` in the context."""
    _, noun, title, *rest = token.split_contents()
    words = {"noun": parser.compile_filter(noun), "title": parser.compile_filter(title)}
    words.update(token_kwargs(rest, parser))
    inside = parser.parse(("enddialog",))
    parser.delete_first_token()
    return DialogNode(inside, words)


class DialogNode(template.Node):
    """An act's form with its head, its place for the answer and its button."""

    def __init__(self, inside: NodeList, words: dict[str, FilterExpression]) -> None:
        self.inside = inside
        self.words = words

    def render(self, context: Context) -> SafeString:
        """The dialog; what is inside sees its `noun` and its `form`."""
        words = {name: expression.resolve(context) for name, expression in self.words.items()}
        room = context["room"]
        form = room.forms[words["noun"].replace("-", "_")]
        with context.push(noun=words["noun"], form=form):
            inside = self.inside.render(context)
        answer = _fresh("desk/_answer.html", {"answer": room.answer}) if form else ""
        note, button, online = words.get("note", ""), words["button"], words.get("online", False)
        return format_html(
            '{}{}{}{}<div class="answer">{}</div>{}',
            _once("head", *{"base": room.base, "wide": False, **words}.items()),
            ids(context),
            format_html('<p class="soft">{}</p>', note) if note else "",
            inside,
            answer,
            _once("foot", ("button", button), ("online", online)),
        )


@register.simple_tag(takes_context=True)
def line(context: Context, name: str, label: str, **more: Hashable) -> SafeString:
    """One line to type; `mode` is the keyboard a phone shows."""
    return _field("line", context, name, label, more)


@register.simple_tag(takes_context=True)
def lines(context: Context, name: str, label: str, **more: Hashable) -> SafeString:
    """Several lines to type, two shown unless `rows` says otherwise."""
    return _field("lines", context, name, label, more)


@register.simple_tag(takes_context=True)
def moment(context: Context, name: str, label: str, **more: Hashable) -> SafeString:
    """A date and a time, to the second unless `step` is false; `given` stands there until something is typed."""
    return _field("moment", context, name, label, more)


@register.simple_tag(takes_context=True)
def choose(context: Context, name: str, label: str, **more: Hashable) -> SafeString:
    """One of `options`; `nothing` words the empty one, which is there only with it."""
    return _field("choose", context, name, label, more)


@register.simple_tag
def chips(name: str, label: str, *, options: Hashable) -> SafeString:
    """Any of `options`; those that were chosen before are ticked."""
    return _once("chips", ("name", name), ("label", label), ("options", options))


def _field(kind: str, context: Context, name: str, label: str, more: dict[str, Hashable]) -> SafeString:
    form = context["form"]
    words = {"noun": context["noun"], "name": name, "label": label, "hint": "", "required": False, "rows": 2,
             "mode": "", "given": "", "step": True, "nothing": "", **more}  # fmt: skip
    if not form:
        return _once(kind, *words.items())
    typed = {"value": form.values[name], "error": form.errors.get(name, "")}
    return _fresh(f"desk/dialog/_{kind}.html", words | typed)


@lru_cache(maxsize=2048)
def _once(kind: str, *words: tuple[str, Hashable]) -> SafeString:
    return _fresh(f"desk/dialog/_{kind}.html", {"value": "", "error": "", **dict(words)})


def _fresh(name: str, words: dict[str, Any]) -> SafeString:
    return cast(SafeString, get_template(name).render(words))
