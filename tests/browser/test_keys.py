"""Everything that has to be fast at night goes by keys, and nothing dangerous goes by one (design, Keyboard)."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser import night
from tests.browser.conftest import Cast, Enter


def blur(page: Page) -> None:
    """Leave whatever field has the focus."""
    page.evaluate("document.activeElement.blur()")


def kinds(cast: Cast, key: str) -> list[str]:
    """The kinds of the record, in order."""
    return [each["kind"] for each in cast["sarah"].entries(key)]


def test_digits_choose_the_kind_and_ctrl_enter_logs_it(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    page = enter("sarah", f"/incidents/{key}/")

    page.keyboard.press("c")
    expect(page.locator("#entry")).to_be_focused()
    page.keyboard.press("2")  # from the empty composer
    expect(page.locator("[name=kind][value=theory]")).to_be_checked()
    page.keyboard.type("Disks fail, 2 at once")  # no longer empty: a digit is a digit
    page.keyboard.press("Control+Enter")

    expect(page.locator("#r-timeline")).to_contain_text("Disks fail, 2 at once")
    expect(page.locator("#r-theories")).to_contain_text("Disks fail, 2 at once")
    for number, kind in enumerate(("finding", "theory", "question", "change", "action"), start=1):
        blur(page)
        page.keyboard.press(str(number))
        expect(page.locator(f"[name=kind][value={kind}]")).to_be_checked()
    blur(page)
    page.keyboard.press("4")
    expect(page.locator("#change-what")).to_be_focused()
    blur(page)
    page.keyboard.press("1")
    expect(page.locator("#entry-source")).to_be_visible()


def test_esc_leaves_a_field_and_keeps_its_words(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    page = enter("sarah", f"/incidents/{key}/")
    page.keyboard.press("c")
    page.keyboard.type("half")

    page.keyboard.press("Escape")

    assert page.evaluate("document.activeElement.id") != "entry"
    assert page.locator("#entry").input_value() == "half"


def test_approving_needs_shift_and_no_field(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    night.propose(cast["priya"], key)
    page = enter("sarah", f"/incidents/{key}/")

    for stray in ("a", "x", "Enter", " "):
        page.keyboard.press(stray)
    page.keyboard.press("c")
    page.keyboard.press("Shift+A")
    assert page.locator("#entry").input_value() == "A"
    page.locator("#entry").fill("")
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    assert "change.approved" not in kinds(cast, key)
    page.keyboard.press("Shift+A")

    expect(page.locator("#r-approvals")).to_contain_text("No change is waiting.")
    assert "change.approved" in kinds(cast, key)


def test_single_keys_can_be_switched_off(enter: Enter, cast: Cast) -> None:
    page = enter("dana", "/", fresh=True)
    page.locator("details.menu summary").click()
    with page.expect_response("**/preferences/"):
        page.get_by_label("Single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    blur(page)

    page.keyboard.press("?")
    off = page.locator("#shortcuts").is_visible()
    page.reload()
    page.keyboard.press("?")

    assert not off
    assert not page.locator("#shortcuts").is_visible()
    page.locator("details.menu summary").click()
    with page.expect_response("**/preferences/"):
        page.get_by_label("Single-key shortcuts").check()


@pytest.mark.parametrize("path", ["/", "/declare/", "/incidents/{key}/", "/incidents/{key}/updates/new/"])
def test_a_question_mark_lists_the_keys(path: str, enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    page = enter("sarah", path.format(key=key))
    blur(page)
    if path == "/declare/":  # there a question is being answered, and ? means "not sure"
        page.locator("#symptom").focus()
        page.keyboard.press("Escape")
        page.locator("details.menu summary").click()
        page.get_by_role("button", name="Keyboard shortcuts").click()
    else:
        page.keyboard.press("?")

    expect(page.locator("#shortcuts")).to_be_visible()
    expect(page.locator("#shortcuts dt").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#shortcuts")).to_be_hidden()


@pytest.mark.ledger("COM-03")
def test_no_change_is_two_keys(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    cast["sarah"].act(
        key, "updates", kind="full", audiences=["responders"], status="investigating", impact="Payments fail.",
        known="Writes time out.", doing="We look at the disk.",
    )  # fmt: skip
    page = enter("sarah", f"/incidents/{key}/")

    page.keyboard.press("u")
    page.wait_for_url("**/updates/new/")
    page.keyboard.press("n")
    page.wait_for_url(f"**/incidents/{key}/")

    assert kinds(cast, key).count("update.sent") == 2
    expect(page.locator("#r-sends")).to_contain_text("Update 2")


@pytest.mark.ledger("INC-05", "TRI-08")
def test_sev_1_is_declared_by_triage_in_eight_strokes_with_its_title_proposed(enter: Enter) -> None:
    page = enter("sarah", "/")
    strokes = 0

    def press(name: str) -> None:
        nonlocal strokes
        strokes += 1
        page.keyboard.press(name)

    press("d")
    page.wait_for_url("**/declare/")
    for answer in "yyyy":
        press(answer)
    page.locator(".chip", has_text="Ledger").first.click()
    strokes += 1
    expect(page.locator("#title")).to_have_value("SEV-1 Ledger: not working as it should")
    expect(page.locator("[data-severities] [value='1']")).to_be_checked()
    press("Control+Enter")
    page.wait_for_url("**/incidents/INC-*/")

    assert strokes <= 8
    expect(page.locator("#r-header .sev")).to_contain_text("SEV-1")
    expect(page.locator("#r-header h1")).to_contain_text("Ledger: not working as it should")
