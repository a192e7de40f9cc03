"""The main job, whole: an alert becomes an incident, is commanded in a live war room, updated, and resolved.

Two people in two windows of a real Chromium, a real Alertmanager (or its recorded request), a real SMTP server, and
the desk as it ships, a protocol minute lasting one second.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from incidentdesk.kernel.embedded.valkey import free_port
from tests import alertmanager
from tests.comms.receivers import mail_server
from tests.running import Running, desk, wait_until

pytestmark = [pytest.mark.browser]
expect.set_options(timeout=15_000)
ALERT = (
    {"alertname": "LedgerWriteErrors", "service": "ledger", "severity": "critical"},
    {"summary": "writes fail, 14,000 errors a minute"},
)
SARAH, ALEX = "sarah.okafor@northline.example", "alex.lindqvist@northline.example"


@contextmanager
def monitoring(running: Running, token: str) -> Iterator[Callable[[bool], None]]:
    """Fires and resolves the alert: through a real Alertmanager where there is one, else as it was recorded."""
    since = datetime.now(UTC)
    if alertmanager.binary() is not None:
        url = f"{running.url}/hooks/alertmanager/"
        with alertmanager.Alertmanager(url, token, port=free_port()) as real:
            yield (
                lambda firing: (
                    real.fire(ALERT, since=since)
                    if firing
                    else real.resolve(ALERT, since=since, at=datetime.now(UTC))
                )
            )
    else:
        yield lambda firing: _recorded(running, token, since, firing=firing)


def _recorded(running: Running, token: str, since: datetime, *, firing: bool) -> None:
    name = "firing" if firing else "resolved"
    body = json.loads((alertmanager.RECORDED / f"{name}.json").read_text())
    body["alerts"] = body["alerts"][:1]
    body["alerts"][0].update(labels=ALERT[0], annotations=ALERT[1], startsAt=since.isoformat())
    if not firing:
        body["alerts"][0]["endsAt"] = datetime.now(UTC).isoformat()
    headers = {"Authorization": f"Bearer {token}"}
    httpx.post(
        f"{running.url}/hooks/alertmanager/", json=body, headers=headers, trust_env=False
    ).raise_for_status()


def mail_to(box: list[EmailMessage], address: str, words: str) -> EmailMessage | None:
    """The first mail to somebody whose subject or text holds these words."""
    for mail in list(box):
        body = mail.get_body()
        text = f"{mail['Subject']}\n{body.get_content() if body else ''}"
        if address in str(mail["To"]) and words in text:
            return mail
    return None


def text_of(mail: EmailMessage) -> str:
    """The plain text of a mail."""
    body = mail.get_body()
    assert body is not None
    return str(body.get_content())


class Window:
    """One person's window: a browser context of its own, signed in by a demo click."""

    def __init__(self, browser: Browser, running: Running, name: str) -> None:
        self.page: Page = browser.new_context(viewport={"width": 1440, "height": 1000}).new_page()
        self.page.set_default_timeout(15_000)
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.goto(f"{running.url}/sign-in/")
        self.page.get_by_role("button", name=re.compile(name)).first.click()
        self.page.wait_for_url(f"{running.url}/")

    def log(self, kind: str, text: str, **more: str) -> None:
        """One line in the composer."""
        page = self.page
        page.locator("#composer").get_by_text(kind, exact=False).first.click()
        for name, value in more.items():
            page.locator(f"#entry-{name}").fill(value)
        page.locator("#entry").fill(text)
        page.locator("#entry").press("Control+Enter")
        expect(page.locator("#r-timeline")).to_contain_text(text)

    def assign(self, seat: str, person: str) -> None:
        """Name somebody for a seat through the dialog."""
        page = self.page
        page.locator("#open-assign").click()
        page.locator("#seats-role").select_option(seat)
        option = page.locator("#seats-person option", has_text=person).first
        page.locator("#seats-person").select_option(value=option.get_attribute("value"))
        page.locator("#f-seats").get_by_role("button", name="Assign").click()
        expect(page.locator(f"#seat-{seat}")).to_contain_text(person)

    def fold(self, name: str, fill: dict[str, str], button: str) -> None:
        """Open a fold of a change card, fill it and press its button."""
        page = self.page
        page.locator(f"#{name} > summary").click()
        for field, value in fill.items():
            page.locator(f"#{field}").fill(value)
        page.locator(f"#{name}").get_by_role("button", name=button).click()


