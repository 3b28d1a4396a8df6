"""Pages that refresh themselves in a real browser: what changes is said, what is in use stays."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Request, expect

from tests.support.browser import enter
from tests.support.cloud import Cloud
from tests.support.site import Site
from tests.support.visitor import Visitor

pytestmark = pytest.mark.browser

PERIOD = 15_000  # milliseconds, of templates/base.html


class Refreshes:
    """A window whose clock the test moves, and the number of requests that it sent by itself."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0
        page.on("request", self._note)
        page.clock.install()

    def _note(self, request: Request) -> None:
        self.count += "x-by-itself" in request.headers

    def after(self, periods: int = 1) -> int:
        """Return how many were sent within so many periods."""
        before = self.count
        for _ in range(periods):
            self.page.clock.run_for(PERIOD)
            self.page.wait_for_timeout(300)
        return self.count - before


@pytest.fixture
def refreshes(signed_in: Page) -> Refreshes:
    return Refreshes(signed_in)


def quiet(page: Page) -> None:
    """Let htmx not log the errors that the page itself says."""
    page.evaluate("console.error = () => {}")


def test_what_has_changed_is_announced(signed_in: Page, refreshes: Refreshes, cloud: Cloud) -> None:
    cloud.create_locked()
    signed_in.goto("/")
    cloud.create_locked()
    for _ in range(20):
        refreshes.after()
        if signed_in.locator("#news").text_content():
            break

    expect(signed_in.locator("#news")).to_have_text(re.compile(r"\d+ locked, was \d+"))
    expect(signed_in.locator("#news")).to_have_attribute("role", "status")


def test_nothing_changes_while_it_is_in_use(
    signed_in: Page, refreshes: Refreshes, cloud: Cloud
) -> None:
    locked = cloud.create_locked()
    signed_in.goto("/accounts/?state=locked")
    assert refreshes.after() == 1

    signed_in.locator("#live a.who-name").first.focus()
    assert refreshes.after(2) == 0
    signed_in.evaluate("document.activeElement.blur()")
    assert refreshes.after() == 1

    box = signed_in.get_by_role("checkbox", name=f"Select {locked.name}")
    box.check()
    box.blur()
    assert refreshes.after(2) == 0
    box.uncheck()
    box.blur()
    assert refreshes.after() == 1

    signed_in.goto(f"/accounts/{locked.id}/")
    fold = signed_in.get_by_text("States and what ends them")
    fold.click()
    fold.blur()
    was_open = fold.evaluate("summary => summary.parentElement.open")
    assert refreshes.after(2) == (0 if was_open else 2)
    assert fold.evaluate("summary => summary.parentElement.open") == was_open

    signed_in.goto(f"/accounts/{locked.id}/")
    signed_in.get_by_role("heading", level=1).select_text()
    assert refreshes.after(2) == 0


def test_a_pause_is_remembered(signed_in: Page, refreshes: Refreshes) -> None:
    signed_in.goto("/")
    expect(signed_in.locator("#as-of")).to_contain_text("Live")
    signed_in.get_by_role("button", name="Pause").click()
    signed_in.goto("/accounts/?state=locked")

    assert refreshes.after(2) == 0
    expect(signed_in.get_by_text("As of", exact=True)).to_be_visible()
    signed_in.get_by_role("button", name="Resume").click()
    assert refreshes.after() == 1
    expect(signed_in.get_by_role("button", name="Pause")).to_be_focused()


def test_a_server_that_stops_answering_is_said(signed_in: Page, refreshes: Refreshes) -> None:
    signed_in.goto("/")
    quiet(signed_in)
    signed_in.route("**/*", lambda route: route.abort())
    refreshes.after(2)
    expect(signed_in.get_by_role("alert")).to_contain_text("Not updated since")

    signed_in.unroute("**/*")
    refreshes.after()
    expect(signed_in.get_by_role("alert")).to_have_count(0)


def test_the_end_of_the_session_is_said(signed_in: Page, refreshes: Refreshes) -> None:
    signed_in.goto("/")
    quiet(signed_in)
    signed_in.context.clear_cookies()
    refreshes.after()

    expect(signed_in.get_by_role("alert")).to_contain_text("signed out")
    expect(signed_in.get_by_role("alert").get_by_role("link", name="Sign in")).to_be_visible()
    assert refreshes.after(2) == 0


def test_without_javascript_a_page_says_as_of_when_it_is(
    plain_page: Page, site: Site, visitor: Visitor
) -> None:
    enter(plain_page.context, site.url, visitor.session)
    plain_page.goto("/")

    expect(plain_page.get_by_text("As of", exact=True)).to_be_visible()
    expect(plain_page.get_by_role("button", name="Pause")).to_have_count(0)
