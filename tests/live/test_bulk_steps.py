"""A lockout storm in a real browser: a whole list unlocked, seen under way, and stopped."""

from __future__ import annotations

import itertools
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, Route, expect

from tests.live.test_bulk import fill_in
from tests.live.test_main_job import operator as operator
from tests.live.test_main_job import plain_page as plain_page
from tests.live.test_main_job import session as session
from tests.live.test_main_job import sign_in
from tests.live.test_main_job import signed_in as signed_in
from tests.support.browser import LOOKS, assert_accessible, assert_fits, context_of
from tests.support.cloud import Cloud, Person
from tests.support.site import Site

pytestmark = pytest.mark.browser

STORM = 120
_storms = itertools.count(1)


@pytest.fixture
def storm(cloud: Cloud) -> Any:
    """A domain in which 120 accounts were locked within a minute."""
    domain = cloud.create_domain(f"storm-{next(_storms)}")
    people = ", ".join(
        f"(MD5('{domain.id}{number}'), '{{}}', 1, '{domain.id}')" for number in range(STORM)
    )
    cloud.sql(f"INSERT INTO user (id, extra, enabled, domain_id) VALUES {people}")  # noqa: S608
    names = ", ".join(
        f"(MD5('{domain.id}{number}'), '{domain.id}', 'person-{number:03}', 3, UTC_TIMESTAMP())"
        for number in range(STORM)
    )
    columns = "user_id, domain_id, name, failed_auth_count, failed_auth_at"
    cloud.sql(f"INSERT INTO local_user ({columns}) VALUES {names}")  # noqa: S608
    return domain


def locked(cloud: Cloud, domain: Any) -> int:
    """How many of the domain still are."""
    return len(
        cloud.sql(
            "SELECT 1 FROM local_user WHERE domain_id = %s AND failed_auth_count = 3", domain.id
        )
    )


def rows(cloud: Cloud, domain: Any) -> int:
    """How many unlocks the trail has that succeeded."""
    return len(
        cloud.database.execute(
            "SELECT 1 FROM audit_event WHERE action = 'unlock' AND outcome = 'success'"
            " AND target_domain_id = %s",
            domain.id,
            database="pciops",
        )
    )


def order(page: Page, domain: Any) -> None:
    """Choose the whole list of the domain, and order its unlock."""
    page.goto(f"/accounts/?state=locked&domain={domain.id}")
    page.get_by_role("button", name="Unlock all of this list").click()
    fill_in(page, "Lockout storm: a proxy with an old password")
    page.get_by_role("button", name=f"Unlock {STORM} accounts").click()


def test_a_whole_list_is_unlocked_without_javascript(
    plain_page: Page, cloud: Cloud, operator: Person, storm: Any
) -> None:
    sign_in(plain_page, operator)
    order(plain_page, storm)
    expect(plain_page.get_by_role("heading", name=f"Unlocking {STORM} accounts")).to_be_visible()
    expect(plain_page.get_by_role("progressbar")).to_be_visible()

    done = plain_page.get_by_role("heading", name=f"{STORM} of {STORM} accounts unlocked")
    expect(done).to_be_visible(timeout=180_000)
    assert (locked(cloud, storm), rows(cloud, storm)) == (0, STORM)


def test_it_stops_between_two_accounts(signed_in: Page, cloud: Cloud, storm: Any) -> None:
    order(signed_in, storm)
    signed_in.get_by_role("button", name="Stop").click()

    expect(signed_in.get_by_role("alert")).to_contain_text("You stopped it.")
    signed_in.reload()
    heading = signed_in.get_by_role("heading", level=1).inner_text()
    unlocked = int(heading.split()[0])
    assert 0 < unlocked < STORM
    assert (locked(cloud, storm), rows(cloud, storm)) == (STORM - unlocked, unlocked)


def test_four_windows_unlock_nothing_twice(
    signed_in: Page, site: Site, session: str, cloud: Cloud, storm: Any
) -> None:
    order(signed_in, storm)
    signed_in.wait_for_url(re.compile("/accounts/unlocks/"))
    address = signed_in.url
    signed_in.close()

    def look(_: int) -> str:
        while True:
            page = requests.get(address, cookies={"pciops-session": session}, timeout=60)
            if "Refresh" not in page.headers:
                return page.text

    with ThreadPoolExecutor(4) as windows:
        pages = list(windows.map(look, range(4)))

    assert all(f"{STORM} of {STORM} accounts unlocked" in page for page in pages)
    acts = cloud.database.execute(
        "SELECT outcome, COUNT(*) AS number FROM audit_event WHERE action = 'unlock'"
        " AND target_domain_id = %s GROUP BY outcome",
        storm.id,
        database="pciops",
    )
    assert [(row["outcome"], row["number"]) for row in acts] == [("success", STORM)]


def hold_still(route: Route) -> None:
    """The page as it is, but it does not load itself again."""
    answer = route.fetch()
    headers = {name: value for name, value in answer.headers.items() if name != "refresh"}
    route.fulfill(response=answer, headers=headers)


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_its_progress_is_accessible_and_fits_the_window(
    browser: Browser, site: Site, storm: Any, session: str, scheme: str, width: int
) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with context_of(browser, site.url, **options) as context:
        context.add_cookies([{"name": "pciops-session", "value": session, "url": site.url}])
        page = context.new_page()
        order(page, storm)
        page.wait_for_url(re.compile("/accounts/unlocks/"))
        address = page.url
        page.close()
        page = context.new_page()
        page.route(re.compile("/accounts/unlocks/"), hold_still)
        page.goto(address)

        expect(page.get_by_role("progressbar")).to_be_visible()
        assert_accessible(page)
        assert_fits(page)
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("alert")).to_be_visible()
        assert_accessible(page)
        assert_fits(page)
