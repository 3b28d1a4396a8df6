"""Times in the zone of the computer, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import context_of
from tests.support.cloud import Cloud
from tests.support.site import Site
from tests.support.visitor import Visitor

pytestmark = pytest.mark.browser


def test_times_in_the_local_zone_are_remembered(
    browser: Browser, site: Site, visitor: Visitor, cloud: Cloud
) -> None:
    cloud.create_locked()
    session = visitor.session
    with context_of(browser, site.url, session=session, timezone_id="Asia/Kolkata") as context:
        page = context.new_page()
        page.goto("/accounts/?state=locked")
        live = page.locator("#as-of time")
        expect(live).to_have_text(re.compile(r"^\d\d:\d\d:\d\d UTC$"))
        utc = live.inner_text()[3:5]

        page.get_by_role("button", name="Account menu").click()
        page.get_by_role("button", name="Local").click()
        expect(live).to_have_text(re.compile(r"\d\d:\d\d:\d\d GMT\+5:30$"))
        minute = page.evaluate(
            "document.querySelector('#as-of time').textContent.match(/:(..):/)[1]"
        )
        assert (int(minute) - int(utc)) % 60 == 30
        expect(live).to_have_attribute("title", re.compile("UTC$"))

        page.goto("/activity/")
        expect(page.locator("#as-of time")).to_have_text(re.compile(r"GMT\+5:30$"))
        page.get_by_role("button", name="Account menu").click()
        page.get_by_role("button", name="UTC", exact=True).click()
        expect(page.locator("#as-of time")).to_have_text(re.compile("UTC$"))
