"""The overview: what needs a person, numbers that lead to lists, the policy, the days to come."""

from __future__ import annotations

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
from tests.factories import (
    NOW,
    PasswordRow,
    grant,
    make_domain,
    make_ldap_user,
    make_locked_user,
    make_user,
)
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import shown, signed_in
from tests.web.test_outages import get_while_down
from tests.web.test_policy_page import GOOD

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

DAY = timedelta(days=1)
RULES = {
    "lockout_failure_attempts": "3",
    "lockout_duration": "1800",
    "disable_user_account_days_inactive": "90",
    "password_expires_days": "90",
}


@pytest.fixture(autouse=True)
def _rules(settings: Settings) -> None:
    """Every rule that makes a state is on."""
    settings.POLICY_OVERRIDES = RULES


def take_census(at: datetime = NOW) -> Census:
    """Count what is in the tables, as if at this instant."""
    return census.keep(census.count(policy=policy.current(), now=at))


def make_past(days_ago: int, *, cloud: str = "", **numbers: int) -> None:
    """A census of another day with these numbers."""
    past = Census.objects.create(counted_at=NOW - days_ago * DAY, milliseconds=1)
    for state, number in numbers.items():
        CensusCount.objects.create(census=past, domain_id=cloud, state=state, number=number)


def page(site: Client) -> str:
    """The text of the page."""
    response = site.get("/")

    assert response.status_code == 200
    return shown(response)


def links(site: Client) -> dict[str, str]:
    """Words of each link → where it leads."""
    found = re.findall(
        r'(?s)<a [^>]*?href="([^"]*)"[^>]*>(.*?)</a>', site.get("/").content.decode()
    )
    return {" ".join(re.sub("<[^>]*>", " ", words).split()): url for url, words in found}


# --- How fresh it is ----------------------------------------------------------------------------
def test_the_head_says_what_it_is_of_and_how_old(site: Client) -> None:
    make_user()
    make_ldap_user()
    take_census(NOW - timedelta(minutes=4))

    assert (
        "OpenStack · 2 accounts in 2 domains · locked is live at 14:02:11 UTC, "
        "the rest counted at 13:58:11 UTC, 4 min ago"
    ) in page(site)


def test_a_census_of_now_is_no_warning(site: Client) -> None:
    take_census(NOW - timedelta(minutes=15))

    assert "census has not run" not in page(site)


def test_a_census_that_stopped_is_said(site: Client) -> None:
    take_census(NOW - timedelta(minutes=16))

    assert (
        "The census has not run since 13:46:11 UTC (16 min ago), so these numbers are old. "
        "Start it: manage.py census"
    ) in page(site)


def test_without_a_census_the_page_says_how_to_get_one(site: Client) -> None:
    make_locked_user("ann")
    text = page(site)

    assert "Nobody has counted the accounts yet: manage.py census does." in text
    assert "1 Locked" in text
    assert "not counted: Inactive soon" in text
    assert "until 14:32:11 UTC (30 min from now)" in text
    assert "The next seven days" not in text


# --- Numbers ------------------------------------------------------------------------------------
def test_locked_is_live_whatever_the_census_says(site: Client) -> None:
    take_census()
    make_locked_user()

    assert "1 Locked" in page(site)


@pytest.mark.parametrize(
    ("words", "url"),
    [
        ("1 Locked", "/accounts/?state=locked"),
        ("2 Password expired", "/accounts/?state=expired"),
        ("1 service account locked", "/accounts/?state=locked&amp;kind=service"),
        ("0 Inactive", "/accounts/?state=inactive"),
        ("Not covered", "/accounts/?state=not_covered"),
    ],
)
def test_every_number_leads_to_its_list(site: Client, words: str, url: str) -> None:
    grant(make_locked_user("nova"), "service")
    for name in ("ann", "bob"):
        make_user(name, passwords=[PasswordRow(expires_at=NOW - DAY)])
    take_census()

    assert links(site)[words] == url
    assert site.get(url.replace("&amp;", "&")).status_code == 200


def test_a_number_is_held_against_a_week_ago(site: Client) -> None:
    make_past(7, inactive=4, expiring=1)
    make_user("ann", last_active_at=(NOW - 91 * DAY).date())
    make_user("bob", passwords=[PasswordRow(expires_at=NOW + DAY)])
    take_census()

    assert "1 Password expiring 1 Inactive −3 this week" in page(site)


