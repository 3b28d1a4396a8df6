"""The status page, the menu and the audit log's page in a real browser, on MariaDB."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.support.browser import assert_good, enter
from tests.support.cloud import Cloud
from tests.support.site import Site

pytestmark = pytest.mark.browser


# --- Status and menu ----------------------------------------------------------------------------
def test_the_status_page_is_accessible_and_fits_its_window(window: Page, site: Site) -> None:
    with site.keystone_database.down():
        window.goto("/status/")

        expect(window.get_by_role("heading", name="pciops has a problem.")).to_be_visible()
        expect(window.get_by_role("row").nth(1).locator(".below")).to_be_visible()
        assert_good(window)


def test_the_menu_of_two_scopes_is_accessible_and_fits_its_window(
    window: Page, site: Site, cloud: Cloud
) -> None:
    domain = cloud.create_domain("ours")
    operator = cloud.create_operator(domain=domain)
    cloud.grant(operator, "reader")
    visitor = site.visitor()
    visitor.sign_in(operator)
    enter(window.context, site.url, visitor.session)
    window.goto("/")
    window.get_by_role("button", name="Account menu").click()

    assert_good(window)
    window.get_by_role("button", name=f"Change to Domain {domain.name}").click()
    window.get_by_role("button", name="Account menu").click()
    expect(window.locator("#user")).to_contain_text(f"Domain {domain.name}")


# --- The audit log ------------------------------------------------------------------------------
def refuse_acts(site: Site, cloud: Cloud, *, times: int = 1, role: str = "reader") -> str:
    """Let a new user try so often to disable an account without the right; return their name."""
    person, victim = cloud.create_operator(role=role), cloud.create_user()
    url = f"{site.url}/api/v1/accounts/{victim.id}/disable"
    headers = {"X-Auth-Token": cloud.token(person)}
    for _ in range(times):
        answer = requests.post(url, json={"reason": "just so"}, headers=headers, timeout=60)
        assert answer.status_code == 403
    return person.name


def test_the_audit_page_is_accessible_and_fits_its_window(
    window: Page, site: Site, cloud: Cloud
) -> None:
    refuse_acts(site, cloud)
    window.goto("/audit/")

    expect(window.get_by_role("table")).to_be_visible()
    assert_good(window)


def audit_rows(site: Site, cloud: Cloud, **query: str) -> list[dict[str, Any]]:
    """Return rows of the audit log from the API."""
    headers = {"X-Auth-Token": cloud.token(cloud.create_operator())}
    url = f"{site.url}/api/v1/audit"
    rows: list[dict[str, Any]] = requests.get(url, query, headers=headers, timeout=60).json()[
        "events"
    ]
    return rows


def test_the_audit_log_keeps_twenty_refusals_of_one_script(site: Site, cloud: Cloud) -> None:
    name = refuse_acts(site, cloud, times=25, role="helpdesk")
    rows = audit_rows(site, cloud, action="deny", operator=name, limit="100")

    assert len(rows) == 20
    assert {row["outcome"] for row in rows} == {"failure"}
    assert site.manage("verify_audit").code == 0


def test_an_act_with_an_invalid_token_is_in_the_audit_log(site: Site, cloud: Cloud) -> None:
    url = f"{site.url}/api/v1/accounts/{cloud.create_user().id}/disable"
    headers = {"X-Auth-Token": "gAAAAAended", "X-Forwarded-For": "192.0.2.99"}
    answer = requests.post(url, json={"reason": "just so"}, headers=headers, timeout=60)
    rows = audit_rows(site, cloud, action="deny", operator="unknown token")

    assert answer.status_code == 401
    assert "192.0.2.99" in {row["initiator"]["address"] for row in rows}
