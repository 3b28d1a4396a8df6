"""Reports in a real browser: read, signed off without a script, fetched as files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.support.browser import LOOKS, assert_accessible, assert_fits, context_of
from tests.support.cloud import Cloud
from tests.support.site import Site
from tests.support.visitor import Visitor

pytestmark = pytest.mark.browser

BUILD = """
from django.utils import timezone
from pciops.reports.schedule import build_and_store
from pciops.reports.sources import CloudSources
from pciops.reports.weeks import last_ended
week = last_ended(timezone.now())
for each in (week.before, week):
    build_and_store(each, cloud=CloudSources(now=timezone.now()))
print("built", week)
"""


@pytest.fixture(scope="module")
def week(site: Site, cloud: Cloud) -> str:
    """A week with a report, as has the one before; somebody is locked."""
    cloud.lock(cloud.create_user("nadia"))
    assert site.manage("census").code == 0
    result = site.manage("shell", "-c", BUILD)
    assert result.code == 0, result
    return result.stdout.split()[-1]


@pytest.fixture(scope="module")
def visitor(site: Site, cloud: Cloud, week: str) -> Visitor:
    """An administrator who has signed in."""
    visitor = site.visitor()
    visitor.sign_in(cloud.create_operator("alice"))
    return visitor


@contextmanager
def signed_in(
    browser: Browser, visitor: Visitor, site: Site, **options: Any
) -> Iterator[BrowserContext]:
    """A browser with the visitor's session."""
    value = str(visitor.http.cookies["pciops-session"])
    with context_of(browser, site.url, **options) as context:
        context.add_cookies([{"name": "pciops-session", "value": value, "url": site.url}])
        yield context


@pytest.mark.parametrize("path", ["", "{week}/", "{week}/sign-off/", "{week}/changes/"])
@pytest.mark.parametrize("look", LOOKS)
def test_the_pages_of_reports_are_accessible_and_fit(
    browser: Browser, site: Site, visitor: Visitor, week: str, path: str, look: str
) -> None:
    with signed_in(browser, visitor, site, **LOOKS[look]) as context:
        page = context.new_page()
        page.goto(f"/reports/{path.format(week=week)}")
        for summary in page.locator("main details summary").all():
            summary.click()

        expect(page.locator("h1")).to_be_visible()
        assert_accessible(page)
        assert_fits(page)


def test_a_report_is_signed_off_by_keyboard_and_without_scripts(
    browser: Browser, site: Site, visitor: Visitor, week: str
) -> None:
    with signed_in(browser, visitor, site, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"/reports/{week}/")
        page.get_by_role("link", name="Sign off").focus()
        page.keyboard.press("Enter")
        page.get_by_label("Remark").focus()
        page.keyboard.type("Looked at 8.2.6.")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")

        expect(page.get_by_role("status")).to_contain_text(f"You have signed off {week}")
        expect(page.locator(".signed")).to_contain_text("alice")
        expect(page.locator(".signed")).to_contain_text("Looked at 8.2.6.")


@pytest.mark.parametrize(
    ("form", "begin"), [("pdf", b"%PDF"), ("csv", b"PK"), ("json", b"{"), ("html", b"<!doctype")]
)
def test_a_report_is_fetched_in_each_form(
    visitor: Visitor, week: str, form: str, begin: bytes
) -> None:
    response = visitor.get(f"/reports/{week}/export?format={form}")

    assert response.status_code == 200
    assert response.content.startswith(begin)
