"""Debian's Chromium through playwright, and what every page must get right."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response
from playwright.sync_api import sync_playwright as start_playwright

from tests.support.processes import program
from tests.support.visitor import new_address

FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]
# Colours hang on the scheme and places on the width: each is looked at once.
LOOKS = [("light", 1440), ("dark", 360)]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    path = program("chromium", package="chromium")
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS  # root has no sandbox
    with start_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


class Complaints(list[str]):
    """What a browser has to say against the pages it showed: errors, and blocked content."""

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
        # That a page itself is a 404 is no complaint; that something on it is one is.
        itself = message.text.startswith("Failed to load resource") and (
            message.location["url"] in self._documents
        )
        if message.type in {"error", "warning"} and not itself:
            self.append(f"{message.type}: {message.text} ({message.location['url']})")


@contextmanager
def context_of(browser: Browser, url: str, **options: Any) -> Iterator[BrowserContext]:
    """A browser of its own; fails in the end where a page made it complain."""
    context = browser.new_context(
        base_url=url, extra_http_headers={"X-Forwarded-For": new_address()}, **options
    )
    context.set_default_timeout(15_000)
    complaints = Complaints(context)
    try:
        yield context
    finally:
        context.close()
    assert not complaints, "\n".join(complaints)


def assert_accessible(page: Page) -> None:
    """No violation of WCAG 2.2 A and AA that axe can see."""
    options = {"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    lines = [
        f"{violation['id']}: {violation['help']}\n"
        + "\n".join(
            f"    {' '.join(node['target'])}: {node['html']}" for node in violation["nodes"]
        )
        for violation in found
    ]
    assert not lines, f"{page.url}\n" + "\n".join(lines)


def assert_fits(page: Page) -> None:
    """Nobody has to scroll sideways."""
    wide, window = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= window, f"{page.url} is {wide} px wide in a window of {window} px"