@pytest.mark.parametrize("days", [5, 9])
def test_a_census_that_is_not_of_a_week_ago_is_no_measure(site: Client, days: int) -> None:
    make_past(days, inactive=4)
    take_census()

    assert "this week" not in page(site)


def test_large_numbers_can_be_read(site: Client) -> None:
    make_past(0, inactive=12480)

    assert "12,480 Inactive" in page(site)


# --- What needs a person ------------------------------------------------------------------------
def test_nothing_is_an_answer(site: Client) -> None:
    make_user()
    take_census()

    assert (
        "✓ Nothing needs a person now. No account is locked, and no exempt one is under attack; "
        "no administrator or service account is about to stop."
    ) in page(site)


@pytest.mark.parametrize(("age", "who"), [(None, "the"), (timedelta(hours=1), "a newer")])
def test_nothing_is_not_claimed_without_a_fresh_census(
    site: Client, age: timedelta | None, who: str
) -> None:
    if age is not None:
        take_census(NOW - age)
    text = page(site)

    assert "Nothing needs a person now." not in text
    assert "Nothing that is read live needs a person." in text
    assert f"service accounts are about to stop, {who} census would say." in text


def test_who_needs_a_person_is_named_with_the_act(site: Client) -> None:
    nova = make_locked_user("nova")
    grant(nova, "service")
    cinder = make_user("cinder", passwords=[PasswordRow(expires_at=NOW + DAY)])
    grant(cinder, "service")
    make_past(1)
    take_census()
    found = links(site)

    assert found["Unlock… nova (Default)"] == f"/accounts/{nova.id}/unlock/"
    assert "nova Default service account ✗ Locked until 14:32:11 UTC" in page(site)


def test_who_will_stop_is_looked_at(site: Client) -> None:
    cinder = make_user("cinder", passwords=[PasswordRow(expires_at=NOW + DAY)])
    grant(cinder, "service")
    take_census()

    assert links(site)["Look at cinder (Default)"] == f"/accounts/{cinder.id}/"
    assert (
        "⚠ Password expiring the password expires at 23 Nov 2026, 14:02:11 UTC (1 day from now)"
    ) in page(site)


def test_more_locked_accounts_than_are_shown_are_a_link(site: Client) -> None:
    for number in range(12):
        make_locked_user(f"user-{number}")

    assert links(site)["2 more locked accounts"] == "/accounts/?state=locked"


