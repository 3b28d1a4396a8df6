"""Debian's Chromium through Playwright, and what every page must get right."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Response
from playwright.sync_api import sync_playwright as start_playwright

from tests.support.cloud import Person
from tests.support.processes import program
from tests.support.visitor import new_address

FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
# Colors depend on the scheme and layout on the width: each value occurs once.
LOOKS: dict[str, dict[str, Any]] = {
    "light-1440": {"color_scheme": "light", "viewport": {"width": 1440, "height": 800}},
    "dark-360": {"color_scheme": "dark", "viewport": {"width": 360, "height": 800}},
}
TABLET = 1024  # the width that no look of its own has
TALLEST = 10_000  # pixels of a window
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium without its own windows: it has the same engine, at a third of the CPU."""
    path = program("chromium-headless-shell", package="chromium-headless-shell")
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS  # root has no sandbox
    with start_playwright() as playwright:
        # Python's development mode switches it on; it takes a stack trace of each call.
        asyncio.get_running_loop().set_debug(False)
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


class PageErrors(list[str]):
    """The errors that the pages of a browser context caused, and the content it blocked."""

    def __init__(self, context: BrowserContext) -> None:
        super().__init__()
        self._documents: set[str] = set()
        context.on("response", self._on_response)
        context.on("console", self._on_console)
        context.on("weberror", lambda error: self.append(str(error.error)))

    def _on_response(self, response: Response) -> None:
        if response.request.is_navigation_request():
            self._documents.add(response.url)

    def _on_console(self, message: ConsoleMessage) -> None:
        # A page may be a 404 itself; nothing on it may be one.
        is_the_page = message.text.startswith("Failed to load resource") and (
            message.location["url"] in self._documents
        )
        if message.type in {"error", "warning"} and not is_the_page:
            self.append(f"{message.type}: {message.text} ({message.location['url']})")


@contextmanager
def context_of(
    browser: Browser, url: str, *, session: str | None = None, **options: Any
) -> Iterator[BrowserContext]:
    """Open a context of its own, signed in if a session is given.

    Fails at the end if a page caused an error in the browser.
    """
    # Tests look at once for what has just happened at Keystone; pages may be three seconds old.
    headers = {"X-Forwarded-For": new_address(), "Cache-Control": "no-cache"}
    context = browser.new_context(base_url=url, extra_http_headers=headers, **options)
    context.set_default_timeout(15_000)
    if session:
        enter(context, url, session)
    errors = PageErrors(context)
    try:
        yield context
    finally:
        context.close()
    assert not errors, "\n".join(errors)


def enter(context: BrowserContext, url: str, session: str) -> None:
    """Give the browser the cookie of a session, so that it need not sign in."""
    context.add_cookies([{"name": "pciops-session", "value": session, "url": url}])


def assert_good(page: Page) -> None:
    """Assert that the page is accessible and fits its window, once its style sheets are there."""
    page.wait_for_load_state()
    assert_accessible(page)
    assert_fits(page)


def assert_accessible(page: Page) -> None:
    """Assert that axe finds no violation of WCAG 2.2 A and AA."""
    options = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"]}
    with _tall(page):
        violations = Axe().run(page, options=options).response["violations"]
    lines = [
        f"{violation['id']}: {violation['help']}\n"
        + "\n".join(
            f"    {' '.join(node['target'])}: {node['html']}" for node in violation["nodes"]
        )
        for violation in violations
    ]
    assert not lines, f"{page.url}\n" + "\n".join(lines)


@contextmanager
def _tall(page: Page) -> Iterator[None]:
    """Show the page in a window of its height, where bars that stick to an edge cover no target."""
    size = page.viewport_size
    assert size is not None
    height = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({**size, "height": min(max(height, size["height"]), TALLEST)})
    yield
    page.set_viewport_size(size)


def assert_fits(page: Page) -> None:
    """Assert that nothing requires sideways scrolling; a wide page is made a tablet's, too."""
    size = page.viewport_size
    _assert_fits_now(page)
    if size is not None and size["width"] > TABLET:
        page.set_viewport_size({**size, "width": TABLET})
        _assert_fits_now(page)
        page.set_viewport_size(size)


def _assert_fits_now(page: Page) -> None:
    width, window = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert width <= window, f"{page.url} is {width} px wide in a window of {window} px"


# --- What a person does on the pages ------------------------------------------------------------
def sign_in(page: Page, person: Person) -> None:
    """Fill in the sign-in form and submit it."""
    page.goto("/signin/")
    page.get_by_label("User name").fill(person.name)
    page.get_by_label("Password").fill(person.password)
    page.get_by_label("Domain").fill(person.domain)
    page.get_by_role("button", name="Sign in").click()


def row_of(page: Page, person: Person) -> Locator:
    """Return the row of a person in the list."""
    return page.get_by_role("row").filter(has_text=person.name)


def fill_in_reason(page: Page, reason: str) -> None:
    """Fill in the unlock form that is open."""
    page.get_by_label("Reason").fill(reason)
    page.get_by_label("Called back on a number on file").check()


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the element has the focus."""
    target.wait_for()
    for _ in range(150):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way to {target} by Tab")
