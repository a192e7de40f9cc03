"""What somebody has typed is never lost: polls, reloads, refusals, a lost line, a sign-in that ran out (C.8, F24)."""

from datetime import UTC, datetime

from playwright.sync_api import Page, expect

from tests.browser import night
from tests.browser.conftest import Cast, Enter
from tests.running import wait_until

HALF = "All writes fail since 02:3"


def entry(page: Page) -> str:
    """What stands in the composer."""
    return page.locator("#entry").input_value()


def stored(page: Page) -> list[str]:
    """The names under which this browser keeps drafts."""
    return list(page.evaluate("Object.keys(localStorage).filter(k => k.startsWith('desk:draft:'))"))


def end_sign_in(page: Page) -> None:
    """The sign-in runs out: its cookie opens nothing any more."""
    name = next(each["name"] for each in page.context.cookies() if "session" in each["name"])
    page.context.clear_cookies(name=name)


def log_typed(page: Page, text: str) -> None:
    """Write a finding as a person does."""
    page.locator("#entry").fill(text)
    page.locator("#entry-source").fill("probe")
    page.locator("#entry-value").fill("503")
    page.locator("#entry").press("Control+Enter")


def shown(page: Page, text: str) -> None:
    """Wait for a line of the timeline."""
    expect(page.locator("#r-timeline").get_by_text(text, exact=True)).to_have_count(1)


