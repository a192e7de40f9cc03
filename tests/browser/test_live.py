"""The page lives: clocks between polls, one cheap poll, what the hand is on stays, and never a step back (F23)."""

import re
from urllib.parse import urlsplit

from playwright.sync_api import Page, Request, Route, expect

from tests.browser import night
from tests.browser.cast import Person
from tests.browser.conftest import Cast, Enter
from tests.running import wait_until

QUIET = {"severity": 4, "title": "SEV-4 Reports: a column is too narrow", "symptom": "a column is too narrow"}


def cursor(page: Page) -> int:
    """The revision that the page shows."""
    return int(page.locator("[data-live]").get_attribute("data-cursor") or 0)


def objective(by: Person, key: str, text: str) -> None:
    """Change what one region shows."""
    by.act(key, "objectives", text=text)


def test_clocks_go_on_while_no_poll_is_answered(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    page = enter("sarah", f"/incidents/{key}/")
    page.route("**/live/**", lambda route: None)
    left, gone = page.locator("[data-next-update] time"), page.locator(".readout time[data-since]")
    before = left.inner_text(), gone.inner_text()

    page.wait_for_timeout(3100)

    seconds = [int(text[-2:]) + 60 * int(text[-5:-3]) for text in (before[0], left.inner_text())]
    assert 2 <= seconds[0] - seconds[1] <= 4
    assert gone.inner_text() > before[1]
    page.unroute_all(behavior="ignoreErrors")


def test_a_clock_turns_late_by_itself(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    page = enter("sarah", f"/incidents/{key}/")
    page.route("**/live/**", lambda route: None)
    page.evaluate(
        """() => { const t = document.querySelector('[data-next-update] time');
                   t.dataset.until = new Date(Date.now() + 1500).toISOString(); }"""
    )

    expect(page.locator("[data-next-update] .clock--late")).to_have_text(re.compile("late 00:0[0-9]"))
    assert page.title().startswith("(!)")
    page.unroute_all(behavior="ignoreErrors")


def test_a_quiet_page_asks_once_a_period_and_hears_204(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"], **QUIET)
    page = enter("sarah", f"/incidents/{key}/")
    page.wait_for_timeout(2500)  # whatever declaring has rung for has come by now
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))

    page.wait_for_timeout(7000)

    statuses = [answer.status for each in asked if (answer := each.response())]
    assert {request.url.split("?")[0].rpartition(f"/{key}")[2] for request in asked} == {"/live/"}
    assert 2 <= len(asked) <= 5
    assert set(statuses) == {204}


def test_one_entry_elsewhere_is_one_answer_with_what_changed(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"], **QUIET)
    page = enter("sarah", f"/incidents/{key}/")
    page.wait_for_timeout(2500)
    bodies: list[str] = []
    page.on(
        "response",
        lambda answer: "/live/" in answer.url and answer.status == 200 and bodies.append(answer.text()),
    )

    cast["alex"].log(key, "a line from elsewhere")

    expect(page.locator("#r-timeline")).to_contain_text("a line from elsewhere")
    wait_until(lambda: (page.wait_for_timeout(50), bodies)[1], within=3, what="the answer")
    assert len(bodies) == 1
    assert 'id="r-alerts"' not in bodies[0]
    assert bodies[0].count('class="entry ') == 1


def test_an_open_fold_is_left_alone_and_catches_up_when_it_closes(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    night.propose(cast["priya"], key)
    page = enter("sarah", f"/incidents/{key}/")
    page.keyboard.press("Shift+X")
    expect(page.locator("#reject-note-1")).to_be_focused()
    page.keyboard.type("It is too ea")

    night.propose(cast["priya"], key, what="Restart the workers")
    cast["alex"].log(key, "and a line")

    expect(page.locator("#r-timeline")).to_contain_text("and a line")
    assert page.locator("#reject-note-1").input_value() == "It is too ea"
    assert page.evaluate("document.activeElement.id") == "reject-note-1"
    expect(page.locator("#change-2")).to_have_count(0)
    page.keyboard.press("Escape")
    page.locator("#reject-1 summary").click()
    expect(page.locator("#change-2")).to_be_visible()


def test_a_held_region_waits_and_then_shows_the_newest(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    objective(cast["sarah"], key, "one")
    page = enter("alex", f"/incidents/{key}/")
    page.evaluate("document.getElementById('r-objective').setAttribute('data-hold', '')")

    for text in ("two", "three"):
        objective(cast["sarah"], key, text)
        cast["alex"].log(key, f"after {text}")
        expect(page.locator("#r-timeline")).to_contain_text(f"after {text}")
    held = page.locator("#r-objective .text").inner_text()
    page.evaluate("document.getElementById('r-objective').removeAttribute('data-hold')")

    assert held == "one"
    expect(page.locator("#r-objective .text")).to_have_text("three")


def test_a_poll_takes_no_focus_from_a_button(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    night.propose(cast["priya"], key)
    page = enter("sarah", f"/incidents/{key}/")
    page.locator("#approve-1").focus()

    night.propose(cast["priya"], key, what="Restart the workers")

    expect(page.locator("#change-2")).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "approve-1"


def test_an_overtaken_answer_is_dropped(enter: Enter, cast: Cast) -> None:
    """F23: a proxy hands out an old answer after a newer one; the page never goes back."""
    key = night.commanded(cast["sarah"])
    page = enter("sarah", f"/incidents/{key}/")
    first: list[tuple[dict[str, str], bytes]] = []
    replayed: list[str] = []

    def proxy(route: Route) -> None:
        if len(first) == 1 and cursor_at(route) > int(first[0][0]["desk-rev"]):
            replayed.append(route.request.url)
            route.fulfill(status=200, headers=first[0][0], body=first[0][1])
            return
        answer = route.fetch()
        if answer.status == 200 and not first:
            first.append((answer.headers, answer.body()))
        route.fulfill(response=answer)

    page.route("**/live/**", proxy)
    shown = [cursor(page)]
    objective(cast["sarah"], key, "the old words")
    expect(page.locator("#r-objective")).to_contain_text("the old words")
    shown.append(cursor(page))
    objective(cast["sarah"], key, "the new words")
    page.unroute("**/live/**")
    expect(page.locator("#r-objective")).to_contain_text("the new words")
    page.route("**/live/**", proxy)
    enough = 0
    for _ in range(50):
        page.wait_for_timeout(200)
        shown.append(cursor(page))
        enough += len(replayed) >= 2
        if enough > 3:  # the page has had time to take the second old answer in
            break

    assert len(replayed) >= 2
    assert shown == sorted(shown)
    expect(page.locator("#r-objective")).to_contain_text("the new words")
    page.unroute_all(behavior="ignoreErrors")


def cursor_at(route: Route) -> int:
    """The cursor that a poll came with."""
    return int(route.request.url.rpartition("after=")[2])


def test_scrolled_down_nothing_shifts_and_a_bar_tells_of_new_entries(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    for number in range(25):
        cast["alex"].log(key, f"line {number}")
    page = enter("sarah", f"/incidents/{key}/")
    page.evaluate("document.getElementById('r-timeline').scrollIntoView(); window.scrollBy(0, 600)")
    page.wait_for_timeout(200)
    seen = page.evaluate("document.elementFromPoint(innerWidth / 2, innerHeight / 2).closest('.entry').id")
    top = "id => document.getElementById(id).getBoundingClientRect().top"
    before = page.evaluate(top, seen)

    cast["alex"].log(key, "a line from elsewhere")

    expect(page.locator("[data-newest]")).to_have_text("1 new entry")
    assert abs(page.evaluate(top, seen) - before) < 2
    page.locator("[data-newest]").click()
    expect(page.locator("[data-newest]")).to_be_hidden()


def test_another_person_sees_the_assignment_within_three_seconds(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    sarah, alex = enter("sarah", f"/incidents/{key}/"), enter("alex", f"/incidents/{key}/")
    sarah.keyboard.press("r")
    sarah.locator("#seats-role").select_option("ops")
    sarah.locator("#seats-person").select_option(label=alex_of(sarah))

    sarah.locator("#f-seats button[type=submit]").click()

    expect(alex.locator("#accept-seat-ops")).to_be_visible(timeout=3000)
    expect(sarah.locator("#seat-ops")).to_contain_text("Alex Lindqvist", timeout=3000)


def alex_of(page: Page) -> str:
    """Alex among the people to choose from, with whatever stands beside the name."""
    labels = page.locator("#seats-person option").all_inner_texts()
    return next(label for label in labels if label.startswith("Alex Lindqvist"))


def test_no_answer_for_ten_seconds_makes_the_page_stale_and_an_answer_heals_it(
    enter: Enter, cast: Cast
) -> None:
    key = night.commanded(cast["sarah"])
    page = enter("sarah", f"/incidents/{key}/")
    page.route("**/live/**", lambda route: route.abort())

    expect(page.locator("[data-live-tag]")).to_contain_text("Stale", timeout=14000)
    expect(page.locator("[data-link-late]")).to_be_visible()
    page.unroute("**/live/**")
    page.locator("[data-retry]").click()

    expect(page.locator("[data-link-late]")).to_be_hidden()
    assert page.evaluate("document.body.dataset.link") == "live"


def test_the_desk_lives_by_one_poll_too(enter: Enter, cast: Cast) -> None:
    page = enter("sarah", "/")
    page.wait_for_load_state("networkidle")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    key = night.declare(cast["sarah"], title="SEV-2 Payouts: payouts wait", services=["payouts"], severity=2)

    expect(page.locator(f"a[href='/incidents/{key}/']").first).to_be_visible()
    assert {urlsplit(url).path for url in asked} == {"/live/"}
