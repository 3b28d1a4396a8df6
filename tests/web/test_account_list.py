"""The list of accounts: rows, order, search, filters, pages, and files."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from pciops.accounts import exports
from pciops.accounts.census import census
from pciops.accounts.states import STATES
from pciops.keystone.models import User
from pciops.web.account_list import STATE_ORDER
from tests.api.call import token as token
from tests.events.factories import SCRIPT, failure, save_attempts, save_unknown_names, stale_script
from tests.factories import (
    NOW,
    POLICY,
    PasswordRow,
    grant,
    make_domain,
    make_ldap_user,
    make_locked_user,
    make_project,
    make_role,
    make_user,
)
from tests.signin.visit import shown
from tests.web.pages import account_names, csv_rows, text_of, walk

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

LOCKED = "/accounts/?state=locked"
MINUTE = timedelta(minutes=1)
EXPIRED = PasswordRow(expires_at=NOW - timedelta(seconds=1))


def names(site: Client, query: str = "?state=locked") -> list[str]:
    """Return the names in a list."""
    return account_names(site.get(f"/accounts/{query}"))


def only_row(site: Client, url: str = LOCKED) -> str:
    """Return the text of the rows of a list."""
    response = site.get(url)
    body = response.content.decode().partition("<tbody")[2].partition("</tbody>")[0]
    response.content = body.encode()
    return shown(response)


# --- Rows ---------------------------------------------------------------------------------------
def test_a_locked_account_shows_who_when_and_until_when(site: Client) -> None:
    user = make_locked_user(
        domain_id="payments", email="ann@example.test", failed_auth_count=7, at=NOW - 2 * MINUTE
    )
    grant(user, on=make_project("service"))
    row = only_row(site)

    for fact in (
        "ann Admin Service Payments · ann@example.test",
        "14:00 2 min ago",
        "28 min left, until 14:30",
    ):
        assert fact in row
    assert f'href="/accounts/{user.id}/unlock/"' in site.get(LOCKED).content.decode()


@pytest.mark.parametrize(
    ("facts", "term"),
    [
        ({}, "until 14:32"),
        ({"email": None}, "no email"),
        ({"enabled": False}, "Disabled 30 min left, then still blocked"),
        ({"passwords": [EXPIRED]}, "Password expired 30 min left, then still blocked"),
        (
            {"last_active_at": (NOW - timedelta(days=90)).date()},
            "Inactive 30 min left, then still blocked",
        ),
    ],
)
def test_a_locked_account_says_what_an_unlock_leaves(
    site: Client, settings: Settings, facts: dict[str, Any], term: str
) -> None:
    inactivity = {"disable_user_account_days_inactive": "90"}
    settings.POLICY_OVERRIDES = settings.POLICY_OVERRIDES | inactivity
    make_locked_user(**{"last_active_at": NOW.date(), **facts})

    assert term in only_row(site)


@pytest.mark.parametrize(
    ("duration", "at", "terms"),
    [
        ("off", NOW - timedelta(days=400), ["Until an operator unlocks it"]),
        ("1800", None, ["none counted", "Until an operator unlocks it"]),
    ],
)
def test_a_lock_without_an_end_lasts_until_an_unlock(
    site: Client, settings: Settings, duration: str, at: Any, terms: list[str]
) -> None:
    settings.POLICY_OVERRIDES = {"lockout_failure_attempts": "3", "lockout_duration": duration}
    make_user(failed_auth_count=3, failed_auth_at=at)
    row = only_row(site)

    assert [term for term in terms if term not in row] == []


def test_an_ldap_user_has_no_failures_and_no_verdict(site: Client) -> None:
    make_ldap_user("lea")
    row = only_row(site, "/accounts/?state=not_covered")

    assert "lea" in row
    assert "none counted" in row
    assert "can sign in" not in row


def test_a_list_of_failures_shows_the_last_one(site: Client) -> None:
    make_user(failed_auth_count=2, failed_auth_at=NOW - 3 * MINUTE)

    assert "13:59 3 min ago" in only_row(site, "/accounts/?state=near_lockout")


# --- The cause of a lock ------------------------------------------------------------------------
def test_each_locked_account_has_its_cause(site: Client) -> None:
    script, sprayed, unheard = (make_locked_user(name, at=NOW) for name in ("ann", "bob", "cleo"))
    save_attempts(script.id, stale_script())
    save_attempts(sprayed.id, [failure(60, "Summer", address="198.51.100.7")])
    save_unknown_names([f"admin{number}" for number in range(9)], address="198.51.100.7")
    rows = site.get(LOCKED).content.decode().split('role="row"')
    ann, bob, cleo = (
        next(row for row in rows if f"<bdi>{name}</bdi>" in row) for name in ("ann", "bob", "cleo")
    )

    assert f'/accounts/{script.id}/#why">Old password in a program</a>' in ann
    assert ">Password spraying</a>" in bob
    assert "Not known" in cleo
    assert unheard.id in cleo


def test_without_notifications_there_are_no_causes(site: Client) -> None:
    make_locked_user(at=NOW)

    assert "Why" not in shown(site.get(LOCKED))


# --- Accounts in the list -----------------------------------------------------------------------
def test_the_locked_list_ends_with_the_lock_and_leaves_out_exempt_accounts(site: Client) -> None:
    for count, minutes in ((2, 0), (3, 0), (3, 29), (3, 30), (3, 31), (99, 1)):
        make_locked_user(f"{count} {minutes}", failed_auth_count=count, at=NOW - minutes * MINUTE)
    make_locked_user("exempt", options={"1002": True})

    assert names(site) == ["3 0", "99 1", "3 29"]


@pytest.mark.parametrize(
    ("state", "facts"),
    [
        ("disabled", {"enabled": False}),
        ("disabled", {"enabled": None}),
        ("expired", {"passwords": [EXPIRED]}),
        ("lock_lapsed", {"failed_auth_count": 3, "failed_auth_at": NOW - timedelta(hours=1)}),
    ],
)
def test_a_list_holds_the_accounts_of_its_state(
    site: Client, state: str, facts: dict[str, Any]
) -> None:
    make_user("in", **facts)
    make_user("out")

    assert names(site, f"?state={state}") == ["in"]


def test_without_a_state_all_local_accounts_are_listed_by_name(site: Client) -> None:
    for name in ("cyd", "ann", "ben"):
        make_user(name)
    make_ldap_user("lena")

    assert names(site, "") == ["ann", "ben", "cyd"]


def test_privileged_accounts_come_first_then_the_newest_failure(site: Client) -> None:
    for name, minutes in (("chief", 20), ("ann", 1), ("nova", 10), ("ben", 5)):
        make_locked_user(name, at=NOW - minutes * MINUTE)
    for user in User.objects.filter(local_user__name__in=("chief", "nova")):
        grant(user, "admin" if user.local_user.name == "chief" else "service")

    assert names(site) == ["nova", "chief", "ann", "ben"]


def test_an_operator_of_one_domain_sees_only_its_accounts(shops: Client) -> None:
    make_locked_user("ours", domain_id="shops")
    make_locked_user("theirs", domain_id="payments")

    assert names(shops) == ["ours"]
    assert [row["name"] for row in csv_rows(shops, "/accounts/export?format=csv")] == ["ours"]
    assert shops.get("/accounts/?domain=payments").status_code == 400


# --- Search and filters -------------------------------------------------------------------------
def test_the_search_is_by_part_of_name_or_email_and_by_id(site: Client) -> None:
    make_user("ann", email="Ann@Example.test")
    make_user("ben", email="ben@example.test", user_id="c0ffee")
    expected = {
        **dict.fromkeys(("nn", "ANN", "  ann  ", "ann\0", "ann@example"), ["ann"]),
        **dict.fromkeys(("c0ffe", "%", "_", "\\", "'"), []),
        "EXAMPLE.TEST": ["ann", "ben"],
        "c0ffee": ["ben"],
        "": ["ann", "ben"],
    }

    assert {
        text: account_names(site.get("/accounts/", {"q": text})) for text in expected
    } == expected


def test_search_domain_and_kind_narrow_the_list(site: Client) -> None:
    make_locked_user("anna", domain_id="shops")
    grant(make_locked_user("chief"))
    grant(make_locked_user("nova"), "service")
    make_user("ann")

    assert names(site, "?state=locked&q=ann") == ["anna"]
    assert names(site, "?state=locked&domain=shops") == ["anna"]
    assert names(site, "?state=locked&kind=administrator") == ["chief"]
    assert names(site, "?state=locked&kind=service") == ["nova"]


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("state=lokced", ["state: ", "'lokced'", "locked, disabled, inactive"]),
        ("state=LOCKED", ["state: ", "'LOCKED'"]),
        ("domain=nobody", ["domain: ", "'nobody'", "default (Default), shops (Shops)"]),
        ("kind=robot", ["kind: ", "'robot'", "administrator, service"]),
        ("marker=x", ["marker: "]),
    ],
)
def test_an_invalid_filter_is_refused_with_the_valid_values(
    site: Client, query: str, terms: list[str]
) -> None:
    for domain_id in ("default", "shops"):
        make_domain(domain_id, domain_id.capitalize())
    response = site.get(f"/accounts/?{query}")

    assert response.status_code == 400
    assert [term for term in terms if term not in shown(response)] == []


# --- Empty lists --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("state=locked", ["No account is locked", "after 3 failed attempts, for 30 min"]),
        ("state=locked&q=nobody", ["No locked account", "“ nobody ”", "Search all accounts"]),
        ("state=locked&kind=service", ["No locked service account"]),
        ("q=nobody", ["LDAP and federated users are not in this list"]),
    ],
)
def test_an_empty_list_says_why(site: Client, query: str, terms: list[str]) -> None:
    page = shown(site.get(f"/accounts/?{query}"))

    assert [term for term in terms if term not in page] == []


def test_an_empty_search_links_to_all_accounts(site: Client) -> None:
    assert 'href="?q=nobody">' in site.get(f"{LOCKED}&q=nobody").content.decode()


RULES_OFF = {
    "locked": "set lockout_failure_attempts to 1 to 10",
    "near_lockout": "set lockout_failure_attempts to 1 to 10",
    "inactive": "set disable_user_account_days_inactive to 1 to 90",
    "inactive_soon": "set disable_user_account_days_inactive to 1 to 90",
    "expired": "set password_expires_days to 1 to 90",
    "no_expiry": "set password_expires_days to 1 to 90",
    "must_change": "set change_password_upon_first_use to true",
    **dict.fromkeys(("disabled", "exempt", "not_covered", "no_password"), ""),
}


def test_an_empty_list_without_its_rule_says_what_to_set(site: Client, settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_duration": "1800"}
    for state, remedy in RULES_OFF.items():
        page = shown(site.get(f"/accounts/?state={state}"))

        assert remedy in page
        assert ("the rule is off" in page) is bool(remedy)
        assert ("the requirement PCI DSS 8." in page) is bool(remedy)
        assert "Keystone enforces nothing" in page


# --- Pages --------------------------------------------------------------------------------------
def test_the_pages_have_every_account_once(site: Client) -> None:
    # Three of each time and privileged ones between, so that pages end among equals.
    for number in range(120):
        user = make_locked_user(f"user-{number:03}", at=NOW - timedelta(seconds=number // 3))
        if number % 2:
            grant(user)
    by_failure = [account_names(page) for page in walk(site, "/accounts/", "?state=locked")]
    by_name = [account_names(page) for page in walk(site, "/accounts/", "?state=locked&sort=name")]

    assert [len(page) for page in by_failure] == [50, 50, 20]
    assert len({name for page in by_failure for name in page}) == 120
    assert sum(by_name, []) == [f"user-{number:03}" for number in range(120)]


def test_a_full_last_page_has_no_next_link(site: Client) -> None:
    for number in range(50):
        make_locked_user(f"user-{number}")

    assert len(walk(site, "/accounts/", "?state=locked")) == 1


@pytest.mark.parametrize(("accounts", "queries"), [(0, 2), (1, 10), (60, 10)])
def test_queries_to_keystones_database(
    site: Client,
    settings: LazySettings,
    django_assert_num_queries: DjangoAssertNumQueries,
    accounts: int,
    queries: int,
) -> None:
    """Domains; the scan for failures; who of them is privileged (groups, roles, projects,
    assignments); the page of accounts, their options and passwords; which have only application
    credentials.
    """
    settings.SHARED_SECONDS = 3
    make_role("admin")
    for number in range(accounts):
        make_locked_user(f"user-{number}", options={"1001": True})

    with django_assert_num_queries(queries, using="keystone"):
        site.get(LOCKED)


@pytest.mark.parametrize("accounts", [1, 30])
def test_queries_to_our_own_database(
    site: Client, django_assert_num_queries: DjangoAssertNumQueries, accounts: int
) -> None:
    """Session and operator; the last census and its numbers; alerts (4); a running batch; what was
    heard about these accounts, and of their addresses; the unlock requests that wait; machines
    recorded by hand.
    """
    for number in range(accounts):
        user = make_locked_user(f"user{number}", at=NOW)
        save_attempts(user.id, stale_script(times=4, agent=f"{SCRIPT} {number}"))
    census.take(policy=POLICY, now=NOW)
    site.get(LOCKED)  # notes once a minute that Keystone's database answers

    with django_assert_num_queries(16, using="default"):
        site.get(LOCKED)


# --- Files --------------------------------------------------------------------------------------
def test_the_files_hold_the_list(site: Client) -> None:
    user = make_locked_user("ann")
    make_locked_user("ben")
    make_user("anna")
    query = "/accounts/export?state=locked&q=ann&format"

    assert [row["name"] for row in csv_rows(site, f"{query}=csv")] == ["ann"]
    assert [row["id"] for row in json.loads(text_of(site, f"{query}=json"))["accounts"]] == [
        user.id
    ]
    assert site.get(f"{query}=csv")["Content-Disposition"].startswith(
        'attachment; filename="accounts-locked-2026'
    )


def test_a_file_holds_more_than_a_batch(site: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "BATCH", 7)
    expected = [f"user-{number:03}" for number in range(61)]
    for name in expected:
        make_user(name)

    assert [row["name"] for row in csv_rows(site, "/accounts/export?format=csv")] == expected


def test_a_formula_in_a_file_is_defused(site: Client) -> None:
    make_user("=SUM(A1)")
    [row] = csv_rows(site, "/accounts/export?format=csv")

    assert row["name"] == "'=SUM(A1)"


@pytest.mark.parametrize("form", ["", "xml", "CSV"])
def test_an_unknown_format_is_refused(site: Client, form: str) -> None:
    response = site.get("/accounts/export", {"format": form})

    assert response.status_code == 400
    assert "format: " in shown(response)


def test_every_state_is_a_filter() -> None:
    """A list that no filter leads to is not found."""
    assert set(STATE_ORDER) == set(STATES)
