"""The lists of accounts: who is in them, what they say, and how they are walked."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from pciops.accounts.census import census
from tests.factories import (
    NOW,
    POLICY,
    PasswordRow,
    grant,
    make_domain,
    make_ldap_user,
    make_locked_user,
    make_role,
    make_user,
)
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import Response, shown, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

LOCKED = "/accounts/?state=locked"
OPTION_IGNORE_LOCKOUT = "1002"


def names(response: Response) -> list[str]:
    """The names in the list, from top to bottom."""
    return re.findall(r'<a class="name"[^>]*><bdi>([^<]*)</bdi>', response.content.decode())


def next_page(response: Response) -> str:
    """Where the link to the next page leads; "" on the last."""
    found = re.search(r'href="([^"]*)" rel="next"', response.content.decode())
    return found[1].replace("&amp;", "&") if found else ""


def row(site: Client, page: str = LOCKED) -> str:
    """What the one row of a list says."""
    response = site.get(page)
    body = response.content.decode().partition("<tbody")[2].partition("</tbody>")[0]
    response.content = body.encode()
    return shown(response)


# --- What a locked account shows ----------------------------------------------------------------
@pytest.mark.parametrize(
    "fact",
    ["ann", "Payments", "ann@example.test", "7", "14:00:11 UTC", "2 min ago", "14:30:11 UTC"],
)
def test_the_row_of_a_locked_account_shows(site: Client, fact: str) -> None:
    make_locked_user(
        domain_id="payments",
        email="ann@example.test",
        failed_auth_count=7,
        at=NOW - timedelta(minutes=2),
    )

    assert fact in row(site)


def test_the_row_of_a_locked_account_says_how_long_the_lock_still_holds(site: Client) -> None:
    make_locked_user(at=NOW - timedelta(minutes=2))

    assert "28 min left" in row(site)


def test_the_row_of_a_locked_account_leads_to_the_form(site: Client) -> None:
    user = make_locked_user()

    assert f'href="/accounts/{user.id}/unlock/"' in site.get(LOCKED).content.decode()


def test_an_account_without_an_address_says_so(site: Client) -> None:
    make_locked_user(email=None)

    assert "no e-mail" in row(site)


def test_an_account_that_is_only_locked_can_sign_in_once_unlocked(site: Client) -> None:
    make_locked_user()

    assert "can sign in" in row(site)


def test_an_account_that_is_disabled_too_cannot_sign_in_once_unlocked(site: Client) -> None:
    make_locked_user(enabled=False)

    assert "Disabled still cannot sign in" in row(site)


def test_an_account_with_an_expired_password_cannot_sign_in_once_unlocked(site: Client) -> None:
    make_locked_user(passwords=[PasswordRow(expires_at=NOW - timedelta(days=1))])

    assert "Password expired still cannot sign in" in row(site)


def test_an_account_that_is_inactive_too_cannot_sign_in_once_unlocked(
    site: Client, settings: Settings
) -> None:
    settings.POLICY_OVERRIDES = {
        **settings.POLICY_OVERRIDES,
        "disable_user_account_days_inactive": "90",
    }
    make_locked_user(last_active_at=(NOW - timedelta(days=90)).date())

    assert "Inactive still cannot sign in" in row(site)


def test_a_lock_without_an_end_says_who_ends_it(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_failure_attempts": "3", "lockout_duration": "off"}
    make_locked_user(at=NOW - timedelta(days=400))

    assert "somebody unlocks it" in row(site)


def test_a_lock_without_an_instant_says_that_none_is_recorded(site: Client) -> None:
    make_user(failed_auth_count=3, failed_auth_at=None)

    assert "not recorded somebody unlocks it" in row(site)


# --- Who is in it -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("count", "minutes_ago", "locked"),
    [(2, 0, False), (3, 0, True), (3, 29, True), (3, 30, False), (3, 31, False), (99, 1, True)],
)
def test_a_locked_account_is_in_the_list_until_its_lock_lapses(
    site: Client, count: int, minutes_ago: int, locked: bool
) -> None:
    make_locked_user(failed_auth_count=count, at=NOW - timedelta(minutes=minutes_ago))

    assert names(site.get(LOCKED)) == (["ann"] if locked else [])


def test_an_account_that_is_exempt_is_not_in_the_list(site: Client) -> None:
    make_locked_user(options={OPTION_IGNORE_LOCKOUT: True})

    assert names(site.get(LOCKED)) == []


def test_the_newest_failure_comes_first(site: Client) -> None:
    for name, minutes in (("oldest", 20), ("newest", 1), ("middle", 10)):
        make_locked_user(name, at=NOW - timedelta(minutes=minutes))

    assert names(site.get(LOCKED)) == ["newest", "middle", "oldest"]


def test_the_tab_counts_the_locked_accounts(site: Client) -> None:
    for name in ("ann", "ben", "cyd"):
        make_locked_user(name)

    assert "Locked 3 Attacked, exempt" in shown(site.get(LOCKED))


@pytest.mark.parametrize(
    ("state", "facts"),
    [
        ("disabled", {"enabled": False}),
        ("disabled", {"enabled": None}),
        ("expired", {"passwords": [PasswordRow(expires_at=NOW - timedelta(seconds=1))]}),
        ("lock_lapsed", {"failed_auth_count": 3, "failed_auth_at": NOW - timedelta(hours=1)}),
    ],
)
def test_a_list_holds_the_accounts_of_its_state(
    site: Client, state: str, facts: dict[str, Any]
) -> None:
    make_user("in", **facts)
    make_user("out")

    assert names(site.get(f"/accounts/?state={state}")) == ["in"]


def test_without_a_state_every_local_account_is_listed_by_name(site: Client) -> None:
    for name in ("cyd", "ann", "ben"):
        make_user(name)
    make_ldap_user("lena")

    assert names(site.get("/accounts/")) == ["ann", "ben", "cyd"]


def test_an_operator_of_one_domain_sees_its_accounts_alone(fake_keystone: FakeKeystone) -> None:
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    make_locked_user("ours", domain_id="shops")
    make_locked_user("theirs", domain_id="payments")

    assert names(signed_in(keeper).get(LOCKED)) == ["ours"]


# --- Search and filters -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nn", ["ann"]),
        ("ANN", ["ann"]),
        ("  ann  ", ["ann"]),
        ("ann\0", ["ann"]),
        ("ann@example", ["ann"]),
        ("EXAMPLE.TEST", ["ann", "ben"]),
        ("c0ffee", ["ben"]),
        ("c0ffe", []),
        ("%", []),
        ("_", []),
        ("\\", []),
        ("'", []),
        ("", ["ann", "ben"]),
    ],
)
def test_the_search_finds_by_part_of_name_or_address_and_by_id(
    site: Client, text: str, found: list[str]
) -> None:
    make_user("ann", email="Ann@Example.test")
    make_user("ben", email="ben@example.test", user_id="c0ffee")

    assert names(site.get("/accounts/", {"q": text})) == found


def test_the_search_stays_within_the_state(site: Client) -> None:
    make_locked_user("ann")
    make_user("anna")

    assert names(site.get("/accounts/?state=locked&q=ann")) == ["ann"]


def test_the_domain_filter_leaves_the_accounts_of_the_domain(site: Client) -> None:
    make_locked_user("ours", domain_id="shops")
    make_locked_user("theirs", domain_id="payments")

    assert names(site.get("/accounts/?state=locked&domain=shops")) == ["ours"]


def test_the_tabs_keep_search_and_domain(site: Client) -> None:
    make_user(domain_id="shops")
    page = site.get("/accounts/?state=locked&domain=shops&q=a%26b").content.decode()

    assert 'href="?state=disabled&amp;domain=shops&amp;q=a%26b"' in page


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (
            "/accounts/?state=lokced",
            "state: there is no state 'lokced'. States are locked, disabled, inactive, expired, "
            "must_change, no_password, unreadable, lock_lapsed, near_lockout, attacked_exempt, "
            "inactive_soon, expiring, no_expiry, exempt, not_covered.",
        ),
        ("/accounts/?state=LOCKED", "state: there is no state 'LOCKED'."),
        (
            "/accounts/?domain=nobody",
            "domain: there is no domain with the id 'nobody' here. Ids are default (Default), "
            "shops (Shops).",
        ),
        (
            "/accounts/?kind=robot",
            "kind: there is no kind 'robot'. Kinds are administrator, service.",
        ),
        ("/accounts/?marker=x", "marker: this is no place in this list."),
    ],
)
def test_a_filter_that_makes_no_sense_is_named(site: Client, address: str, sentence: str) -> None:
    for domain_id in ("default", "shops"):
        make_domain(domain_id, domain_id.capitalize())
    response = site.get(address)

    assert response.status_code == 400
    assert sentence in shown(response)


def test_the_domain_of_others_is_unknown_to_an_operator_of_one(
    fake_keystone: FakeKeystone,
) -> None:
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    make_user(domain_id="payments")

    assert signed_in(keeper).get("/accounts/?domain=payments").status_code == 400


# --- Nobody is in it ----------------------------------------------------------------------------
def test_an_empty_list_says_that_nobody_is_locked_and_what_the_rule_is(site: Client) -> None:
    assert "No account is locked. Keystone locks after 3 failures for 30 min." in shown(
        site.get(LOCKED)
    )


def test_a_rule_that_is_off_is_said_instead(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_duration": "1800"}

    assert "the rule is off. Keystone locks nobody: set lockout_failure_attempts" in shown(
        site.get(LOCKED)
    )


def test_a_search_without_a_hit_repeats_what_was_searched(site: Client) -> None:
    assert "No locked account here matches “ nobody ”." in shown(site.get(f"{LOCKED}&q=nobody"))


def test_a_search_without_a_hit_offers_all_accounts(site: Client) -> None:
    assert '<a href="?q=nobody">Look among all accounts</a>' in (
        site.get(f"{LOCKED}&q=nobody").content.decode()
    )


def test_a_search_among_all_without_a_hit_says_who_is_never_listed(site: Client) -> None:
    assert "LDAP and federated users are not in this list." in shown(
        site.get("/accounts/?q=nobody")
    )


# --- Pages --------------------------------------------------------------------------------------
def test_the_next_links_walk_every_locked_account_once(site: Client) -> None:
    # Three of each instant, so that pages begin and end among equals.
    for number in range(120):
        user = make_locked_user(f"user-{number:03}", at=NOW - timedelta(seconds=number // 3))
        if number % 2:
            grant(user)
    pages = [site.get(LOCKED)]
    while more := next_page(pages[-1]):
        pages.append(site.get(f"/accounts/{more}"))
    walked = [name for page in pages for name in names(page)]

    assert [len(names(page)) for page in pages] == [50, 50, 20]
    assert len(set(walked)) == 120


def test_a_full_last_page_has_no_next_link(site: Client) -> None:
    for number in range(50):
        make_locked_user(f"user-{number}")

    assert next_page(site.get(LOCKED)) == ""


def test_the_next_link_keeps_the_filters(site: Client) -> None:
    for number in range(51):
        make_locked_user(f"user-{number}", domain_id="shops")
    link = next_page(site.get("/accounts/?state=locked&domain=shops&q=user"))

    assert link.startswith("?state=locked&domain=shops&q=user&marker=")


def test_a_later_page_leads_back_to_the_first(site: Client) -> None:
    for number in range(51):
        make_locked_user(f"user-{number}")
    later = site.get(f"/accounts/{next_page(site.get(LOCKED))}").content.decode()

    assert '<a class="button" href="?state=locked">First page</a>' in later


@pytest.mark.parametrize("accounts", [0, 1, 50, 60])
def test_the_locked_list_asks_keystones_database_as_often_for_any_number(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries, accounts: int
) -> None:
    make_role("admin")
    for number in range(accounts):
        make_locked_user(f"user-{number}", options={"1001": True})
    # Domains; the roles and the projects of services, which bring administrators first; the page
    # of accounts, their options, their passwords; and why they matter: their
    # groups, roles and projects again, what users and groups hold.
    # Without accounts there is nothing of theirs to ask for.
    # With more than a page of them also how many there are.
    expected = (10 if accounts else 4) + (accounts > 50)

    with django_assert_num_queries(expected, using="keystone"):
        site.get(LOCKED)


def test_the_locked_list_asks_our_own_database_for_session_census_and_causes_alone(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_locked_user()
    census.take(policy=POLICY, now=NOW)
    site.get(LOCKED)  # notes that Keystone's database answers: once a minute and process

    # The session, the operator; then the session again with its new end, in a transaction of
    # its own: SAVEPOINT, UPDATE, RELEASE SAVEPOINT. The newest census, its numbers, a batch that
    # runs; what was heard of these accounts, of all, and when a consumer was connected.
    with django_assert_num_queries(11, using="default"):
        site.get(LOCKED)
