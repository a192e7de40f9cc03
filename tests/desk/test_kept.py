"""What never changes is rendered once, and what differs never shares a rendering."""

from dataclasses import dataclass, replace

from django.template import Context, Template

from desk.templatetags.kept import digest


@dataclass(frozen=True)
class At:
    iso: str = "2026-03-14T02:47:00Z"
    clock: str = "03:47:00"
    utc: str = "02:47 UTC"
    day: str = "Sat 14 March"
    full: str = "Sat 14 March 2026"


@dataclass(frozen=True)
class Row:
    """As much of an entry as its row prints."""

    seq: int
    text: str
    at: At = At()
    plus: str = "T+0"
    look: str = "fact"
    group: str = "finding"
    icon: str = "eye"
    title: str = "Finding"
    out: bool = False


def _row(entry: Row) -> str:
    return Template("{% load kept %}{% entry e %}").render(Context({"e": entry}))


def test_a_row_prints_its_entry_with_both_times() -> None:
    html = _row(Row(7, "disk at 100%"))

    assert 'id="e-7"' in html
    assert "disk at 100%" in html
    assert "03:47:00" in html
    assert "02:47 UTC" in html


def test_an_entry_that_was_ruled_out_since_gets_a_new_row() -> None:
    before = Row(8, "pool exhausted")

    first, then = _row(before), _row(replace(before, out=True))

    assert "entry--out" not in first
    assert "entry--out" in then


def test_typed_markup_is_shown_as_text_in_a_row() -> None:
    html = _row(Row(9, "<img src=x onerror=alert(1)> <b hx-get='/'>"))

    assert "<img" not in html
    assert "&lt;img" in html
    assert "hx-disable" in html


def test_a_block_is_rendered_once_for_each_key() -> None:
    page = Template("{% load kept %}{% kept key %}{{ word }}{% endkept %}")

    said = [page.render(Context({"key": key, "word": word})) for key, word in ((1, "a"), (1, "b"), (2, "c"))]

    assert said == ["a", "a", "c"]


def test_a_form_that_came_back_is_never_served_from_memory() -> None:
    page = Template(
        "{% load kept %}{% with key=lists|digest:forms %}{% kept key %}{{ word }}{% endkept %}{% endwith %}"
    )

    said = [
        page.render(Context({"lists": ("ada",), "forms": forms, "word": word}))
        for forms, word in (({}, "a"), ({"impact": "typed"}, "b"), ({}, "c"))
    ]

    assert said == ["a", "b", "a"]
    assert digest(("ada",)) != digest(("bob",))
