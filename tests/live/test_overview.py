"""The overview in a real browser, with a census: numbers, charts and what needs a person."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.support.browser import LOOKS, assert_accessible, assert_fits, context_of
from tests.support.cloud import Cloud, Person
from tests.support.site import Site

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def session(site: Site, cloud: Cloud) -> str:
    """The cookie of an administrator's session, after two censuses on two days."""
    locked, expiring = cloud.create_operator("root"), cloud.create_operator("cinder")
    cloud.lock(locked)
    expire_tomorrow(cloud, expiring)
    assert site.manage("census").code == 0
    cloud.database.execute(
        "UPDATE accounts_census SET counted_at = counted_at - INTERVAL 7 DAY", database="pciops"
    )
    assert site.manage("census").code == 0
    visitor = site.visitor()
    visitor.sign_in(cloud.create_operator("alice"))
    return str(visitor.http.cookies["pciops-session"])


def expire_tomorrow(cloud: Cloud, person: Person) -> None:
    """Let the password expire in a day."""
    cloud.sql(
        "UPDATE password SET expires_at = UTC_TIMESTAMP() + INTERVAL 1 DAY,"
        " expires_at_int = (UNIX_TIMESTAMP() + 86400) * 1000000 WHERE local_user_id ="
        " (SELECT id FROM local_user WHERE user_id = %s)",
        person.id,
    )


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_the_overview_is_accessible_and_fits_its_window(
    browser: Browser, site: Site, session: str, scheme: str, width: int
) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with context_of(browser, site.url, **options) as context:
        context.add_cookies([{"name": "pciops-session", "value": session, "url": site.url}])
        page = context.new_page()
        page.goto("/")
        for summary in page.locator("main details summary").all():
            summary.click()

        expect(page.locator("svg.spark")).to_have_count(4)
        expect(
            page.locator("svg.columns-wide, svg.rows-narrow").filter(visible=True)
        ).to_have_count(1)
        expect(page.get_by_role("row").filter(has_text="cinder")).to_contain_text("expires at")
        expect(page.get_by_role("row").filter(has_text="root")).to_contain_text("until")
        assert_accessible(page)
        assert_fits(page)
