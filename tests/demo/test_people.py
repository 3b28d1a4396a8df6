"""The accounts of the demo cover the states that the demo promises."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from pciops.demo.account import EXEMPT_FROM_LOCKOUT, LOCKOUT_ATTEMPTS, POLICY, Account
from pciops.demo.passwords import new_password
from pciops.demo.people import ACCOUNTS, PROJECTS

INACTIVE = int(POLICY["disable_user_account_days_inactive"])
LIFE = int(POLICY["password_expires_days"])


def serves(account: Account) -> bool:
    """Return whether pages call it a service account."""
    return any(grant.project == "services" or grant.role == "service" for grant in account.grants)


SHOWS: dict[str, Callable[[Account], bool]] = {
    "locked and disabled": lambda account: account.is_locked and not account.enabled,
    "locked and expired": lambda account: account.is_locked and account.history.password > LIFE,
    "one try left": lambda account: account.history.failures == LOCKOUT_ATTEMPTS - 1,
    "lapsed lock": lambda account: account.history.lapsed,
    "attacked but exempt": lambda account: (
        EXEMPT_FROM_LOCKOUT in account.options and account.history.failures > 20
    ),
    "inactive": lambda account: (account.history.active or 0) >= INACTIVE,
    "never signed in": lambda account: account.history.active is None,
    "expires soon": lambda account: LIFE - 14 <= account.history.password < LIFE,
    "never expires": lambda account: not account.history.expires,
    "no e-mail": lambda account: not account.email,
    "long name": lambda account: len(account.name) > 100,
    "quote and bracket": lambda account: "<" in account.name and "'" in account.name,
    "right to left": lambda account: any(
        "\u0590" <= character <= "\u06ff" for character in account.name
    ),
    "formula": lambda account: account.name.startswith("="),
    "administrator of the cloud": lambda account: any(grant.on_system for grant in account.grants),
    "administrator of a domain": lambda account: any(grant.on_domain for grant in account.grants),
    "service account that is locked, with an application credential": lambda account: (
        serves(account) and account.is_locked and bool(account.application_credential)
    ),
    "service account that will be inactive soon, with one too": lambda account: (
        serves(account)
        and INACTIVE - 7 <= (account.history.active or 0) < INACTIVE
        and bool(account.application_credential)
    ),
    "application credential": lambda account: bool(account.application_credential),
}


def test_about_forty_accounts_in_three_domains() -> None:
    assert 38 <= len(ACCOUNTS) <= 45
    assert {account.domain for account in ACCOUNTS} == set(PROJECTS) == {"Default", "corp", "shop"}


def test_names_are_unique_in_a_domain() -> None:
    assert len({(account.domain, account.name) for account in ACCOUNTS}) == len(ACCOUNTS)


def test_service_accounts_and_people_are_locked() -> None:
    locked = {account.name for account in ACCOUNTS if account.is_locked}

    assert len(locked) >= 7
    assert locked >= {"nova", "cinder", "billing-sync", "daniel.okafor", "lena.fischer"}


@pytest.mark.parametrize("shows", SHOWS.values(), ids=SHOWS)
def test_an_account_has_each_state(shows: Callable[[Account], bool]) -> None:
    assert any(shows(account) for account in ACCOUNTS)


def test_no_history_begins_before_the_account_was_created() -> None:
    for account in ACCOUNTS:
        history = account.history

        assert history.password <= history.created
        assert (history.active or 0) <= history.created


def test_new_passwords_match_password_regex() -> None:
    rule = re.compile(str(POLICY["password_regex"]))

    assert all(rule.match(new_password()) for _ in range(1000))