# --- Policy -------------------------------------------------------------------------------------
def test_the_policy_is_held_against_pci_dss(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {**GOOD, "lockout_duration": "60", "password_expires_days": "91"}
    text = page(site)

    assert "8.2.6 Inactive accounts ✓ passes: 90 days" in text
    assert "8.3.4 Lockout ✗ fails: 10 tries, 1 min" in text
    assert "8.3.6 Password strength ✓ passes: strong" in text
    assert "8.3.7 Password history ✓ passes: last 4" in text
    assert "8.3.9 Password age ✗ fails: 91 days" in text
    assert links(site)["The whole policy, and what to set"] == "/policy/"


def test_with_everything_off_keystone_enforces_nothing(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_duration": "1800"}
    take_census()
    text = page(site)

    assert "Keystone enforces nothing: no rule is on." in text
    assert "Keystone locks nobody: the rule is off; no administrator" in text


# --- The days to come ---------------------------------------------------------------------------
def test_the_days_to_come_are_a_chart_and_a_table(site: Client) -> None:
    make_user("ann", passwords=[PasswordRow(expires_at=NOW + DAY)])
    make_user("bob", last_active_at=(NOW - 88 * DAY).date())
    take_census()
    text = page(site)

    assert "The next seven days Passwords expire : 1 Accounts become inactive : 1" in text
    assert "Day Passwords expire Accounts become inactive Today 0 0 Mon 23 1 0 Tue 24 0 1" in text
    assert "Sat 28 0 0" in text
    assert "Sun 29" not in text


def test_days_without_anything_are_said(site: Client) -> None:
    make_user()
    take_census()

    assert "No password expires, and no account becomes inactive." in page(site)


def test_a_forecast_of_yesterday_begins_today(site: Client, clock: time_machine.Traveller) -> None:
    make_user("ann", passwords=[PasswordRow(expires_at=NOW + DAY)])
    take_census()
    clock.move_to(NOW + timedelta(hours=10))
    site = signed_in_again(site)
    text = page(site)

    assert "Today 1 0 Tue 24 0 0" in text
    assert "Sun 22" not in text


def test_a_forecast_that_has_run_out_is_said(site: Client, clock: time_machine.Traveller) -> None:
    make_user()
    take_census()
    clock.move_to(NOW + 20 * DAY)
    site = signed_in_again(site)

    assert "The census is too old to tell." in page(site)


def signed_in_again(site: Client) -> Client:
    """The same person, some hours later."""
    site.post("/signin/", {"name": "ada", "password": "right horse", "domain": "Default"})
    return site


# --- The weeks that were ------------------------------------------------------------------------
def test_the_last_weeks_are_lines_and_a_table(site: Client) -> None:
    make_past(2, inactive=4)
    make_past(1, inactive=9)
    make_user("ann", last_active_at=(NOW - 91 * DAY).date())
    take_census()
    text = page(site)

    assert "Inactive 1 from 4 Inactive accounts: 4 at first, 1 at last, 1 to 9 between" in text
    assert "20 Nov 2026 to 22 Nov 2026, the last census of each day." in text
    assert (
        "Day Locked Inactive Expired Expiring 22 Nov 0 1 0 0 21 Nov 0 9 0 0 20 Nov 0 4 0 0" in text
    )


def test_one_day_is_no_trend(site: Client) -> None:
    take_census()

    assert "Counted since 14:02:11 UTC: lines appear once there are two days of it." in page(site)


def test_of_a_census_long_ago_there_is_no_line(site: Client) -> None:
    make_past(40, inactive=4)

    assert "No census in the last 28 days." in page(site)


# --- Who sees what ------------------------------------------------------------------------------
def test_an_administrator_of_a_domain_sees_that_domain(fake_keystone: FakeKeystone) -> None:
    make_domain("shop", "Shop")
    make_locked_user("ours")
    make_locked_user("theirs", domain_id="shop")
    make_user("gone", domain_id="shop", passwords=[PasswordRow(expires_at=NOW - DAY)])
    take_census()
    site = signed_in(fake_keystone.person(roles={"default": {"admin"}}))
    text = page(site)

    assert "OpenStack · domain Default · 1 account · locked is live" in text
    assert "1 Locked" in text
    assert "0 Password expired" in text
    assert "theirs" not in text


def test_a_name_of_somebody_else_is_text(site: Client) -> None:
    make_locked_user("<b>x")

    assert b"<b>x" not in site.get("/").content
    assert b"&lt;b&gt;x" in site.get("/").content


# --- What it costs, and what is down ------------------------------------------------------------
@pytest.mark.parametrize("accounts", [1, 12])
def test_the_page_takes_as_many_queries_for_any_number(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries, accounts: int
) -> None:
    for number in range(accounts):
        grant(make_locked_user(f"user-{number}", options={"1001": True}), "service")
    make_past(7)
    take_census()
    site.get("/")  # notes that Keystone's database answers: once a minute and process

    # The scan, and why those found matter (4); accounts, options, passwords, and
    # why they matter (4).
    with django_assert_num_queries(12, using="keystone"):
        site.get("/")
    # The session and the operator, and the session's new end (3); the census, its domains,
    # numbers, attention and days; of the weeks the days, their censuses and numbers;
    # whether notifications come in, until when they did, and when the last one came;
    # a storm.
    with django_assert_num_queries(17, using="default"):
        site.get("/")


def test_the_page_is_in_no_cache(site: Client) -> None:
    assert "no-store" in site.get("/")["Cache-Control"]


def test_keystones_database_down_is_said(site: Client) -> None:
    response = get_while_down(site, "keystone", "/")

    assert response.status_code == 503
    assert "Keystone's database does not answer" in shown(response)


def test_our_own_database_down_is_said(site: Client) -> None:
    assert get_while_down(site, "default", "/").status_code == 503


def test_every_page_leads_to_it(site: Client) -> None:
    assert '<a href="/">Overview</a>' in site.get("/accounts/").content.decode()
    assert '<a href="/" aria-current="page">Overview</a>' in site.get("/").content.decode()


def test_of_two_censuses_about_a_week_ago_the_nearer_counts() -> None:
    points = [
        census.TrendPoint(counted_at=NOW - timedelta(days=days), numbers={})
        for days in (8, 7.2, 6, 0)
    ]

    assert overview.week_ago(points, NOW.astimezone(UTC)) == points[1]