@pytest.mark.ledger("ALR-04", "CLK-16", "RES-01")
def test_the_first_night(browser: Browser) -> None:
    with (
        mail_server() as post,
        desk(
            MINUTE_SECONDS="1",
            DEMO="1",
            POLL_SECONDS="0.3",
            SMTP_URL=f"smtp://{post.host}:{post.port}",
            OUTBOUND_ALLOW=f"{post.host}:{post.port}",
        ) as running,
    ):
        token = json.loads(
            running.manage("token", "--user", SARAH, "--scope", "alerts:write", "--name", "monitor")
        )["token"]
        write = json.loads(
            running.manage(
                "token",
                "--user",
                "mikael.aalto@northline.example",
                "--scope",
                "incidents:write",
                "--name",
                "bot",
            )
        )["token"]
        sarah, alex = Window(browser, running, "Sarah Okafor"), Window(browser, running, "Alex Lindqvist")
        with monitoring(running, token) as monitor:
            monitor(True)
            key = acknowledge_by_mail(browser, running, post.mails)
            declare_by_triage(sarah.page, running, key)
            take_command(sarah, alex, running, key)
            work(sarah, alex)
            update_under_fire(alex.page, running, key, write)
            wait_until(
                lambda: mail_to(post.mails, ALEX, "Update, "), within=40,
                what="the reminder by mail",
            )  # fmt: skip
            change(sarah, alex, running, key)
            monitor(False)
            end(sarah.page, running, key)
        told_in_order(sarah.page, running, key)
        assert sarah.faults + alex.faults == []


def acknowledge_by_mail(browser: Browser, running: Running, box: list[EmailMessage]) -> str:
    """The on-call opens the mailed link without signing in and presses the one button."""
    wait_until(lambda: mail_to(box, SARAH, "/ack/"), within=20, what="the page by mail")
    mail = mail_to(box, SARAH, "/ack/")
    assert mail is not None
    link = re.search(rf"{re.escape(running.url)}/ack/\S+", text_of(mail))
    assert link is not None, text_of(mail)
    phone = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    phone.goto(link[0])
    assert re.fullmatch(rf"{re.escape(running.url)}/ack/\?link=\w{{16}}", phone.url), (
        "the secret is still in the address"
    )
    phone.get_by_role("button", name="Acknowledge").click()
    expect(phone.get_by_text("Acknowledged").first).to_be_visible()
    key = re.search(r"INC-\d{4}-\d{4}", phone.content())
    assert key is not None
    return key[0]


def declare_by_triage(page: Page, running: Running, key: str) -> None:
    """SEV-1 by triage in at most 8 clicks or keystrokes, from the room; the title is proposed."""
    page.goto(f"{running.url}/incidents/{key}/")
    presses = 0

    def press(keys: str) -> None:
        nonlocal presses
        presses += 1
        page.keyboard.press(keys)

    presses += 1
    page.get_by_role("link", name=re.compile("Declare")).first.click()
    page.wait_for_url("**/declare/**")
    for answer in ("y", "y", "y", "y"):
        press(answer)
    expect(page.locator("#r-verdict")).to_contain_text("SEV-1")
    press("Control+Enter")
    page.wait_for_url(f"{running.url}/incidents/{key}/**")
    print(f"declared by triage in {presses} clicks or keystrokes")
    assert presses <= 8
    expect(page.locator("#r-header")).to_contain_text("SEV-1")


def take_command(sarah: Window, alex: Window, running: Running, key: str) -> None:
    """Sarah takes IC and names Alex Ops and Comms; Alex sees it within 3 s."""
    alex.page.goto(f"{running.url}/incidents/{key}/")
    sarah.page.locator("#claim-ic").click()
    expect(sarah.page.locator("#seat-ic")).to_contain_text("Sarah Okafor")
    for seat in ("ops", "comms"):
        sarah.assign(seat, "Alex Lindqvist")
        began = time.monotonic()
        expect(alex.page.locator(f"#seat-{seat}")).to_contain_text("Alex Lindqvist", timeout=3_000)
        print(f"{seat} seen by the other window after {time.monotonic() - began:.2f} s")


def work(sarah: Window, alex: Window) -> None:
    """Findings and a theory."""
    alex.log("Finding", "Replica lag rises", source="Grafana", value="47 s")
    alex.log("Theory", "The disk controller of the primary is failing")
    sarah.log("Question", "Can we fail over without losing writes?")


def update_under_fire(page: Page, running: Running, key: str, token: str) -> None:
    """An update is composed while 20 changed polls go by, and the text survives."""
    page.locator("body").press("Escape")
    page.goto(f"{running.url}/incidents/{key}/updates/new/")
    changed: list[int] = []
    page.on("response", lambda answer: changed.append(answer.status) if "/live/" in answer.url else None)
    impact = page.locator("#f-imp")
    impact.fill("")
    words = "Payments are failing for all customers since a quarter past."
    headers = {"Authorization": f"Bearer {token}"}
    for number in range(200):
        if number < len(words):
            impact.press_sequentially(words[number])
        before = changed.count(200)
        httpx.post(
            f"{running.url}/api/v1/incidents/{key}/entries", json={"kind": "note", "text": f"line {number}"},
            headers={**headers, "Idempotency-Key": f"journey-{number}"}, trust_env=False,
        ).raise_for_status()  # fmt: skip
        page.wait_for_timeout(120)
        if changed.count(200) >= 20 and number >= len(words):
            break
        del before
    print(f"{changed.count(200)} changed polls while the update was written")
    assert changed.count(200) >= 20
    assert impact.input_value() == words
    page.get_by_role("button", name=re.compile("Send update")).click()
    page.wait_for_url(f"{running.url}/incidents/{key}/**")
    expect(page.locator("#r-timeline")).to_contain_text(words)


