"""What a room says at a glance, as a person in the browser sees it."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser import night
from tests.browser.conftest import Cast, Enter

STATUSES = ["Investigating", "Identified", "Mitigating", "Monitoring"]


@pytest.mark.ledger("INC-17")
def test_every_entry_and_text_has_its_local_time_its_utc_and_the_minutes_since_detection(
    enter: Enter, cast: Cast
) -> None:
    key = night.commanded(cast["sarah"], minutes_ago=13)
    cast["sarah"].act(key, "updates", kind="full", audiences=["responders"], status="investigating",
                      impact="Payments fail.", known="Writes time out.", doing="We look.")  # fmt: skip
    page = enter("sarah", f"/incidents/{key}/")

    times = page.locator("#r-timeline .entry__t").all_inner_texts()

    assert len(times) >= 5
    for shown in times:
        assert re.fullmatch(r"\d\d:\d\d:\d\d\s+T\+1[345]\s+\d\d:\d\d UTC", shown)
    page.locator("#r-sends summary", has_text="Exact text").first.click()
    expect(page.locator("#r-sends")).to_contain_text(
        re.compile(r"\d\d:\d\d UTC \(\d\d:\d\d CES?T\), 13 min since detection")
    )


@pytest.mark.ledger("INC-41")
def test_a_room_answers_who_what_whom_it_hurts_and_when_the_next_update_is_due(
    enter: Enter, cast: Cast
) -> None:
    key = night.commanded(cast["sarah"])
    cast["sarah"].act(key, "objectives", text="Customers can pay again")
    cast["sarah"].act(key, "impact", fails="Card payments fail at checkout")
    page = enter("alex", f"/incidents/{key}/")

    expect(page.locator("#r-header")).to_contain_text("Incident Commander")
    expect(page.locator("#r-header")).to_contain_text("Sarah Okafor")
    expect(page.locator("#r-objective")).to_contain_text("Customers can pay again")
    expect(page.locator("#r-impact")).to_contain_text("Card payments fail at checkout")
    expect(page.locator("[data-next-update] time")).to_have_text(re.compile(r"1[0-4]:\d\d"))


@pytest.mark.ledger("INC-46")
def test_outside_open_reads_investigating_and_closed_resolved(enter: Enter, cast: Cast) -> None:
    key = night.declare(cast["sarah"])  # nobody commands it yet, so it is Open in the room

    room = enter("sarah", f"/incidents/{key}/")
    outside = enter("marcus", f"/incidents/{key}/summary/")
    writing = enter("sarah", f"/incidents/{key}/updates/new/")
    over = enter("marcus", "/incidents/INC-2026-0001/summary/")

    expect(room.locator("#r-header")).to_contain_text("Open")
    expect(outside.locator("main .page-head")).to_contain_text("Investigating")
    assert writing.locator("[name=status]").locator("xpath=..").all_inner_texts() == STATUSES
    expect(over.locator("main .page-head")).to_contain_text("Resolved")
    assert "Closed" not in over.locator("main .page-head").inner_text()


@pytest.mark.ledger("ROLE-05")
def test_the_commander_has_a_list_of_duties_that_ticks_itself(enter: Enter, cast: Cast) -> None:
    key = night.commanded(cast["sarah"])
    page = enter("sarah", f"/incidents/{key}/")
    duties = page.locator("#r-roster .checks li")
    objective = duties.filter(has_text="objective")
    expect(duties).to_have_count(13)
    assert objective.locator(".num").inner_text() == ""

    cast["sarah"].act(key, "objectives", text="Customers can pay again")

    expect(objective.locator(".num")).to_have_text(re.compile(r"\d\d:\d\d"))
    assert enter("alex", f"/incidents/{key}/").locator("#r-roster .checks li").count() == 0
