"""The status page and the menu in a real browser, and the doctor while something is away."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import LOOKS, assert_accessible, assert_fits, context_of
from tests.support.cloud import Cloud, Person
from tests.support.site import Site

pytestmark = pytest.mark.browser


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
def window(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Page]:
    """A window, light or dark, narrow or wide."""
    scheme, width = request.param
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with context_of(browser, site.url, **options) as context:
        yield context.new_page()


def enter(site: Site, window: Page, person: Person) -> None:
    """Sign in, without the form: its throttle counts by address."""
    visitor = site.visitor()
    visitor.sign_in(person)
    value = str(visitor.http.cookies["pciops-session"])
    window.context.add_cookies([{"name": "pciops-session", "value": value, "url": site.url}])


def test_the_status_page_is_accessible_and_fits_its_window(
    window: Page, site: Site, cloud: Cloud
) -> None:
    enter(site, window, cloud.create_operator())
    with site.keystone_database.shut():
        window.goto("/status/")

        expect(window.get_by_role("heading", name="Something does not work.")).to_be_visible()
        expect(window.get_by_role("row").nth(1)).to_contain_text("→")
        assert_accessible(window)
        assert_fits(window)


def test_the_menu_of_two_scopes_is_accessible_and_fits_its_window(
    window: Page, site: Site, cloud: Cloud
) -> None:
    ours = cloud.create_domain("ours")
    operator = cloud.create_operator(domain=ours)
    cloud.grant(operator, "reader")
    enter(site, window, operator)
    window.goto("/")
    window.locator(".menu summary").click()

    assert_accessible(window)
    assert_fits(window)
    window.get_by_role("button", name=f"administrator of {ours.name}").click()
    window.locator(".menu summary").click()
    expect(window.locator(".menu .card")).to_contain_text(f"Sees the domain {ours.name}")
