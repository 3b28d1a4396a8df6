"""Keystone itself as the oracle: a sign-in succeeds exactly if no state blocks it.

On two releases, each under two policies. Hundreds of accounts are written into Keystone's tables,
all with one password, and each signs in with it. One of the four has every combination of the
rules, the others those of any three rules.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from cryptography.fernet import Fernet
from django.db import transaction
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from pciops.accounts import selectors, states
from pciops.accounts.account import Account
from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.policy import Policy
from pciops.accounts.query import AccountQuery
from pciops.accounts.states import blocking, classify
from pciops.demo.keystone import Keystone
from tests.factories import make_user
from tests.live import oracle
from tests.support.cloud import (
    RELEASES,
    SYSTEM,
    Cloud,
    authenticate,
    code_of,
    copy_admin_password,
    keystone_on,
)
from tests.support.mariadb import MariaDB, keystone_at

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
SECRET = base64.b32encode(b"one secret for all users.").decode("ascii")
NO_KEY = base64.urlsafe_b64encode(bytes(32))  # NULL_KEY in keystone.common.fernet_utils
# Keystone asks for a mapping; nobody signs in by it here.
MAPPING = [{"local": [{"user": {"name": "{0}"}}], "remote": [{"type": "REMOTE_USER"}]}]
CLIENTS = 3  # sign in at the same time


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


@pytest.fixture(scope="module", params=RELEASES)
def number(request: pytest.FixtureRequest) -> str:
    """The number of a release."""
    return str(request.param)


@pytest.fixture(scope="module")
def release(number: str, mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Keystone:
    """A Keystone of that release, not started yet."""
    folder = tmp_path_factory.mktemp("oracle")
    return keystone_on(mariadb, f"oracle{number}", folder, release=number, workers=2)


@pytest.fixture(scope="module", params=POLICIES)
def cell(
    request: pytest.FixtureRequest,
    number: str,
    release: Keystone,
    mariadb: MariaDB,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Cell]:
    """That Keystone under the policy, with new accounts."""
    release.security_compliance = POLICIES[request.param]
    url = release.database.replace("mysql+pymysql://", "mysql://")
    database = url.rpartition("/")[2]
    with release, keystone_at(url, django_db_blocker):
        policy = policies.parse([str(release.conf)], {}, keystone_release=int(number)).policy
        now = timezone.now()
        every = (number, request.param) == ("30", "usual")
        accounts = make_accounts(policy, now, every=every)
        facts = {user_id: oracle.described(facts) for user_id, facts in accounts}
        copy_admin_password(mariadb, database)
        enroll(mariadb, database)
        yield Cell(
            url=release.url,
            password=release.admin_password,
            policy=policy,
            now=now,
            accounts={account.id: account for account in listed(AccountQuery(), policy, now)},
            listed={
                state.name: {
                    account.id for account in listed(AccountQuery(state=state), policy, now)
                }
                for state in COVERED
            },
            facts=facts,
        )
        mariadb.execute("DELETE FROM credential", database=database)
        mariadb.execute(
            "DELETE FROM user WHERE id <> (SELECT user_id FROM local_user WHERE name = 'admin')",
            database=database,
        )


def make_accounts(
    policy: Policy, now: datetime, *, every: bool
) -> Iterator[tuple[str, oracle.Facts]]:
    """Write the accounts, and yield the id of each with its facts."""
    accounts = [
        *oracle.close(policy, now, 40),  # first, so that they sign in while it is their time
        *oracle.odd(policy, now),
        *oracle.factors(now),
        *oracle.combinations(policy, now, every=every),
    ]
    with transaction.atomic(using="keystone"):
        for number, facts in enumerate(accounts):
            values = {"last_active_at": now.date(), **facts}
            yield make_user(f"oracle-{number}", **values).id, facts


def enroll(mariadb: MariaDB, database: str) -> None:
    """Give every TOTP credential one secret, encrypted as Keystone does without keys.

    Not through the API: under the harsh policy the administrator has to change their password.
    """
    mariadb.execute(
        "UPDATE credential SET encrypted_blob = %s WHERE type = 'totp'",
        Fernet(NO_KEY).encrypt(SECRET.encode()).decode(),
        database=database,
    )


def listed(query: AccountQuery, policy: Policy, now: datetime) -> list[Account]:
    """Return the accounts on all pages of a list."""
    accounts: list[Account] = []
    marker = ""
    while True:
        page = selectors.page(query, scope=None, policy=policy, now=now, marker=marker, limit=LIMIT)
        accounts += page.accounts
        marker = page.next
        if not marker:
            return accounts


def sign_in(cell: Cell, account: Account) -> tuple[datetime, bool, datetime]:
    """Sign in with the right password; return the result and the times before and after it."""
    user = {"name": account.name, "domain": {"id": account.domain_id}}
    begun = timezone.now()
    code = code_of(SECRET) if account.totp_enrolled else ""
    accepted = authenticate(cell.url, user, cell.password, code=code).status_code == 201
    return begun, accepted, timezone.now()


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
    empty = {name for name, ids in expected.items() if not ids}
    assert empty == ({"near_lockout"} if cell.policy.near_lockout_count is None else set())


def test_a_sign_in_succeeds_unless_a_state_blocks_it(cell: Cell) -> None:
    accounts = [cell.accounts[user_id] for user_id in cell.facts]
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda account: sign_in(cell, account), accounts))
    different = []
    for account, (begun, accepted, ended) in zip(accounts, answers, strict=True):
        # If a lock ends or a password expires in between, either answer is right.
        states_then = [classify(account, cell.policy, now) for now in (begun, ended)]
        if accepted not in [not blocking(found) for found in states_then]:
            different.append(f"{cell.facts[account.id]}: {states_then[0]}, accepted: {accepted}")

    assert len(accounts) >= 200
    assert not different, "\n".join(different)
    assert {accepted for _, accepted, _ in answers} == {True, False}


# --- Users without a local row ------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class Program:
    """A user without a local row, and what its program signs in with."""

    account: Account
    credential: Any


def make_programs(cell: Cell, cloud: Cloud, ages: Sequence[int]) -> Iterator[Program]:
    """Make federated and LDAP users that were active so many days ago, each with a credential.

    Keystone's API makes no such user, so each is a local one whose row is replaced.
    """
    name = f"sso-{cell.policy.password_expires_days}"
    project = cloud.api.projects.create(name, domain="default")
    federation = cloud.api.federation
    federation.identity_providers.create(name, domain_id="default")
    federation.mappings.create(mapping_id=name, rules=MAPPING)
    federation.protocols.create("openid", name, name)
    for table, age in itertools.product(("nonlocal_user", "federated_user"), ages):
        person = cloud.create_user("program")
        cloud.sql(
            "UPDATE password SET expires_at = NULL, expires_at_int = NULL WHERE local_user_id ="
            " (SELECT id FROM local_user WHERE user_id = %s)",
            person.id,
        )
        cloud.api.roles.grant(cloud.role("member"), user=person.id, project=project.id)
        credential = cloud.create_application_credential(person, project)
        cloud.sql("DELETE FROM local_user WHERE user_id = %s", person.id)
        if table == "nonlocal_user":
            cloud.sql(
                "INSERT INTO nonlocal_user (domain_id, name, user_id) VALUES (%s, %s, %s)",
                *("default", person.name, person.id),
            )
        else:
            cloud.sql(
                "INSERT INTO federated_user (user_id, idp_id, protocol_id, unique_id, display_name)"
                " VALUES (%s, %s, %s, %s, %s)",
                *(person.id, name, "openid", person.name, person.name),
            )
        cloud.sql(
            "UPDATE user SET last_active_at = %s WHERE id = %s",
            cell.now.date() - timedelta(days=age),
            person.id,
        )
        account = selectors.get(person.id, scope=None)
        assert account is not None
        assert not account.covered
        yield Program(account=account, credential=credential)


def test_inactivity_stops_the_programs_of_users_without_a_local_row(
    cell: Cell, mariadb: MariaDB, release: Keystone
) -> None:
    days = cell.policy.disable_user_account_days_inactive or 0
    mariadb.execute(  # the administrator's is a first password, too
        "UPDATE password SET expires_at = NULL, expires_at_int = NULL WHERE local_user_id ="
        " (SELECT id FROM local_user WHERE name = 'admin')",
        database=release.database.rpartition("/")[2],
    )
    cloud = Cloud(release, mariadb, SYSTEM)
    programs = list(make_programs(cell, cloud, [days - 1, days, days + 1]))
    accepted = {
        program.account.id: requests.post(
            f"{cell.url}/auth/tokens",
            json={
                "auth": {
                    "identity": {
                        "methods": ["application_credential"],
                        "application_credential": {
                            "id": program.credential.id,
                            "secret": program.credential.secret,
                        },
                    }
                }
            },
            timeout=30,
        ).status_code
        for program in programs
    }
    expected = {
        program.account.id: 401
        if states.INACTIVE.holds(program.account, cell.policy, timezone.now())
        else 201
        for program in programs
    }

    assert accepted == expected
    assert sorted(accepted.values()) == [201] * 2 + [401] * 4
