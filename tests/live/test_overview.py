"""The overview in a real browser, with a census: numbers, charts and what needs attention."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import assert_good
from tests.support.cloud import Cloud
from tests.support.site import Site

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", autouse=True)
def _two_censuses(site: Site, cloud: Cloud) -> None:
    """Take a census on each of two days, with a locked and an expiring administrator."""
    locked, expiring = cloud.create_operator("root"), cloud.create_operator("cinder")
    cloud.lock(locked)
    cloud.expire_password(expiring, hours=24)
    assert site.manage("census").code == 0
    cloud.database.execute(
        "UPDATE accounts_census SET counted_at = counted_at - INTERVAL 7 DAY", database="pciops"
    )
    assert site.manage("census").code == 0


def test_the_overview_is_accessible_and_fits_its_window(window: Page) -> None:
    window.goto("/")
    for summary in window.locator("main details summary").all():
        summary.click()

    expect(window.locator("svg.spark")).to_have_count(6)
    expect(window.locator("svg.columns-wide, svg.rows-narrow").filter(visible=True)).to_have_count(
        1
    )
    expect(window.get_by_role("row").filter(has_text="cinder")).to_contain_text("In ")
    expect(window.get_by_role("row").filter(has_text="root")).to_contain_text("min left")
    assert_good(window)
