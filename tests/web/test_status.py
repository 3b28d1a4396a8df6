"""The status page, for administrators of the whole cloud: findings of the doctor, leftovers."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import Settings

from pciops.accounts.leftovers import LEFTOVERS
from pciops.accounts.models import LeftoverCount
from pciops.lib import doctor
from pciops.lib.doctor import CheckResult, ok, problem, warning
from pciops.web import health
from tests.factories import NOW
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
    [(OK, "pciops works."), (WARNING, "needs attention"), (PROBLEM, "has a problem")],
)
def test_the_page_begins_with_the_worst_finding(
    site: Client, monkeypatch: pytest.MonkeyPatch, finding: CheckResult, answer: str
) -> None:
    assert answer in text(site, monkeypatch, finding)


def test_problems_come_first_with_what_to_do(site: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    page = text(site, monkeypatch, OK, WARNING, PROBLEM)

    assert "Files Problem <script>. <b>Find it." in page
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


# --- Housekeeping -------------------------------------------------------------------------------
def count_leftovers(**numbers: int | None) -> None:
    """Store a count of each leftover: zero, or as given."""
    LeftoverCount.objects.bulk_create(
        LeftoverCount(
            name=leftover.name,
            counted_at=NOW - timedelta(hours=2),
            milliseconds=1,
            number=numbers.get(leftover.name, 0),
            total=12_480 if leftover.counts_all else None,
            reason="pciops' login can't read it." if leftover.name in numbers else "",
        )
        for leftover in LEFTOVERS
    )


def test_leftovers_are_shown_with_their_numbers_and_the_sql(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_leftovers()
    LeftoverCount.objects.filter(name="expired_trusts").update(number=1204)
    page = text(site, monkeypatch, OK)

    assert "counted at 12:02 UTC" in page
    assert re.search(r"Expired and deleted trusts .* 1,204 .* keystone-manage trust_flush", page)
    assert "12,480" in page
    assert page.index("Expired and deleted trusts") < page.index("Revocation events older")
    assert page.count("DELETE FROM trust WHERE") == 2  # once explained
    assert page.count("SQL for a database administrator") == 1


def test_an_unknown_number_is_shown_with_its_reason(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_leftovers(expired_trusts=None)
    page = text(site, monkeypatch, OK)

    assert "– Not counted. pciops' login can't read it." in page


def test_before_the_first_count_no_number_is_shown(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = text(site, monkeypatch, OK)

    assert "Expired and deleted trusts" in page
    assert page.count("– Not counted yet.") == len(LEFTOVERS)


def test_the_page_works_without_the_policy(
    site: Client, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.KEYSTONE_CONF = ["/nowhere/keystone.conf"]
    page = text(site, monkeypatch, PROBLEM)

    assert "has a problem" in page
    assert "Housekeeping" not in page


# --- Setup ---------------------------------------------------------------------------------------
def step_findings(*not_done: str) -> list[CheckResult]:
    """Return findings of all checks of the setup, with warnings for these."""
    checks = [name for _, names in health.SETUP for name in names]
    return [replace(WARNING if name in not_done else OK, check=name) for name in checks]


def test_the_setup_is_shown_until_every_step_is_done(
    site: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "run", lambda: step_findings("census", "mail"))
    page = shown(site.get("/status/"))

    assert "4 of 6 steps done" in page
    assert "4 Count the accounts Old. Renew it." in page
    monkeypatch.setattr(doctor, "run", step_findings)
    assert "steps done" not in shown(site.get("/status/"))


def test_the_first_step_that_is_not_done_is_the_next() -> None:
    steps = health.setup_steps(step_findings("census", "mail"))

    assert [step.title for step in steps if step.is_next] == ["Count the accounts"]
