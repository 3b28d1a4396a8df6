"""The policy page: rules against PCI DSS, values with their sources, and the what-if form."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from pciops.accounts.policy.compliance import SUGGESTED_REGEX
from tests.accounts.conf import HIDDEN, write
from tests.accounts.conf import conf as conf
from tests.factories import NOW, grant, make_user
from tests.signin.visit import shown

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

DAY = timedelta(days=1)
GOOD = {
    "lockout_failure_attempts": "10",
    "disable_user_account_days_inactive": "90",
    "password_expires_days": "90",
    "unique_last_password_count": "4",
    "password_regex": SUGGESTED_REGEX,
    "change_password_upon_first_use": "yes",
}


def text(site: Client, query: str = "") -> str:
    """Return the page as text."""
    return shown(site.get(f"/policy/{query}"))


def html(site: Client, query: str = "") -> str:
    """Return the page as HTML."""
    return site.get(f"/policy/{query}").content.decode()


# --- Rules --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("overrides", "terms"),
    [
        (GOOD, ["6 of 6 rules pass"]),
        (
            GOOD | {"password_expires_days": "91"},
            [
                "5 of 6 rules pass",
                "[security_compliance] password_expires_days = 90",
                "Fails That is too late: set password_expires_days to at most 90.",
            ],
        ),
        (
            {"lockout_duration": "1800"},
            [
                "0 of 6 rules pass: Keystone enforces nothing",
                "lockout_failure_attempts = 10 change_password_upon_first_use = true",
            ],
        ),
        ({"lockout_failure_attempts": "20"}, ["0 of 6 rules pass."]),
        (
            GOOD | {"password_regex": "^.{9,}$"},
            [
                "7 letters and digits: refused",
                "11 letters and digits: accepted, such as abcdefgh123",
            ],
        ),
    ],
)
def test_each_rule_has_its_result_and_what_to_set(
    site: Client, settings: Settings, overrides: dict[str, str], terms: list[str]
) -> None:
    settings.POLICY_OVERRIDES = overrides
    page = text(site)

    assert [term for term in terms if term not in page] == []
    assert ("Fails" in page) is (overrides != GOOD)
    assert ("set this in keystone.conf" in page) is (overrides != GOOD)
    assert ("enforces nothing" in page) is ("lockout_duration" in overrides)


def test_every_value_has_its_source_and_the_secret_is_not_shown(
    site: Client, settings: Settings, conf: Path
) -> None:
    settings.KEYSTONE_CONF = [str(conf)]
    settings.POLICY_OVERRIDES = {"lockout_duration": "900"}
    page = text(site)

    assert f"lockout_failure_attempts {conf} lockout_duration PCIOPS_POLICY_LOCKOUT_DURA" in page
    assert f"minimum_password_age 1 {conf}" in page
    assert "invalid_password_hash_secret_key set, not shown" in page
    assert HIDDEN not in page


@pytest.mark.parametrize(("days", "agree"), [("90", True), ("30", False)])
def test_files_that_disagree_are_a_warning(
    site: Client,
    settings: Settings,
    tmp_path: Path,
    days: str,
    agree: bool,  # noqa: FBT001 (a parameter of the table)
) -> None:
    first = write(tmp_path / "a.conf", "password_expires_days = 90")
    second = write(tmp_path / "b.conf", f"password_expires_days = {days}")
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = [first, second], {}
    page = text(site)

    assert ("The files disagree" in page) is not agree
    assert (f"password_expires_days : 90 in {first} , {days} in {second}" in page) is not agree


def test_values_are_escaped_and_option_names_monospaced(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"password_regex": "<b>(", "password_regex_description": "<i>x"}
    page = html(site)

    assert "<b>(" not in page
    assert "<i>x" not in page
    assert "&lt;b&gt;(" in page
    assert "set <code>lockout_failure_attempts</code> to 1 to 10" in page


def test_an_administrator_of_a_domain_may_see_it(shops: Client) -> None:
    assert "rules pass" in text(shops)


def test_a_policy_that_cannot_be_read_is_named_with_its_line(
    site: Client, settings: Settings, tmp_path: Path
) -> None:
    path = write(tmp_path / "k.conf", "lockout_duration = long")
    settings.KEYSTONE_CONF, settings.POLICY_OVERRIDES = [path], {}
    response = site.get("/policy/")

    assert response.status_code == 503
    assert f"{path}, line 2, where lockout_duration" in shown(response)


# --- What if ------------------------------------------------------------------------------------
@pytest.fixture
def _policy(settings: Settings) -> None:
    """Six failures lock, and inactivity is not limited."""
    settings.POLICY_OVERRIDES = {"lockout_failure_attempts": "6", "password_expires_days": "90"}


what_if = pytest.mark.usefixtures("_policy")
INACTIVE = "?disable_user_account_days_inactive=30"


@what_if
def test_the_form_has_the_current_values_and_those_of_pci_dss(site: Client) -> None:
    page = html(site)

    assert 'name="lockout_failure_attempts" value="6"' in page
    assert 'name="lockout_duration" value="1800"' in page
    assert 'name="disable_user_account_days_inactive" value=""' in page
    assert "Stop today" not in page
    assert (
        '"?lockout_failure_attempts=6&amp;lockout_duration=1800&amp;'
        'disable_user_account_days_inactive=90&amp;password_expires_days=90#what-if"'
    ) in page


@what_if
@pytest.mark.parametrize("query", ["", "?unknown=1"])
def test_without_a_proposal_keystones_database_is_not_asked(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries, query: str
) -> None:
    with django_assert_num_queries(0, using="keystone"):
        assert site.get(f"/policy/{query}").status_code == 200


@what_if
def test_the_answer_has_numbers_and_privileged_accounts(site: Client) -> None:
    root = make_user("root", created_at=NOW - 40 * DAY, last_active_at=None)
    nova = make_user("nova", last_active_at=(NOW - 20 * DAY).date())
    grant(root)
    grant(nova, "service")
    page = text(site, INACTIVE)

    assert "Today 1 account would stop, an administrator." in page
    assert "2 accounts would stop, including 1 administrator" in page
    assert "disable_user_account_days_inactive off becomes 30" in page
    assert "lockout_failure_attempts 6, as now" in page
    assert "Inactive today never created on 13 Oct 2026" in page
    assert "Inactive 2 Dec 2026 in 10 days 2 Nov 2026 20 days ago" in page
    assert "For 1 of these accounts no sign-in is recorded" in page
    assert f'href="/accounts/{root.id}/"' in html(site, INACTIVE)
    assert 'name="disable_user_account_days_inactive" value="30"' in html(site, INACTIVE)


@what_if
@pytest.mark.parametrize(
    ("query", "facts", "terms"),
    [
        (
            "?lockout_failure_attempts=3",
            {"failed_auth_at": NOW - timedelta(minutes=10)},
            ["Locked today locked until 14:22 UTC"],
        ),
        (
            f"{INACTIVE}&lockout_failure_attempts=3",
            {"failed_auth_at": NOW, "last_active_at": NOW.date()},
            ["Inactive today locked until 14:32 UTC inactive on 22 Dec 2026"],
        ),
        (
            "?lockout_failure_attempts=6",
            {"failed_auth_count": 6, "failed_auth_at": NOW},
            ["nothing would change"],
        ),
        (
            "?password_expires_days=20",
            {},
            [
                "No account would stop today",
                "1 password in use is older than 20 days",
                "would expire on 12 Dec 2026",
            ],
        ),
    ],
)
def test_the_answer_says_when_accounts_stop(
    site: Client, query: str, facts: dict[str, Any], terms: list[str]
) -> None:
    grant(make_user("root", **{"failed_auth_count": 3, **facts}))
    page = text(site, query)

    assert [term for term in terms if term not in page] == []


@what_if
@pytest.mark.parametrize("value", ["0", "-3", "ten", "1000001", '"><b>'])
def test_an_invalid_value_is_refused_by_name(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries, value: str
) -> None:
    query = {"lockout_failure_attempts": value, "lockout_duration": "60"}
    with django_assert_num_queries(0, using="keystone"):
        response = site.get("/policy/", query)
    page = response.content.decode()

    assert response.status_code == 400
    assert f"lockout_failure_attempts : '{value}'" in shown(response)
    assert 'name="lockout_duration" value="60"' in page
    assert ('name="lockout_failure_attempts" value="ten"' in page) is (value == "ten")
    assert "<b>" not in page


def test_a_lock_without_a_duration_is_not_off(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_failure_attempts": "6", "lockout_duration": "off"}
    page = text(site, "?lockout_failure_attempts=5")

    assert "lockout_duration now until an operator unlocks" in page
    assert "a lock lasts until an operator unlocks the account" in page
