"""The trail's page in a real browser, on MariaDB: the days, and who tried what they may not do."""

from __future__ import annotations

import re

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.live.test_status import enter
from tests.live.test_status import window as window
from tests.support.browser import assert_accessible, assert_fits
from tests.support.cloud import Cloud
from tests.support.site import Site

pytestmark = pytest.mark.browser


def refuse(site: Site, cloud: Cloud, *, times: int = 1, role: str = "reader") -> str:
    """Let somebody try to disable an account so often who may not; their name."""
    person, victim = cloud.create_operator(role=role), cloud.create_user()
    url = f"{site.url}/api/v1/accounts/{victim.id}/disable"
    headers = {"X-Auth-Token": cloud.token(person)}
    for _ in range(times):
        answer = requests.post(url, json={"reason": "just so"}, headers=headers, timeout=60)
        assert answer.status_code == 403
    return person.name


def test_the_page_is_accessible_and_fits_its_window(window: Page, site: Site, cloud: Cloud) -> None:
    refuse(site, cloud)
    enter(site, window, cloud.create_operator())
    window.goto("/audit/")

    expect(window.get_by_role("heading", name="Day by day")).to_be_visible()
    wide = (window.viewport_size or {"width": 0})["width"] > 700  # else the table alone
    expect(window.locator("svg:visible")).to_have_count(int(wide))
    assert_accessible(window)
    assert_fits(window)
    window.get_by_text("As a table, with the rows of each day").click()
    assert_accessible(window)
    assert_fits(window)
    window.get_by_role("table").get_by_role("link").last.click()
    expect(window).to_have_url(re.compile(r"from=(\S+)&to=\1$"))


def test_of_a_script_that_is_refused_the_trail_takes_twenty_rows(site: Site, cloud: Cloud) -> None:
    name = refuse(site, cloud, times=25, role="helpdesk")
    headers = {"X-Auth-Token": cloud.token(cloud.create_operator())}
    query = {"action": "deny", "operator": name, "limit": "100"}
    rows = requests.get(f"{site.url}/api/v1/audit", query, headers=headers, timeout=60).json()

    assert len(rows["events"]) == 20
    assert {row["outcome"] for row in rows["events"]} == {"failure"}
    assert site.manage("verify_audit").code == 0


def test_an_act_with_a_token_that_is_none_is_in_the_trail(site: Site, cloud: Cloud) -> None:
    url = f"{site.url}/api/v1/accounts/{cloud.create_user().id}/disable"
    headers = {"X-Auth-Token": "gAAAAAended", "X-Forwarded-For": "192.0.2.99"}
    answer = requests.post(url, json={"reason": "just so"}, headers=headers, timeout=60)
    headers = {"X-Auth-Token": cloud.token(cloud.create_operator())}
    query = {"action": "deny", "operator": "unknown token"}
    rows = requests.get(f"{site.url}/api/v1/audit", query, headers=headers, timeout=60).json()

    assert answer.status_code == 401
    assert "192.0.2.99" in {row["initiator"]["address"] for row in rows["events"]}