def change(sarah: Window, alex: Window, running: Running, key: str) -> None:
    """Proposed, approved with Shift+A, started, finished, confirmed."""
    page = alex.page
    page.locator("#composer").get_by_text("Propose change").first.click()
    fields = {
        "what": "Fail over to the secondary", "target": "ledger", "effect": "writes return", "risk": "30 s of writes lost",
        "undo": "fail back",
    }  # fmt: skip
    for name, value in fields.items():
        page.locator(f"#change-{name}").fill(value)
    page.locator("#entry-why").fill("the controller will not recover")
    page.locator("#composer").get_by_role("button", name=re.compile("Propose change")).click()
    expect(sarah.page.locator("#change-1")).to_contain_text("Fail over to the secondary")
    sarah.page.locator("h1").first.click()
    sarah.page.keyboard.press("Shift+A")
    expect(page.locator("#start-1")).to_be_visible()
    page.locator("#start-1").click()
    alex.fold("finish-1", {"finish-text-1": "secondary promoted"}, "Finish")
    expect(page.locator("#confirm-1")).to_be_visible()
    page.locator("#confirm-1 > summary").click()
    page.locator("#confirm-text-1").fill("writes are back")
    page.locator("#confirm-1").get_by_role("button", name=re.compile("[Yy]es|Seen|seen")).first.click()
    expect(sarah.page.locator("#r-changes")).to_contain_text("effect seen")


def end(page: Page, running: Running, key: str) -> None:
    """Impact ends; resolve is refused with the time left, and accepted after the window."""
    page.locator("#open-impact-end").click()
    page.locator("#f-impact-ends").get_by_role("button", name=re.compile("ended|end", re.I)).last.click()
    expect(page.locator("#r-header")).to_contain_text("Monitoring")
    form = page.context.request
    token = page.locator("#composer [name=csrfmiddlewaretoken]").first.input_value()
    fields: dict[str, Any] = {
        "csrfmiddlewaretoken": token, "proof": "errors 0 a minute", "request_id": "journey-too-early",
        "review_at": (datetime.now(UTC) + timedelta(hours=20)).strftime("%Y-%m-%dT%H:%M"),
        **{f"items.{item}": "ticked" for item in ("errors", "lag", "pool", "queue", "clients")},
    }  # fmt: skip
    early = form.post(
        f"{running.url}/incidents/{key}/resolutions/", form=fields,
        headers={"HX-Request": "true", "Referer": page.url, "Origin": running.url},
    )  # fmt: skip
    assert early.status == 422
    said = early.text()
    assert "Resolve opens at" in said and re.search(r"in \d+:\d\d", said), said
    print("refused:", re.sub(r"<[^>]+>|\s+", " ", said)[:160])
    expect(page.locator("#open-resolve, #open-resolve-now").first).to_be_visible(timeout=25_000)
    page.locator("#open-resolve:visible, #open-resolve-now:visible").first.click()
    page.locator("#resolutions-proof").fill("errors 0 a minute, write p95 41 ms")
    for item in ("errors", "lag", "pool", "queue", "clients"):
        page.locator(f"#f-resolutions [name='items.{item}'][value=ticked]").check(force=True)
    page.locator("#f-resolutions").get_by_role("button", name=re.compile("^Resolve")).click()
    expect(page.locator("#r-header")).to_contain_text("Resolved")


def told_in_order(page: Page, running: Running, key: str) -> None:
    """The record lists every act in order, one sentence each, refusals and misses included."""
    page.goto(f"{running.url}/incidents/{key}/record/")
    text = re.sub(r"\s+", " ", page.locator("main").inner_text())
    wanted = [
        "An alert opened this record", "Sarah Okafor was paged", "Sarah Okafor acknowledged the page",
        "Sarah Okafor declared the incident as SEV-1", "Sarah Okafor took the seat Incident Commander",
        "Sarah Okafor named Alex Lindqvist Ops Lead", "Sarah Okafor named Alex Lindqvist Comms Lead",
        "Alex Lindqvist logged a finding", "Alex Lindqvist stated a theory", "sent update 1",
        "Alex Lindqvist proposed change 1", "Sarah Okafor approved change 1", "Alex Lindqvist started change 1",
        "Alex Lindqvist finished change 1", "the effect was seen", "stamped the end of the impact",
        "Sarah Okafor was refused (GATE-08", "Sarah Okafor moved the status from Monitoring to Resolved",
    ]  # fmt: skip
    places = [text.find(part) for part in wanted]
    missing = [part for part, place in zip(wanted, places, strict=True) if place < 0]
    assert missing == [], f"{missing} is not in: {text}"
    assert places == sorted(places), list(zip(wanted, places, strict=True))
    assert "is overdue" in text or "was missed" in text
