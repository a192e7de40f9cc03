"""Without JavaScript everything can be done; only liveness is missing (C.8)."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Cast, Enter, sign_in

PLAIN = {"java_script_enabled": False}


def send(page: Page, form: str, button: str) -> None:
    """Press a form's button and wait for the page that follows."""
    page.locator(f"{form} button", has_text=button).first.click()
    page.wait_for_load_state()


def test_sign_in_declare_take_command_log_decide_and_tell_without_a_script(enter: Enter, cast: Cast) -> None:
    page = enter(None, "/sign-in/", **PLAIN)
    sign_in(page, "sarah")

    page.goto("/declare/")
    for name, value in (("affected", "yes"), ("share", "over"), ("core", "yes"), ("severity", "1")):
        page.locator(f"input[name={name}][value='{value}']").check(force=True)
    page.locator(".chip", has_text="Ledger").first.click()
    page.locator("#symptom").fill("payments fail")
    send(page, "#declare", "Declare")
    key = page.url.rpartition("/?done=")[0].rpartition("/")[2]
    expect(page.locator("h1")).to_contain_text("Ledger: payments fail")
    expect(page.locator("[data-answer=done]")).to_contain_text("Sarah Okafor declared the incident as SEV-1.")

    page.locator("#claim-ic").click()
    expect(page.locator("#seat-ic")).to_contain_text("Sarah Okafor")

    page.locator("#entry").fill("All writes time out")
    page.locator("#entry-source").fill("logs")
    page.locator("#entry-value").fill("5000 ms")
    send(page, "#composer", "Log it")
    expect(page.locator("#r-timeline")).to_contain_text("All writes time out")

    priya = enter("priya", f"/incidents/{key}/", **PLAIN)
    priya.locator("[name=kind][value=change]").check(force=True)
    for name in ("what", "target", "effect", "risk", "undo"):
        priya.locator(f"#change-{name}").fill(f"the {name}")
    priya.locator("#entry-why").fill("the reason")
    send(priya, "#composer", "Propose change")
    expect(priya.locator("#r-approvals h3")).to_have_text("the what")
    page.reload()
    page.locator("#approve-1").click()
    expect(page.locator("#r-approvals")).to_contain_text("No change is waiting.")

    page.locator("#write-update").click()
    page.locator("#f-imp").fill("Payments fail.")
    page.locator("#f-know").fill("Writes time out.")
    page.locator("#f-do").fill("We look at the disk.")
    send(page, "#update", "Send update")
    expect(page.locator("#r-sends")).to_contain_text("Update 1")
    expect(page.locator("[data-answer=done]")).to_contain_text("Sarah Okafor sent update 1 to ")
    kinds = [each["kind"] for each in cast["sarah"].entries(key)]
    assert {
        "declared",
        "seat.claimed",
        "finding",
        "change.proposed",
        "change.approved",
        "update.sent",
    } <= set(kinds)


def test_a_refusal_without_a_script_keeps_what_was_typed(enter: Enter, cast: Cast) -> None:
    key = cast["sarah"].declare()
    page = enter("alex", f"/incidents/{key}/", **PLAIN)
    page.locator("#entry").fill("seen with my own eyes")

    send(page, "#composer", "Log it")

    expect(page.locator("[data-answer]").first).to_contain_text("A finding needs its source")
    assert page.locator("#entry").input_value() == "seen with my own eyes"


def test_a_form_opens_by_its_link_and_no_other_is_in_the_way_without_a_script(
    enter: Enter, cast: Cast
) -> None:
    key = cast["sarah"].declare()
    cast["sarah"].act(key, "seats", role="ic")
    page = enter("sarah", f"/incidents/{key}/", **PLAIN)
    expect(page.locator("dialog.act:visible")).to_have_count(0)

    page.locator("#open-objective").click()
    expect(page.locator("dialog.act:visible")).to_have_count(1)
    page.locator("#objectives-text").fill("Payments work again")
    send(page, "#f-objectives", "Set objective")

    expect(page.locator("#r-objective")).to_contain_text("Payments work again")
    expect(page.locator("dialog.act:visible")).to_have_count(0)
