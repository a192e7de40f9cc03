"""Fit for any screen and any reader: nothing scrolls sideways, and axe-core finds nothing (C.8)."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import night
from tests.browser.conftest import Cast, Enter
from tests.browser.pages import PLACES

AXE = (Path(__file__).resolve().parents[1] / "vendor" / "axe-core-4.14.1" / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = (320, 390, 768, 1440)
WIDE = """[...document.querySelectorAll('body *')]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll, .protocol, .tabs, pre'))
  .slice(0, 5).map(e => `${e.tagName}.${e.className}#${e.id}`)"""


ENTRIES = 200


@pytest.fixture(scope="session")
def busy(cast: Cast) -> str:
    """An incident with everything on it: a late clock, a waiting approval, people, texts."""
    return night.whole(cast["sarah"], cast["alex"], cast["priya"], cast["jordan"])


JUDGE = """async rules => {
  const found = await axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']});
  return found.violations.map(each => ({id: each.id, count: each.nodes.length, nodes: each.nodes.slice(0, 2).map(
    node => ({html: node.html, summary: node.failureSummary}))}));
}"""


def judged(page: Page) -> list[str]:
    """What axe-core has to say about the page as it stands. Only what is wrong crosses over from the browser: the
    whole answer names every element that passed, and takes four times as long as the rules themselves."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE + ";0")
    return [
        f"{each['id']} ({each['count']}): {node['html'][:160]} -- {node['summary'].splitlines()[1].strip()}"
        for each in page.evaluate(JUDGE, RULES)
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_scrolls_sideways(width: int, enter: Enter, busy: str) -> None:
    touch = {"is_mobile": True, "has_touch": True} if width < 720 else {}
    wide, windows = {}, dict[str | None, Page]()
    for name, place in PLACES.items():
        if place.who not in windows:
            windows[place.who] = enter(
                place.who, "/healthz", viewport={"width": width, "height": 844}, **touch
            )
        page = windows[place.who]
        page.goto(place.of(busy))
        page.evaluate("document.fonts.ready")
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if over > 0:
            wide[name] = (over, page.evaluate(WIDE))

    assert wide == {}


@pytest.mark.parametrize("name", [name for name in PLACES if name != "room"])
def test_axe_finds_nothing(name: str, enter: Enter, busy: str) -> None:
    place, found = PLACES[name], {}
    page = enter(place.who, place.of(busy), bypass_csp=True)
    for width, height in ((1440, 1000), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        for theme in ("dark", "light"):
            page.emulate_media(color_scheme=theme)
            if wrong := judged(page):
                found[width, theme] = wrong

    assert found == {}


ROOMS = [
    *((width, theme, "") for width in (1440, 390) for theme in ("dark", "light")),
    (1440, "dark", "f-seats"),
    (390, "light", "f-impact"),
]


def test_axe_finds_nothing_in_a_full_room(enter: Enter, cast: Cast, busy: str) -> None:
    """With 200 entries, a late clock and a waiting approval; with a dialog open and, since axe looks at nothing behind
    a modal, with it closed."""
    page = enter("sarah", f"/incidents/{busy}/", bypass_csp=True)
    lines = page.locator("#r-timeline .entry")
    for number in range(ENTRIES - lines.count()):
        cast["alex"].log(busy, f"Sample {number}: the error rate is {60 - number % 7} per cent")
    expect(lines.nth(ENTRIES - 1)).to_be_attached()
    assert page.locator(".pclock--late").count() >= 1
    assert page.locator(".approval").count() == 1
    found = {}

    for width, theme, opened in ROOMS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)
        if opened:
            page.evaluate("id => document.getElementById(id).showModal()", opened)
        if wrong := judged(page):
            found[width, theme, opened] = wrong
        if opened:
            page.evaluate("id => document.getElementById(id).close()", opened)

    assert found == {}
