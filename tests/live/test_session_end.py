"""The warning before the end of a session in a real browser, and what was typed."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import sign_in
from tests.support.cloud import Cloud, Person

pytestmark = pytest.mark.browser

MINUTE = 60_000  # milliseconds


def answer(page: Page, seconds: int, *, movable: bool = True) -> None:
    """Let the server say that the session has so many seconds left."""
    session = {"ends_at": "2026-11-22T14:02:11Z", "seconds": seconds, "movable": movable}
    page.unroute("**/sessions/current/")
    page.route(
        "**/sessions/current/",
        lambda route: route.fulfill(
            content_type="application/json", body=json.dumps({"session": session})
        ),
    )


def test_warned_two_minutes_before_the_end(signed_in: Page) -> None:
    signed_in.clock.install()
    signed_in.goto("/status/")
    banner = signed_in.locator("#session-end")
    answer(signed_in, 600)
    signed_in.clock.run_for(14 * MINUTE)
    signed_in.wait_for_timeout(300)
    expect(banner).to_be_hidden()  # another window has used the session

    answer(signed_in, 119)
    signed_in.clock.run_for(9 * MINUTE)
    expect(banner).to_contain_text("You will be signed out at")
    expect(banner).to_have_attribute("role", "alert")
    answer(signed_in, 900)
    banner.get_by_role("button", name="Stay signed in").click()
    expect(banner).to_be_hidden()


def test_what_was_typed_is_kept_for_the_next_sign_in(
    page: Page, cloud: Cloud, operator: Person
) -> None:
    locked = cloud.create_locked()
    sign_in(page, operator)
    page.clock.install()
    page.goto(f"/accounts/{locked.id}/unlock/")
    page.get_by_label("Reason").fill("INC-4711 typed")
    answer(page, 100)
    page.clock.run_for(14 * MINUTE)
    page.wait_for_timeout(300)
    page.clock.run_for(2 * MINUTE)
    banner = page.locator("#session-end")
    expect(banner).to_contain_text("You are signed out")

    page.context.clear_cookies()
    page.unroute("**/sessions/current/")
    banner.get_by_role("link", name="Sign in").click()
    page.get_by_label("User name").fill(operator.name)
    page.get_by_label("Password").fill(operator.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Reason")).to_have_value("INC-4711 typed")
    assert "INC-4711" not in page.evaluate("JSON.stringify(sessionStorage)")
