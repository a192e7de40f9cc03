"""Markdown that people type, as HTML that cannot act: the one module that may call mark_safe (S25, S27)."""

import html
import re
from typing import Final

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

from incidentdesk.kernel.text import clean_text

SOURCE_LIMIT: Final = 64_000
TAGS: Final = frozenset(
    [
        "p",
        "br",
        "em",
        "strong",
        "s",
        "code",
        "pre",
        "blockquote",
        "ul",
        "ol",
        "li",
        "hr",
        "a",
        "h3",
        "h4",
        "h5",
        "h6",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
    ]
)
# nh3 reads `jav&#9;ascript:` as a relative address and keeps it, so what it lets through is read once more.
GOOD_HREF: Final = re.compile(r"(?:https?://|mailto:|/(?![/\\]))[^\s\x00-\x1f\x7f]*", re.IGNORECASE)
HREF: Final = re.compile(r' href="([^"]*)"')

_parser = MarkdownIt("commonmark", {"html": False}).enable("table").enable("strikethrough").disable("image")


def render(source: str) -> SafeString:
    """HTML of `source` in one `hx-disable` container, so that nothing typed into it can call the desk.

    Raw HTML shows as text; links keep only http, https, mailto and addresses of this desk. Raises Invalid above 64,000
    characters.
    """
    tokens = _parser.parse(clean_text(source, name="This page", limit=SOURCE_LIMIT))
    _demote_headings(tokens)
    cleaned = nh3.clean(
        _parser.renderer.render(tokens, _parser.options, {}),
        tags=set(TAGS),
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    checked = HREF.sub(_keep_good, cleaned)
    return mark_safe(f'<div class="prose" dir="auto" hx-disable>{checked}</div>')  # noqa: S308


def _demote_headings(tokens: list[Token]) -> None:
    # The page owns h1 and h2; a typed "#" is a heading inside one of its panels.
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1]) + 2)}"


def _keep_good(match: re.Match[str]) -> str:
    return match[0] if GOOD_HREF.fullmatch(html.unescape(match[1])) else ""
