"""The tabs above a list: how many accounts are in each state, and when that was counted."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from pciops.accounts.census import census
from pciops.accounts.states import STATES
from pciops.web.account_list import TAB_ORDER
from tests.factories import NOW, POLICY, grant, make_ldap_user, make_locked_user, make_user
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import Response, shown, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture
def _users() -> None:
    """Six disabled accounts, one a service's, two of domain shops; one of LDAP; counted."""
    for name in ("ann", "ben", "cyd"):
        make_user(name, enabled=False)
    grant(make_user("nova", enabled=False), "service")
    for name in ("dee", "eve"):
        make_user(name, domain_id="shops", enabled=False)
    make_ldap_user("lena")
    take()


def take(now: datetime = NOW) -> None:
    """A census."""
    census.take(policy=POLICY, now=now)


def tabs(response: Response) -> dict[str, str | None]:
    """Label → number, as the strip shows them."""
    found = re.findall(
        r'<a href="\?[^"]*"[^>]*>([^<]*?)(?: <span class="count">([^<]*)</span>)?</a>',
        strip(response),
    )
    return {label: number or None for label, number in found}


def addresses(response: Response) -> dict[str, str]:
    """Label → address."""
    found = re.findall(r'<a href="([^"]*)"[^>]*>([^<]*?)(?: <span|</a>)', strip(response))
    return {label: html.unescape(address) for address, label in found}


def strip(response: Response) -> str:
    return response.content.decode().partition('<nav class="tabs"')[2].partition("</nav>")[0]


# --- Numbers ------------------------------------------------------------------------------------
def test_every_state_has_a_tab() -> None:
    assert sorted(TAB_ORDER, key=STATES.index) == list(STATES)


@pytest.mark.usefixtures("_users")
@pytest.mark.parametrize(
    ("filters", "label", "number"),
    [
        ({}, "Disabled", "6"),
        ({}, "Not covered", "1"),
        ({}, "Inactive", "0"),
        ({"state": "expired"}, "Disabled", "6"),
        ({"domain": "shops"}, "Disabled", "2"),
        ({"kind": "service"}, "Disabled", "1"),
        ({"kind": "service", "domain": "shops"}, "Disabled", "0"),
        ({}, "All", "6"),
        ({"domain": "shops"}, "All", "2"),
        ({"kind": "service"}, "All", "1"),
    ],
)
def test_a_tab_has_the_number_of_the_census_by_the_same_filters(
    site: Client, filters: dict[str, str], label: str, number: str
) -> None:
    assert tabs(site.get("/accounts/", filters))[label] == number


def test_an_operator_of_one_domain_reads_its_numbers(fake_keystone: FakeKeystone) -> None:
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    make_user("ours", domain_id="shops", enabled=False)
    make_user("theirs", domain_id="payments", enabled=False)
    take()

    assert tabs(signed_in(keeper).get("/accounts/"))["Disabled"] == "1"


@pytest.mark.usefixtures("_users")
@pytest.mark.parametrize("state", ["locked", "disabled", ""])
def test_locked_is_counted_now_whatever_list_is_open(site: Client, state: str) -> None:
    make_locked_user("after the census")

    assert tabs(site.get("/accounts/", {"state": state}))["Locked"] == "1"


def test_thousands_are_kept_apart(site: Client) -> None:
    tally = census.count(policy=POLICY, now=NOW)
    object.__setattr__(tally, "numbers", {("", "expired", ""): 144_232})
    census.keep(tally)

    assert tabs(site.get("/accounts/"))["Password expired"] == "144,232"


@pytest.mark.usefixtures("_users")
def test_a_tab_without_accounts_is_quieter_unless_it_is_open(site: Client) -> None:
    page = strip(site.get("/accounts/?state=expired"))

    assert re.search(r'class="zero">Inactive ', page)
    assert not re.search(r'class="zero"[^>]*>(Password expired|Disabled) ', page)


@pytest.mark.usefixtures("_users")
def test_a_search_leaves_the_numbers_out(site: Client) -> None:
    response = site.get("/accounts/?state=disabled&q=ann")

    assert set(tabs(response).values()) == {None}
    assert "counted" not in shown(response)


def test_a_search_among_the_locked_counts_those_that_it_finds(site: Client) -> None:
    for name in ("ann", "anna", "ben"):
        make_locked_user(name)

    assert tabs(site.get("/accounts/?state=locked&q=ann"))["Locked"] == "2"


# --- Age ----------------------------------------------------------------------------------------
def test_the_age_of_the_numbers_is_said_once(site: Client) -> None:
    take(NOW - timedelta(minutes=4))
    page = shown(site.get("/accounts/"))

    assert page.count("ounted at") == 1
    assert "Tabs counted at 13:58:11 UTC, 4 min ago; the locked ones are live." in page


def test_before_the_first_census_locked_alone_has_a_number(site: Client) -> None:
    assert {label for label, number in tabs(site.get("/accounts/")).items() if number} == {"Locked"}


def test_before_the_first_census_it_is_said_how_to_take_one(site: Client) -> None:
    assert "Nobody has counted the other tabs yet: manage.py census does" in shown(
        site.get("/accounts/")
    )


@pytest.mark.parametrize(("minutes", "old"), [(15, False), (16, True)])
def test_an_old_census_is_said_to_be_one(site: Client, minutes: int, old: bool) -> None:
    take(NOW - timedelta(minutes=minutes))
    sentence = "so these numbers are old; the lists and the number of locked accounts are live."

    assert (sentence in shown(site.get("/accounts/"))) is old


@pytest.mark.parametrize(("state", "more"), [("", 0), ("locked", 1), ("inactive", 0)])
def test_the_numbers_cost_two_queries(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries, state: str, more: int
) -> None:
    for minutes in range(5):
        take(NOW - timedelta(minutes=minutes))
    site.get("/accounts/")  # notes that Keystone's database answers

    # Session and operator, the end of the session (3), the census and its numbers; of the locked
    # also whether unlocks were left under way.
    with django_assert_num_queries(7 + more, using="default"):
        site.get("/accounts/", {"state": state})


def test_with_the_rule_off_nobody_is_locked(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_duration": "1800"}
    make_locked_user()

    assert tabs(site.get("/accounts/?state=disabled"))["Locked"] == "0"