def test_a_half_typed_line_survives_changed_polls_and_a_reload(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    page = enter("sarah", f"/incidents/{key}/")
    page.locator("#entry").press_sequentially(HALF)

    for number in range(3):
        cast["alex"].log(key, f"seen elsewhere {number}")
        shown(page, f"seen elsewhere {number}")
        assert entry(page) == HALF
        assert page.evaluate("document.activeElement.id") == "entry"
    page.reload()

    assert entry(page) == HALF


def test_a_logged_line_leaves_no_draft_and_stands_there_at_once(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    page = enter("sarah", f"/incidents/{key}/")

    log_typed(page, "All writes fail")

    shown(page, "All writes fail")
    assert entry(page) == ""
    page.reload()
    assert entry(page) == ""
    assert stored(page) == []


def test_a_refused_form_keeps_its_words_and_marks_what_is_missing(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    page = enter("sarah", f"/incidents/{key}/")
    page.keyboard.press("4")
    page.locator("#change-what").fill("Fail over")

    page.locator("#change-what").press("Control+Enter")

    expect(page.locator("#composer .answer [data-answer=invalid]")).to_be_visible()
    expect(page.locator("#change-target")).to_have_attribute("aria-invalid", "true")
    assert page.locator("#change-what").input_value() == "Fail over"
    page.reload()
    assert page.locator("#change-what").input_value() == "Fail over"
    assert page.is_checked("[name=kind][value=change]")


def test_what_changed_meanwhile_is_said_the_words_stay_and_a_second_press_sends_them(
    enter: Enter, cast: Cast
) -> None:
    key = night.commanded(cast["sarah"])
    page = enter("sarah", f"/incidents/{key}/")
    page.keyboard.press("o")
    page.locator("#objectives-text").fill("Payments work")
    cast["sarah"].act(key, "objectives", text="Set from another window")

    page.keyboard.press("Control+Enter")

    expect(page.locator("#f-objectives [data-answer=stale]")).to_be_visible()
    assert page.locator("#objectives-text").input_value() == "Payments work"
    page.keyboard.press("Control+Enter")
    expect(page.locator("#f-objectives")).to_be_hidden()
    expect(page.locator("#r-objective")).to_contain_text("Payments work")


def test_words_outlive_a_sign_in_that_ran_out(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    page = enter("sarah", f"/incidents/{key}/", fresh=True)
    page.locator("#entry").fill(HALF)
    end_sign_in(page)

    page.locator("#entry").press("Control+Enter")

    expect(page.locator("#composer .answer")).to_contain_text("Your sign-in ran out")
    assert entry(page) == HALF
    page.locator("#composer .answer a").click()
    page.get_by_role("button", name="Sign in as Sarah Okafor").click()
    page.wait_for_url(f"**/incidents/{key}/")
    assert entry(page) == HALF


def test_a_poll_that_meets_the_end_of_the_sign_in_says_so(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    page = enter("sarah", f"/incidents/{key}/", fresh=True)
    page.locator("#entry").fill(HALF)

    end_sign_in(page)

    expect(page.locator("[data-link-text]")).to_have_text("You have been signed out. Sign in again to go on.")
    assert entry(page) == HALF


def test_signing_out_leaves_nothing_in_the_browser(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    page = enter("sarah", f"/incidents/{key}/", fresh=True)
    page.locator("#entry").fill(HALF)
    wait_until(lambda: stored(page), within=3, what="the draft to be kept")

    page.locator("details.menu summary").click()
    page.locator("[data-sign-out] button").click()
    page.wait_for_url("**/sign-in/**")

    assert page.evaluate("Object.keys(localStorage).filter(k => k.startsWith('desk:'))") == []


def test_an_answer_that_never_came_is_sent_again_under_the_same_id(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    page = enter("sarah", f"/incidents/{key}/")
    page.keyboard.press("o")
    page.locator("#objectives-text").fill("Payments work again")
    page.route("**/objectives/", lambda route: (route.fetch(), route.abort()))  # done, but nobody heard of it

    page.keyboard.press("Control+Enter")
    expect(page.locator("#f-objectives .answer")).to_contain_text("did not answer")
    page.unroute("**/objectives/")
    page.get_by_role("button", name="Send again").click()

    expect(page.locator("#f-objectives")).to_be_hidden()
    said = [each for each in cast["sarah"].entries(key) if each["kind"] == "objective.set"]
    assert len(said) == 1


def test_offline_two_lines_wait_thirty_come_and_everything_is_there_once_and_in_order(
    enter: Enter, cast: Cast
) -> None:
    key = night.commanded(cast["sarah"])
    page = enter("sarah", f"/incidents/{key}/")
    page.context.set_offline(True)

    expect(page.locator("[data-link-text]")).to_contain_text("You are offline since")
    page.locator("#entry").fill("without a source")
    page.locator("#entry").press("Control+Enter")
    expect(page.locator("#composer .error")).to_contain_text("A finding needs its source")
    expect(page.locator("#entry-source")).to_be_focused()
    expect(page.locator("[data-held]")).to_be_empty()
    for text in ("typed offline, first", "typed offline, second"):
        log_typed(page, text)
        expect(page.locator("[data-held]")).to_contain_text(text)
    typed_by = datetime.now(UTC)
    page.locator("#entry").fill(HALF)
    for number in range(30):
        cast["alex"].log(key, f"elsewhere {number:02}")
    page.context.set_offline(False)

    for text in ("elsewhere 29", "typed offline, first", "typed offline, second"):
        shown(page, text)
    expect(page.locator("[data-held]")).to_be_empty()
    assert entry(page) == HALF
    lines = page.locator("#r-timeline .entry .text").all_inner_texts()
    elsewhere = [line for line in lines if line.startswith("elsewhere")]
    assert elsewhere == [f"elsewhere {number:02}" for number in reversed(range(30))]
    record = [each for each in cast["alex"].entries(key) if "typed offline" in each["texts"].get("text", "")]
    assert [each["texts"]["text"] for each in record] == ["typed offline, first", "typed offline, second"]
    assert all(datetime.fromisoformat(each["happened_at"]) <= typed_by for each in record)


def test_approve_and_send_are_closed_while_the_line_is_away(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    night.propose(cast["priya"], key)
    page = enter("sarah", f"/incidents/{key}/")
    page.context.set_offline(True)
    expect(page.locator("[data-link-bridge]")).to_contain_text(
        "Approve and send are closed. The bridge is https://"
    )

    page.keyboard.press("Shift+A")

    expect(page.locator("#change-1 .answer").first).to_contain_text("closed until the line is back")
    page.context.set_offline(False)
    expect(page.locator("[data-link-late]")).to_be_hidden()
    assert not [each for each in cast["sarah"].entries(key) if each["kind"] == "change.approved"]
