"""The status page: what the doctor says, for administrators of the whole cloud."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils.module_loading import autodiscover_modules

from pciops.lib import doctor
from pciops.lib.doctor import CheckResult, ok, problem, warning
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture(autouse=True)
def _no_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry as it would be without any package."""
    autodiscover_modules("doctor")  # now, not at the first look: it would fill the empty registry
    monkeypatch.setattr(doctor, "_checks", {})


def say(*findings: CheckResult) -> None:
    """Let the doctor find this."""
    doctor.check("files")(lambda: findings)


@pytest.mark.parametrize(
    ("finding", "answer"),
    [
        (ok("Fine."), "All is in order."),
        (warning("Old.", "Renew it."), "It works, and something should be looked at."),
        (problem("Gone.", "Find it."), "Something does not work."),
    ],
)
def test_the_page_begins_with_the_worst(site: Client, finding: CheckResult, answer: str) -> None:
    say(finding)

    assert answer in shown(site.get("/status/"))


def test_each_finding_has_what_to_do_beside_it(site: Client) -> None:
    say(problem("Gone.", "Find it."))

    assert "Files ✗ Problem Gone. → Find it." in shown(site.get("/status/"))


def test_problems_come_first(site: Client) -> None:
    say(ok("Fine."), warning("Old.", "Renew it."), problem("Gone.", "Find it."))
    page = shown(site.get("/status/"))

    assert page.index("Gone.") < page.index("Old.") < page.index("Fine.")


def test_what_a_server_says_is_text(site: Client) -> None:
    say(problem("<script>", "<b>"))

    assert "&lt;script&gt;" in site.get("/status/").content.decode()


def test_the_menu_leads_there(site: Client) -> None:
    assert 'href="/status/"' in site.get("/").content.decode()


@pytest.mark.parametrize(
    "roles", [{"system": {"reader"}}, {"system": {"helpdesk"}}, {"default": {"admin"}}]
)
def test_the_menu_of_others_does_not(
    fake_keystone: FakeKeystone, roles: dict[str, set[str]]
) -> None:
    browser = signed_in(fake_keystone.person(roles=roles))

    assert 'href="/status/"' not in browser.get("/").content.decode()


def test_an_administrator_of_a_domain_is_told_what_it_takes(fake_keystone: FakeKeystone) -> None:
    browser = signed_in(fake_keystone.person(roles={"default": {"admin"}}))
    response = browser.get("/status/")

    assert response.status_code == 403
    assert "it takes the role admin on the system" in shown(response)
