"""What the browser lane stands on: one desk as it ships with its demonstration, one Chromium, people in both."""

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.cast import NAMES, Person, tokens
from tests.running import Running, desk

Enter = Callable[..., Page]
FIRST = ("test_looks.py", "test_first_night.py", "test_live.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser. Looks come first, while the desk is not yet full of what others did;
    beside them what takes longest and mostly waits."""
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST))
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def running() -> Generator[Running, None, None]:
    """The desk that the whole lane shares. `DESK_FOLDER` and `DESK_PORT` name one that runs already."""
    if folder := os.environ.get("DESK_FOLDER"):
        yield Running(data_dir=Path(folder), PORT=os.environ["DESK_PORT"])
        return
    with desk(DEMO="1", API_PER_MINUTE="100000") as started:
        yield started


class Cast(dict[str, Person]):
    """People by short name; all get their tokens when the first is asked for."""

    def __init__(self, running: Running) -> None:
        super().__init__()
        self._running = running

    def __missing__(self, name: str) -> Person:
        for each, token in tokens(self._running).items():
            self[each] = Person(each, self._running, token)
        return self[name]


@pytest.fixture(scope="session")
def cast(running: Running) -> Generator[Cast, None, None]:
    """Those who act from elsewhere."""
    made = Cast(running)
    yield made
    for person in made.values():
        person.close()


class Doors:
    """Opens windows: each a context of its own, signed in by one click, and watched for what no page may do."""

    def __init__(self, browser: Browser, running: Running) -> None:
        self.browser = browser
        self.running = running
        self._states: dict[str, Any] = {}
        self.contexts: list[BrowserContext] = []
        self.wrong: list[str] = []

    def open(self, who: str | None, path: str = "/", *, fresh: bool = False, **options: Any) -> Page:
        """A window of somebody at a page; nobody when `who` is None. `fresh` makes a sign-in of its own."""
        state = None if who is None else self._signed_in(who, fresh=fresh)
        context = self._context(storage_state=state, **options)
        page = context.new_page()
        page.goto(path)
        return page

    def _signed_in(self, who: str, *, fresh: bool) -> Any:
        if fresh or who not in self._states:
            context = self._context()
            sign_in(context.new_page(), who)
            state = context.storage_state()
            if fresh:
                return state
            self._states[who] = state
        return self._states[who]

    def _context(self, **options: Any) -> BrowserContext:
        options.setdefault("viewport", {"width": 1440, "height": 1000})
        options.setdefault("color_scheme", "dark")
        context = self.browser.new_context(base_url=self.running.url, locale="en-GB", **options)
        context.set_default_timeout(8000)
        context.on("request", self._asked)
        context.on("page", self._watch)
        self.contexts.append(context)
        return context

    def _asked(self, request: Any) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob") and not request.url.startswith(
            self.running.url
        ):
            self.wrong.append(f"asked a third party: {request.url}")

    def _watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.wrong.append(f"a script broke: {error}"))
        page.on(
            "dialog", lambda box: (self.wrong.append(f"a box of the browser: {box.message}"), box.dismiss())
        )
        page.on(
            "console",
            lambda line: "Content Security Policy" in line.text and self.wrong.append(line.text),
        )

    def close(self) -> list[str]:
        """Close every window; what was wrong in them."""
        for context in self.contexts:
            context.close()
        wrong, self.contexts, self.wrong = self.wrong, [], []
        return wrong


def sign_in(page: Page, who: str) -> None:
    """One click on the demonstration's sign-in page."""
    page.goto("/sign-in/")
    page.get_by_role("button", name=f"Sign in as {NAMES[who]}").click()
    page.wait_for_url(lambda address: "/sign-in/" not in address)


@pytest.fixture(scope="session")
def doors(browser: Browser, running: Running) -> Doors:
    """The maker of windows."""
    return Doors(browser, running)


@pytest.fixture
def enter(doors: Doors) -> Iterator[Enter]:
    """`enter("sarah", "/incidents/…/")`: a signed-in window. Afterwards no page may have broken, asked a third party,
    opened a box or met the content policy (S28, S29)."""
    yield doors.open
    assert doors.close() == []
