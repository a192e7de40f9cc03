"""Hostile text is text: no script, no request, no box, no broken layout, nobody's words turned round (F29, S27-S29)."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser import night
from tests.browser.conftest import Cast, Enter
from tests.browser.pages import PLACES

TEXTS = {
    "script": "<script>alert('boo')</script><img src=x onerror=alert(1)>",
    "mark-up": "</textarea></dialog><h1>Resolved</h1><a href='javascript:alert(2)'>click</a>",
    "markdown": "[click](javascript:alert(3)) ![x](https://evil.example/pixel.png) # big",
    "htmx": '<div hx-get="/planted/" hx-trigger="load, every 1s" hx-on:load="alert(4)" data-hx-post="/planted/" '
    'data-hx-trigger="load" hx-vals="js:{a: alert(5)}">x</div>',
    "style": "<style>body { display: none }</style><base href='https://evil.example/'>",
    "formula": '=HYPERLINK("https://evil.example/","x")',
    "turned round": "user \u202etxt.exe\u202c said \u2066nothing\u2069",
    "hebrew": "\u05e9\u05dc\u05d5\u05dd (SEV-1) \u05e2\u05d5\u05dc\u05dd 42",
    "stacked": "Z" + "\u0335\u0322\u034e\u0320\u0353" * 12 + "algo",
    "emoji": "\U0001f525\U0001f469\u200d\U0001f692" * 20,
    "one word": "w" * 8000,
}


@pytest.fixture(scope="session")
def hostile(cast: Cast) -> str:
    """An incident that says all of it, wherever somebody may write."""
    sarah, priya = cast["sarah"], cast["priya"]
    title = "SEV-1 <script>alert(0)</script> " + "t" * 120
    key = night.commanded(sarah, title=title, symptom=TEXTS["htmx"])
    for text in TEXTS.values():
        priya.act(key, "entries", kind="note", text=text)
    priya.act(
        key,
        "entries",
        kind="finding",
        text=TEXTS["script"],
        source=TEXTS["htmx"],
        value=TEXTS["turned round"],
    )
    priya.act(key, "entries", kind="theory", text=TEXTS["one word"])
    sarah.act(key, "objectives", text=TEXTS["mark-up"] + "o" * 100)
    priya.act(key, "impact", fails=TEXTS["htmx"] + TEXTS["one word"][:900])
    night.propose(
        priya, key, **dict.fromkeys(("what", "target", "why", "effect", "risk", "undo"), TEXTS["htmx"])
    )
    night.propose(priya, key, what="v" * 900, risk=TEXTS["script"])
    sarah.act(key, "updates", kind="full", audiences=["responders", "executives", "clients", "public"],
              status="investigating", impact=TEXTS["htmx"], known=TEXTS["script"], doing=TEXTS["one word"][:900],
              shareable=TEXTS["markdown"], business=TEXTS["mark-up"])  # fmt: skip
    return key


NAMES = [
    name
    for name, place in PLACES.items()
    if place.who and name not in ("declare", "runbooks", "account", "not-found")
]


def planted(page: Page) -> int:
    """Elements that carry what was planted: there must be none, it is all text."""
    return int(page.locator("[hx-get='/planted/'], [data-hx-post], [onerror], base, h1 + script").count())


@pytest.mark.parametrize("name", NAMES)
def test_hostile_texts_do_nothing_and_break_nothing(name: str, enter: Enter, hostile: str) -> None:
    place, pages, asked = PLACES[name], list[Page](), list[str]()
    for width in (1440, 390):
        page = enter(place.who, "/healthz", viewport={"width": width, "height": 900})
        page.on("request", lambda request: asked.append(urlsplit(request.url).path))
        page.add_init_script(
            "window.violations = 0; addEventListener('securitypolicyviolation', () => { window.violations += 1 })"
        )
        page.goto(place.of(hostile))
        pages.append(page)

    pages[-1].wait_for_timeout(1100)  # what is planted would ask every second

    assert not [path for path in asked if "planted" in path]
    for page in pages:
        assert planted(page) == 0
        assert page.evaluate("window.violations") == 0
        assert page.evaluate("getComputedStyle(document.body).display") != "none"
        assert (
            page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
        )


def test_hostile_texts_come_through_the_poll_as_text_too(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    page = enter("sarah", f"/incidents/{key}/")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    for text in TEXTS.values():
        cast["priya"].act(key, "entries", kind="note", text=text)
    cast["sarah"].act(key, "objectives", text=TEXTS["htmx"])

    expect(page.locator("#r-objective")).to_contain_text('<div hx-get="/planted/"')
    expect(page.locator("#r-timeline")).to_contain_text("<script>alert('boo')</script>")
    page.wait_for_timeout(1200)
    assert planted(page) == 0
    assert not [url for url in asked if "planted" in url]


def test_words_that_run_the_other_way_stay_in_their_place(enter: Enter, hostile: str) -> None:
    page = enter("sarah", f"/incidents/{hostile}/")

    turned = page.locator("#r-timeline .text", has_text="txt.exe").first
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", page.locator("#r-timeline").inner_text())
    assert turned.evaluate("e => getComputedStyle(e).unicodeBidi") in ("isolate", "plaintext")
    order = page.locator("#r-timeline .entry", has_text="\u05e9\u05dc\u05d5\u05dd").first.evaluate(
        "e => [e.querySelector('.entry__t').getBoundingClientRect().left, e.querySelector('.text').getBoundingClientRect().left]"
    )
    assert order[0] < order[1]


@pytest.mark.parametrize("name", list(PLACES))
def test_every_page_loads_from_its_own_host_alone(name: str, enter: Enter, cast: Cast, hostile: str) -> None:
    """S29: the desk must load when the rest of the internet does not. What a page asks for later, every window of the
    lane is watched for."""
    place = PLACES[name]
    page = enter(place.who, "/healthz")
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))

    page.goto(place.of(hostile))
    page.evaluate("document.fonts.ready")

    assert hosts - {""} == {urlsplit(page.url).netloc}
    assert page.evaluate("document.fonts.check('15px \"IBM Plex Sans\"')")
