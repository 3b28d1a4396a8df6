"""Keystone itself as the oracle: what pciops says of an account is what happens at a sign-in.

On two releases, each under two policies. Hundreds of accounts are written into Keystone's tables,
all with one password, and each signs in with it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
import requests
from django.db import transaction
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from pciops.accounts import selectors, states
from pciops.accounts.account import Account
from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.policy import Policy
from pciops.accounts.selectors import AccountQuery
from pciops.accounts.states import blocking, classify
from pciops.demo.keystone import Keystone, is_installed
from tests.factories import make_user
from tests.live import oracle
from tests.support.alias import keystone_at
from tests.support.mariadb import MariaDB
from tests.support.processes import ROOT

RELEASES = {
    "30": ("TEST_KEYSTONE", ROOT / "var" / "demo" / "keystone"),
    "25": ("TEST_KEYSTONE_25", ROOT / "var" / "test" / "keystone-25"),
}
POLICIES: dict[str, dict[str, str | int]] = {
    "usual": {
        "lockout_failure_attempts": 3,
        "lockout_duration": 1800,
        "disable_user_account_days_inactive": 90,
        "password_expires_days": 90,
    },
    "harsh": {
        "lockout_failure_attempts": 1,
        "lockout_duration": 60,
        "disable_user_account_days_inactive": 1,
        "password_expires_days": 30,
        "change_password_upon_first_use": "true",
    },
}
COVERED = [state for state in states.STATES if state is not states.NOT_COVERED]
LIMIT = 200  # accounts on a page
CLIENTS = 3  # that sign in at the same time


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One release under one policy, with its accounts as pciops sees them before any sign-in."""

    url: str
    password: str
    policy: Policy
    now: datetime
    accounts: dict[str, Account]
    listed: dict[str, set[str]]  # state → ids
    facts: dict[str, str]  # id → how the account was made


@pytest.fixture(scope="session", params=RELEASES)
def release(
    request: pytest.FixtureRequest, mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory
) -> Keystone:
    """A Keystone of that release, not started yet."""
    variable, usual = RELEASES[request.param]
    environment = Path(os.environ.get(variable, usual))
    if not is_installed(environment):
        pytest.fail(f"There is no Keystone in {environment}: run script/test, which installs it.")
    url = mariadb.create_database(f"oracle{request.param}", password="keystones-own")
    return Keystone(
        environment,
        tmp_path_factory.mktemp("oracle"),
        database=url.replace("mysql://", "mysql+pymysql://"),
        workers=2,
    )


@pytest.fixture(scope="module", params=POLICIES)
def cell(
    request: pytest.FixtureRequest,
    release: Keystone,
    mariadb: MariaDB,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Cell]:
    """That Keystone under the policy, and the accounts, new ones each time."""
    release.security_compliance = POLICIES[request.param]
    url = release.database.replace("mysql+pymysql://", "mysql://")
    with release, keystone_at(url, django_db_blocker):
        policy = policies.parse([str(release.conf)], {}).policy
        now = timezone.now()
        made = {make_id: oracle.described(facts) for make_id, facts in make_accounts(policy, now)}
        database = url.rpartition("/")[2]
        mariadb.execute(
            "UPDATE password SET password_hash = (SELECT password_hash FROM password JOIN"
            " local_user ON local_user.id = local_user_id WHERE name = 'admin' LIMIT 1)"
            " WHERE password_hash IS NULL",
            database=database,
        )
        yield Cell(
            url=release.url,
            password=release.admin_password,
            policy=policy,
            now=now,
            accounts={account.id: account for account in listed(AccountQuery(), policy, now)},
            listed={
                state.name: {found.id for found in listed(AccountQuery(state=state), policy, now)}
                for state in COVERED
            },
            facts=made,
        )
        mariadb.execute(
            "DELETE FROM user WHERE id <> (SELECT user_id FROM local_user WHERE name = 'admin')",
            database=database,
        )


def make_accounts(policy: Policy, now: datetime) -> Iterator[tuple[str, oracle.Facts]]:
    """Write them, and give each one's id with its facts."""
    facts = [
        *oracle.close(policy, now, 40),  # first, so that they sign in while it is their time
        *oracle.odd(policy, now),
        *oracle.combinations(policy, now),
    ]
    with transaction.atomic(using="keystone"):
        for number, one in enumerate(facts):
            yield make_user(f"oracle-{number}", **{"last_active_at": now.date(), **one}).id, one


def listed(query: AccountQuery, policy: Policy, now: datetime) -> list[Account]:
    """All pages of a list."""
    found: list[Account] = []
    marker = ""
    while True:
        page = selectors.page(query, scope=None, policy=policy, now=now, marker=marker, limit=LIMIT)
        found += page.accounts
        marker = page.next
        if not marker:
            return found


def gets_in(cell: Cell, account: Account) -> tuple[datetime, bool, datetime]:
    """Whether Keystone lets it in with the right password, and between which instants."""
    user = {"name": account.name, "domain": {"id": account.domain_id}, "password": cell.password}
    identity = {"methods": ["password"], "password": {"user": user}}
    begun = timezone.now()
    answer = requests.post(
        f"{cell.url}/auth/tokens", json={"auth": {"identity": identity}}, timeout=30
    )
    return begun, answer.status_code == 201, timezone.now()


def test_each_list_holds_exactly_the_accounts_that_are_in_its_state(cell: Cell) -> None:
    expected = {
        state.name: {
            account.id
            for account in cell.accounts.values()
            if state in classify(account, cell.policy, cell.now)
        }
        for state in COVERED
    }

    assert cell.listed == expected
    empty = {name for name, found in expected.items() if not found}
    assert empty == ({"near_lockout"} if cell.policy.near_lockout_count is None else set())


def test_an_account_gets_in_unless_a_state_blocks_it(cell: Cell) -> None:
    accounts = [cell.accounts[user_id] for user_id in cell.facts]
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda account: gets_in(cell, account), accounts))
    different = []
    for account, (begun, let_in, ended) in zip(accounts, answers, strict=True):
        # Where a lock ends or a password expires between the two, either answer is right.
        said = [classify(account, cell.policy, now) for now in (begun, ended)]
        if let_in not in [not blocking(found) for found in said]:
            different.append(f"{cell.facts[account.id]}: {said[0]}, but let in: {let_in}")

    assert len(accounts) >= 300
    assert not different, "\n".join(different)
    assert {let_in for _, let_in, _ in answers} == {True, False}
