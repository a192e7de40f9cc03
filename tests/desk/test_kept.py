"""What never changes is rendered once, and what differs never shares a rendering."""

import re
from dataclasses import dataclass, replace
from itertools import count
from unittest.mock import patch

import pytest
from django.template import Context, Engine, Template
from django.test import Client

from desk.templatetags import dialogs, kept
from desk.templatetags.kept import digest
from people.models import User
from tests.desk.rooms import rich
from tests.factories import T0, minutes
from tests.people.factories import make_user


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


def test_forms_inside_what_is_kept_carry_the_token_of_their_page_and_ids_of_their_own() -> None:
    inner = "{% kept key 'inner' %}<i>{% ids %}</i>{% endkept %}"
    page = Template("{% load kept ids %}{% kept key %}<b>{% ids %}</b>" + inner + "{{ word }}{% endkept %}")
    numbers = count(1)

    def read(token: str, word: str) -> str:
        words = {"key": 1, "word": word, "csrf_token": token, "new_id": lambda: next(numbers)}
        return page.render(Context(words))

    first, then = read("ada", "kept"), read("bob", "never printed")

    assert re.findall(r'value="(.*?)"', first) == ["ada", "1", "ada", "2"]
    assert re.findall(r'value="(.*?)"', then) == ["bob", "3", "bob", "4"]
    assert re.sub(r'value=".*?"', "", first) == re.sub(r'value=".*?"', "", then)
    assert then.endswith("</i>kept")


def test_a_form_in_an_include_that_sees_nothing_of_its_page_gets_the_ids_of_each_page() -> None:
    form = Template("{% load ids %}<i>{% ids %}</i>")
    page = Template("{% load kept %}{% kept key %}{% include form only %}{% endkept %}{% include form %}")
    numbers = count(1)

    def read(token: str) -> list[str]:
        words = {"key": 1, "form": form, "csrf_token": token, "new_id": lambda: next(numbers)}
        return re.findall(r'value="(.*?)"', page.render(Context(words)))

    assert read("ada") == ["ada", "1", "ada", "2"]
    assert read("bob") == ["bob", "3", "bob", "4"]


def test_a_key_is_the_value_itself_and_not_a_number_that_another_value_may_share() -> None:
    page = Template(
        "{% load kept %}{% with key=lists|digest %}{% kept key %}{{ lists.0 }}{% endkept %}{% endwith %}"
    )
    assert hash((-1,)) == hash((-2,))

    said = [page.render(Context({"lists": lists})) for lists in ((-1,), (-2,), ())]

    assert said == ["-1", "-2", ""]


def test_a_line_names_the_day_where_it_is_not_that_of_the_row_above() -> None:
    page = Template("{% load kept %}{% entries rows today %}")
    rows = [Row(3, "c"), Row(2, "b", At(day="Fri 13 March")), Row(1, "a", At(day="Fri 13 March"))]

    here = page.render(Context({"rows": rows, "today": "Sat 14 March"}))
    later = page.render(Context({"rows": rows, "today": "Sun 15 March"}))

    assert (
        here.index('id="e-3"')
        < here.index('<h3 class="timeline__day">Fri 13 March</h3>')
        < here.index('id="e-2"')
    )
    assert here.count("timeline__day") == 1
    assert later.startswith('<h3 class="timeline__day">Sat 14 March</h3>')
    assert later.count("timeline__day") == 2


@pytest.mark.django_db
@pytest.mark.parametrize("answer", ["", "live/?after=0"])
def test_the_second_reader_of_a_room_is_served_nothing_that_was_made_for_the_first(
    sarah: User, alex: User, answer: str
) -> None:
    """The commander reads by UTC, an engineer in Nepal after her; what is kept of her page is warm, then gone."""
    incident = rich(sarah, alex)
    commander, engineer = Client(), Client()
    commander.force_login(sarah)
    engineer.force_login(make_user("Bina Rai", roles=("engineer",), zone="Asia/Kathmandu"))
    forget()

    def read(browser: Client) -> str:
        with patch("desk.room_page.instant", return_value=(T0 + minutes(10), None)):
            page = browser.get(f"/incidents/{incident.key}/{answer}").content.decode()
        own = r'(name="csrfmiddlewaretoken" value|name="request_id" value|nonce)="[^"]*"'
        return re.sub(own, r'\1=""', page)

    hers = read(commander)
    warm = read(engineer)
    forget()
    cold = read(engineer)

    assert warm == cold
    assert {"06:47", "06:48", "06:52"} <= local_times(hers)
    assert {"12:32", "12:33", "12:37"} <= local_times(warm)
    assert not {"06:47", "06:48", "06:52", "07:01"} & local_times(warm)


def forget() -> None:
    """As in a process that has rendered nothing yet."""
    for memory in (kept._row, kept._tile, dialogs._once):
        memory.cache_clear()
    for loader in Engine.get_default().template_loaders:
        loader.reset()


def local_times(page: str) -> set[str]:
    """Times of the day on a page, but for those that say that they are UTC."""
    named = r"\d{4}-\d\d-\d\dT[\d:.]+Z|\d\d:\d\d(:\d\d)? UTC(?!\+)"
    return set(re.findall(r"\b\d\d:\d\d", re.sub(named, "", page)))
