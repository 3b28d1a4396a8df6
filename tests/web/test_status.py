"""The status page: the findings of the doctor, for administrators of the whole cloud."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test import Client

from pciops.lib import doctor
from pciops.lib.doctor import CheckResult, ok, problem, warning
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

OK = ok("Fine.")
WARNING = warning("Old.", "Renew it.")
PROBLEM = problem("<script>.", "<b>Find it.")


def text(site: Client, monkeypatch: pytest.MonkeyPatch, *findings: CheckResult) -> str:
    """Return the page for these findings."""
    named = [replace(finding, check="files") for finding in findings]
    monkeypatch.setattr(doctor, "run", lambda: named)
    response = site.get("/status/")

    assert "<script>." not in response.content.decode()
    return shown(response)


@pytest.mark.parametrize(
    ("finding", "answer"),
    [(OK, "in order"), (WARNING, "should be looked at"), (PROBLEM, "does not work")],
)
def test_the_page_begins_with_the_worst_finding(
    site: Client, monkeypatch: pytest.MonkeyPatch, finding: CheckResult, answer: str
) -> None:
    assert answer in text(site, monkeypatch, finding)


def test_problems_come_first_with_what_to_do(site: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    page = text(site, monkeypatch, OK, WARNING, PROBLEM)

    assert "Files ✗ Problem <script>. → <b>Find it." in page
    assert page.index("<script>.") < page.index("Old.") < page.index("Fine.")


@pytest.mark.parametrize(
    ("roles", "linked"),
    [
        ({"system": {"admin"}}, True),
        ({"system": {"reader"}}, False),
        ({"system": {"helpdesk"}}, False),
        ({"default": {"admin"}}, False),
    ],
)
def test_only_the_menu_of_administrators_of_the_cloud_links_to_it(
    fake_keystone: FakeKeystone,
    roles: dict[str, set[str]],
    linked: bool,  # noqa: FBT001 (a parameter of the table)
) -> None:
    browser = signed_in(fake_keystone.person(roles=roles))

    assert ('href="/status/"' in browser.get("/").content.decode()) is linked


def test_an_administrator_of_a_domain_is_told_the_role_it_takes(shops: Client) -> None:
    response = shops.get("/status/")

    assert response.status_code == 403
    assert "role admin on the system" in shown(response)
