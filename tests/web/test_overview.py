"""The overview: numbers with their lists, accounts in need, policy, forecast, and trends."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from pciops.accounts import overview
from pciops.accounts.census import census
from pciops.accounts.models import Census, CensusCount
from pciops.accounts.policy import policy
from pciops.events.storms import storms
from tests.events.factories import failure, save_attempts
from tests.factories import (
    NOW,
    POLICY,
    PasswordRow,
    grant,
    make_domain,
    make_ldap_user,
    make_locked_user,
    make_project,
    make_user,
)
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, sign_in, signed_in
from tests.web.pages import account_names
from tests.web.test_policy_page import GOOD

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
RULES = {
    "lockout_failure_attempts": "3",
    "lockout_duration": "1800",
    "disable_user_account_days_inactive": "90",
    "password_expires_days": "90",
}
EXPIRED = [PasswordRow(expires_at=NOW - DAY)]
EXPIRING = [PasswordRow(expires_at=NOW + DAY)]
INACTIVE = (NOW - 91 * DAY).date()


@pytest.fixture(autouse=True)
def _rules(settings: Settings) -> None:
    """Turn on every rule that makes a state."""
    settings.POLICY_OVERRIDES = RULES


def take_census(at: datetime = NOW) -> Census:
    """Count the accounts as they are, with this time."""
    return census.keep(census.count(policy=policy.current(), now=at))


def make_past(days_ago: int, **numbers: int) -> None:
    """Store a census of another day with these numbers."""
    past = Census.objects.create(counted_at=NOW - days_ago * DAY, milliseconds=1)
    for state, number in numbers.items():
        CensusCount.objects.create(census=past, domain_id="", state=state, number=number)


def text(site: Client) -> str:
    """Return the page as text."""
    response = site.get("/")
    assert response.status_code == 200
    return shown(response)


def links(site: Client) -> dict[str, str]:
    """Return the URL of each link by its text."""
    found = re.findall(
        r'(?s)<a [^>]*?href="([^"]*)"[^>]*>(.*?)</a>', site.get("/").content.decode()
    )
    return {" ".join(re.sub("<[^>]*>", " ", label).split()): url for url, label in found}


# --- Age of the numbers -------------------------------------------------------------------------
def test_the_head_has_cloud_accounts_domains_and_the_age_of_the_numbers(site: Client) -> None:
    make_user()
    make_ldap_user()
    take_census(NOW - 4 * MINUTE)
    page = text(site)

    assert (
        "Live 14:02:11 UTC Pause 2 accounts in 2 domains Counted at 13:58 UTC , 4 min ago" in page
    )


@pytest.mark.parametrize(("minutes", "old"), [(15, False), (16, True)])
def test_an_old_census_is_a_warning(
    site: Client,
    minutes: int,
    old: bool,  # noqa: FBT001 (a parameter of the table)
) -> None:
    take_census(NOW - minutes * MINUTE)

    assert ("since 13:46 UTC (16 min ago)" in text(site)) is old
    assert ("pciops census" in text(site)) is old


def test_without_a_census_only_live_numbers_are_shown(site: Client) -> None:
    make_locked_user("ann")
    page = text(site)

    assert "pciops census" in page
    assert "Locked 1" in page
    assert "Inactive soon – not counted" in page
    assert "30 min left" in page
    assert 'id="forecast"' not in site.get("/").content.decode()


# --- Numbers ------------------------------------------------------------------------------------
def test_every_number_links_to_its_list(site: Client) -> None:
    take_census(NOW - MINUTE)
    grant(make_locked_user("nova"), "service")  # live, whatever the census says
    assert "Locked 1 1 service" in text(site)
    for name in ("ann", "bob"):
        make_user(name, passwords=EXPIRED)
    make_ldap_user()
    take_census()
    expected = {
        "Locked 1 1 service": "/accounts/?state=locked",
        "Password expired 2": "/accounts/?state=expired",
        "Inactive 0": "/accounts/?state=inactive",
        "Not covered": "/accounts/?state=not_covered",
    }

    assert expected.items() <= links(site).items()
    for url in expected.values():
        assert site.get(url).status_code == 200


@pytest.mark.parametrize(("days", "change"), [(5, False), (7, True), (9, False)])
def test_numbers_are_compared_with_those_of_a_week_ago(
    site: Client,
    days: int,
    change: bool,  # noqa: FBT001 (a parameter of the table)
) -> None:
    make_past(days, inactive=4, expiring=1)
    make_user("ann", last_active_at=INACTIVE)
    make_user("bob", passwords=EXPIRING)
    take_census()

    assert ("Inactive 1 −3 this week" in text(site)) is change
    assert ("this week" in text(site)) is change


def test_the_census_nearest_to_a_week_ago_is_compared() -> None:
    points = [census.TrendPoint(counted_at=NOW - days * DAY, numbers={}) for days in (8, 7.2, 6, 0)]

    assert overview.week_ago(points, NOW.astimezone(UTC)) == points[1]


def test_numbers_have_thousands_separators(site: Client) -> None:
    make_past(0, inactive=12480)

    assert "Inactive 12,480" in text(site)


# --- Accounts that need attention ---------------------------------------------------------------
def test_nothing_needs_attention_only_with_a_fresh_census(site: Client) -> None:
    make_user()
    for age in (None, timedelta(hours=1)):
        if age is not None:
            take_census(NOW - age)
        assert "Nothing needs attention. No account" not in text(site)
        assert "census would say" in text(site)
    take_census()

    assert "Nothing needs attention. No account is locked" in text(site)


def test_accounts_that_need_attention_are_named_with_an_act(site: Client) -> None:
    nova = make_locked_user("nova")
    cinder = make_user("cinder", passwords=EXPIRING)
    for user in (nova, cinder):
        grant(user, "service")
    make_past(1)
    take_census()
    found, page = links(site), text(site)

    assert found["Unlock nova (Default)"] == f"/accounts/{nova.id}/unlock/"
    assert "nova Service Default Locked No expiry 30 min left" in page
    assert found["Review cinder (Default)"] == f"/accounts/{cinder.id}/"
    assert "Password expiring In 1 day, 23 Nov 2026" in page


def test_further_accounts_are_in_the_list_and_names_are_escaped(site: Client) -> None:
    for number in range(12):
        make_locked_user(f"<b>{number}")
    page = site.get("/").content.decode()

    assert links(site)["View all"] == "/accounts/?view=attention"
    assert "<b>1" not in page
    assert "&lt;b&gt;1" in page


# --- A storm ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("address", "term"),
    [("198.51.100.7", "Block in front of Keystone"), ("<script>", "“<script>” (no address)")],
)
def test_a_storm_is_shown_with_its_source_and_privileged_accounts(
    site: Client, address: str, term: str
) -> None:
    assert "Possible attack" not in text(site)
    for number in range(12):
        user = make_locked_user(f"user{number:02}", at=NOW - MINUTE)
        save_attempts(user.id, [failure(60, "Summer", address=address, count=3)])
        if number == 7:
            grant(user, "admin", on=make_project("ops"))
    storms.watch(policy=POLICY, now=NOW)
    page = text(site)

    assert "12 accounts locked" in page
    assert address in page
    assert term in page
    assert "<script>" not in site.get("/").content.decode()
    assert "administrators and service accounts: user07" in page


# --- Policy -------------------------------------------------------------------------------------
def test_each_requirement_has_its_result_and_short_value(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {**GOOD, "lockout_duration": "60", "password_expires_days": "91"}
    page = text(site)

    assert "passes: 8.2.6 Inactive accounts 90 days" in page
    assert "fails: 8.3.4 Lockout 10 attempts, 1 min" in page
    assert "passes: 8.3.6 Password strength strong" in page
    assert "passes: 8.3.7 Password history last 4" in page
    assert "fails: 8.3.9 Password age 91 days" in page
    assert "/policy/" in links(site).values()


def test_without_rules_keystone_enforces_nothing(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_duration": "1800"}
    take_census()

    assert "Keystone enforces nothing" in text(site)
    assert "Keystone locks no account" in text(site)


# --- Forecast -----------------------------------------------------------------------------------
def test_the_forecast_is_a_chart_and_a_table(site: Client) -> None:
    make_user("ann", passwords=EXPIRING)
    make_user("bob", last_active_at=(NOW - 88 * DAY).date())
    take_census()
    page = text(site)

    assert "Passwords expire 1 Accounts become inactive 1" in page
    assert "Today 0 0 Mon 23 1 0 Tue 24 0 1" in page
    assert "Sat 28 0 0" in page
    assert "Sun 29" not in page


def test_each_bar_and_figure_links_to_the_accounts_that_it_counts(site: Client) -> None:
    make_user("ann", passwords=EXPIRING)
    make_user("bob", last_active_at=(NOW - 88 * DAY).date())
    late = PasswordRow(created_at=NOW, expires_at=NOW + 9 * DAY)
    make_user("cyd", passwords=[late])
    take_census()
    links = set(re.findall(r'href="/accounts/(\?state=[^"]*(?:on|within)=[^"]*)"', page_of(site)))
    listed = {
        html.unescape(link): account_names(site.get(f"/accounts/{html.unescape(link)}"))
        for link in links
    }

    assert listed == {
        "?state=expiring&within=7": ["ann"],
        "?state=inactive_soon&within=7": ["bob"],
        "?state=expiring&on=2026-11-23": ["ann"],
        "?state=inactive_soon&on=2026-11-24": ["bob"],
    }


def page_of(site: Client) -> str:
    return site.get("/").content.decode()


@pytest.mark.parametrize(
    ("later", "terms"),
    [
        (timedelta(0), ["No password expires, and no account becomes inactive"]),
        (20 * DAY, ["too old"]),
    ],
)
def test_a_forecast_without_numbers_says_why(
    site: Client, clock: time_machine.Traveller, later: timedelta, terms: list[str]
) -> None:
    make_user()
    take_census()
    clock.shift(later)
    sign_in(site)

    assert [term for term in terms if term not in text(site)] == []


def test_a_forecast_of_yesterday_begins_today(site: Client, clock: time_machine.Traveller) -> None:
    make_user("ann", passwords=EXPIRING)
    take_census()
    clock.shift(timedelta(hours=10))
    sign_in(site)
    page = text(site)

    assert "Today 1 0 Tue 24 0 0" in page
    assert "Sun 22" not in page


# --- Trends -------------------------------------------------------------------------------------
def test_a_number_has_the_line_of_the_last_weeks(site: Client) -> None:
    make_past(2, inactive=4)
    make_past(1, inactive=9)
    make_user("ann", last_active_at=INACTIVE)
    take_census()
    page = page_of(site)

    assert "Inactive accounts: 4 at first, 1 at last, 1 to 9 between" in page
    assert page.count('<svg class="spark') == 6


def test_without_two_days_there_is_no_line(site: Client) -> None:
    make_past(40, inactive=4)
    take_census()

    assert '<svg class="spark' not in page_of(site)


# --- Scope, cost, and links ---------------------------------------------------------------------
def test_an_administrator_of_a_domain_sees_only_that_domain(fake_keystone: FakeKeystone) -> None:
    make_domain("shop", "Shop")
    make_locked_user("ours")
    make_locked_user("theirs", domain_id="shop")
    make_user("gone", domain_id="shop", passwords=EXPIRED)
    take_census()
    page = text(signed_in(fake_keystone.person(roles={"default": {"admin"}})))

    assert "1 account in Default" in page
    assert "Locked 1" in page
    assert "Password expired 0" in page
    assert "theirs" not in page


@pytest.mark.parametrize("accounts", [1, 12])
def test_queries_do_not_depend_on_the_number_of_accounts(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries, accounts: int
) -> None:
    """Of Keystone's database: the scan and the privileges of its accounts (4); accounts, options,
    passwords, and their privileges (4). Of ours: session and operator; the census, its domains,
    numbers, accounts in need, and days; the days of the trend, their censuses and numbers;
    notifications (2); a storm; a failed check; causes of
    locks; alerts (4).
    """
    for number in range(accounts):
        grant(make_locked_user(f"user-{number}", options={"1001": True}), "service")
    make_past(7)
    take_census()
    site.get("/")  # notes once a minute that Keystone's database answers

    with django_assert_num_queries(12, using="keystone"):
        site.get("/")
    with django_assert_num_queries(26, using="default"):
        site.get("/")


@pytest.mark.parametrize("url", ["/", "/policy/"])
def test_the_menu_links_to_it(site: Client, url: str) -> None:
    link = f'<a class="nav-link" href="{url}"'

    assert f"{link}>" in site.get("/accounts/").content.decode()
    assert re.search(f'{link} aria-current="(page|true)">', str(site.get(url).content))
