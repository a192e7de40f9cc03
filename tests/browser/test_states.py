"""States that only a bad night shows: a storm of alerts, pages in one mail, links that are spent, a restored copy (C.8).

They have a desk of their own, so that nobody else's page is full of their alerts.
"""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import night
from tests.browser.conftest import Cast, Doors
from tests.browser.test_looks import WIDE, judged
from tests.oncall.makers import alert, body
from tests.running import Running, desk, wait_until

Looks = Callable[[Page], dict[Any, Any]]
SARAH, INES = "sarah.okafor@northline.example", "ines.duarte@northline.example"
SCREENS = ((1440, 1000), (390, 844), (320, 844))
HOLD = "UPDATE incidents_installation SET held_since = now(), why = 'Its data folder was copied or moved.'"
FREE = "UPDATE incidents_installation SET held_since = NULL, why = ''"

RUN_OUT = """UPDATE oncall_acklink SET expires_at = now() - interval '1 second'
WHERE used_at IS NULL AND expires_at > now()"""
LIVE_AGAIN = """UPDATE oncall_acklink SET expires_at = now() + interval '1 hour'
WHERE used_at IS NULL AND expires_at > now() - interval '10 minutes'"""


class Storm:
    """A desk on which four services fail within a minute, and a source sends what cannot be read."""

    def __init__(self, running: Running) -> None:
        self.running = running
        night.declare(Cast(running)["alex"], severity=3, services=["reports"], title="SEV-3 Reports: late")
        made = running.manage("token", "--user", SARAH, "--scope", "alerts:write", "--name", "monitor")
        self.token = json.loads(made)["token"]
        since = datetime.now(UTC) - timedelta(minutes=3)
        pods = [
            alert("WriteErrors", since=since, fingerprint=f"fp-{n}", pod=f"ledger-{n}") for n in range(12)
        ]
        for each in pods:
            each["generatorURL"] = f"https://prometheus.example/graph?g0.expr={'rate' * 40}"
            each["annotations"]["runbook_url"] = "https://runbooks.example/ledger/write-errors"
        self.send(body(*pods, group="ledger", left_out=7))
        for service in ("checkout", "payouts"):
            self.send(
                body(alert("Errors", since=since, service=service, severity="emergency"), group=service)
            )
        self.send(
            body(alert("IndexBehind", since=since, service="search", severity="warning"), group="search")
        )
        self.send(b'{"version": "4", "alerts": [')

    def send(self, content: bytes) -> None:
        """One notification, as a source posts it."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        url = f"{self.running.url}/hooks/alertmanager/"
        answer = httpx.post(url, content=content, headers=headers, timeout=20, trust_env=False)
        assert answer.status_code in (202, 400), answer.text

    def links(self, pages: int) -> list[str]:
        """The acknowledge links of Sarah's mail that carries so many; waits for it."""
        found: list[str] = []

        def mailed() -> bool:
            for path in (self.running.data_dir / "mail").glob("*.eml"):
                mail = message_from_bytes(path.read_bytes())
                text = (mail.get_payload(decode=True) or b"").decode()  # type: ignore[union-attr]  # plain text
                links = re.findall(r"/ack/\S+", text)
                if SARAH in str(mail["To"]) and len(links) == pages:
                    found[:] = links
            return bool(found)

        wait_until(mailed, within=90, what=f"a mail with {pages} pages")
        return found

    def tell(self, statement: str) -> None:
        """One statement to the database."""
        with psycopg.connect(self.running.database_url(owner=True), autocommit=True) as connection:
            connection.execute(statement)


@pytest.fixture(scope="module")
def storm() -> Iterator[Storm]:
    with desk(DEMO="1", API_PER_MINUTE="100000") as running:
        yield Storm(running)


@pytest.fixture
def windows(storm: Storm, browser: Browser) -> Iterator[Doors]:
    doors = Doors(browser, storm.running)
    yield doors
    assert doors.close() == []


def wrong(page: Page) -> dict[Any, Any]:
    """What axe-core finds, and what is wider than the screen, by screen and theme."""
    found: dict[Any, Any] = {}
    for width, height in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            found[width] = page.evaluate(WIDE)
        for theme in ("dark", "light"):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of the two
            if said := judged(page):
                found[width, theme] = said
    return found


def test_a_storm_of_alerts_stays_within_its_panel_and_its_page_is_answered_first(windows: Doors) -> None:
    page = windows.open("sarah", "/", bypass_csp=True)
    page.locator("#r-active a", has_text="Ledger").first.click()
    panel = page.locator("#r-alerts")

    expect(panel.locator("[id^=alert-]")).to_have_count(12)
    assert panel.locator(".rows-frame").evaluate("e => e.scrollHeight > e.clientHeight")
    button = panel.get_by_role("button", name="Acknowledge").bounding_box()
    first = panel.locator("[id^=alert-]").first.bounding_box()
    assert button and first and button["y"] < first["y"]
    expect(panel).to_contain_text("The source left out 7 alerts.")
    assert wrong(page) == {}


def test_the_desk_of_an_administrator_shows_incidents_lines_and_warnings(windows: Doors) -> None:
    page = windows.open("ines", "/", bypass_csp=True)

    expect(page.locator("#r-attention")).to_contain_text("1 severity word")
    expect(page.locator("#r-attention")).to_contain_text("could not be read")
    expect(page.locator("#r-warnings")).to_contain_text("IndexBehind")
    assert wrong(page) == {}


def test_a_phone_shows_three_lines_that_wait_at_once(windows: Doors) -> None:
    page = windows.open("sarah", "/", viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)

    third = page.locator("#r-yours .notice").nth(2).bounding_box()
    dock = page.locator(".dock").bounding_box()

    assert third and dock and third["y"] + third["height"] <= dock["y"]


def test_links_of_one_mail_are_acknowledged_together_by_keyboard(storm: Storm, windows: Doors) -> None:
    first, second = storm.links(2)
    page = windows.open(None, first, bypass_csp=True)
    button = page.get_by_role("button", name="Acknowledge all 2")
    expect(button).to_be_visible()
    assert wrong(page) == {}

    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator("h1")).to_have_text("Acknowledged")
    assert wrong(page) == {}
    other = windows.open(None, second)
    expect(other.locator("main")).to_contain_text("Sarah Okafor acknowledged at")
    expect(other.get_by_role("button")).to_have_count(0)


def test_a_link_works_without_a_script_and_one_that_has_run_out_says_so(storm: Storm, windows: Doors) -> None:
    (link,) = storm.links(1)
    page = windows.open(None, link, bypass_csp=True)
    expect(page.get_by_role("button", name="Acknowledge")).to_be_focused()
    assert wrong(page) == {}

    storm.tell(RUN_OUT)
    page.reload()
    expect(page.locator("h1")).to_have_text("This link has expired")
    assert wrong(page) == {}

    storm.tell(LIVE_AGAIN)
    plain = windows.open(None, link, java_script_enabled=False)
    plain.get_by_role("button", name="Acknowledge").click()
    expect(plain.locator("h1")).to_have_text("Acknowledged")

    unknown = windows.open(None, "/ack/nothing/", bypass_csp=True)
    expect(unknown.locator("main")).to_contain_text("This link is unknown")
    assert wrong(unknown) == {}


def test_a_password_is_set_by_a_link_without_a_script(storm: Storm, windows: Doors) -> None:
    made = storm.running.manage("user", "--email", INES, "--password-link")
    link = json.loads(made)["password_link"]
    page = windows.open(None, link, bypass_csp=True)
    expect(page.locator("h1")).to_have_text("Set your password")
    assert wrong(page) == {}

    plain = windows.open(None, link, java_script_enabled=False)
    plain.locator("[name=new]").fill("short")
    plain.get_by_role("button", name="Set password").click()
    expect(plain.locator(".error").first).to_be_visible()
    plain.locator("[name=new]").fill("quiet harbour lantern 88")
    plain.get_by_role("button", name="Set password").click()

    expect(plain.locator("h1")).not_to_have_text("Set your password")


def test_a_device_is_ended_on_a_phone_without_scrolling_sideways(windows: Doors) -> None:
    windows.open("marcus", "/account/", fresh=True)
    page = windows.open(
        "marcus", "/account/", fresh=True, viewport={"width": 390, "height": 844}, bypass_csp=True
    )
    button = page.get_by_role("button", name=re.compile("^End Chrome")).first

    place = button.bounding_box()
    assert place and place["x"] + place["width"] <= 390
    assert wrong(page) == {}


def test_a_restored_copy_says_so_on_every_page_and_not_that_its_clock_is_late(
    storm: Storm, windows: Doors
) -> None:
    storm.tell(HOLD)
    try:
        for who, path in (("sarah", "/"), (None, "/sign-in/")):
            page = windows.open(who, path, bypass_csp=True)
            expect(page.get_by_role("alert")).to_contain_text("This desk is a restored copy")
            expect(page.locator("[data-tick-late]")).to_have_count(0)
            assert wrong(page) == {}
    finally:
        storm.tell(FREE)
