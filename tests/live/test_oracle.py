"""Keystone itself as the oracle: what pciops says of an account is what happens at a sign-in."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from pciops.accounts import states
from tests.live.cloud import Cloud, Person
from tests.live.site import Site

NUMBER = 300
STATES = [state.name for state in states.STATES if state is not states.NOT_COVERED]
BLOCKING = {state.name for state in states.STATES if state.blocks_signin}

# Values for each column, odd ones among them (NULL where Keystone writes none). No value is so
# near to a limit that it is over it while the tests run, save those that are over it already.
FAILURES = ["NULL", "0", "2", "3", "3", "7"]
FAILED_AT = ["NULL", "UTC_TIMESTAMP()", "UTC_TIMESTAMP() - INTERVAL 31 MINUTE"]
ENABLED = ["1", "1", "1", "1", "0", "NULL"]
LAST_ACTIVE = ["NULL", *(f"UTC_DATE() - INTERVAL {days} DAY" for days in (0, 0, 88, 90, 400))]
CREATED = ["NULL", "UTC_TIMESTAMP()", "UTC_TIMESTAMP() - INTERVAL 200 DAY"]
EXPIRES = [
    "NULL",
    "0",
    "created_at_int + 5",
    "(UNIX_TIMESTAMP() - 60) * 1000000",
    "(UNIX_TIMESTAMP() + 9999) * 1000000",
]
# The column of now and the old one, which is read where the other is NULL.
OLD_EXPIRES = ["NULL", "UTC_TIMESTAMP() - INTERVAL 1 DAY", "UTC_TIMESTAMP() + INTERVAL 1 DAY"]
# The newest password decides, though another row has the higher id. Of two that are equally old to
# the microsecond Keystone takes the one that its database happens to give last.
ANOTHER = [False, False, True]
OPTIONS = ["1000", "1001", "1002", "1004"]
OPTION_VALUES = [None, None, None, "true", "false", "null"]


def distort(cloud: Cloud, person: Person, choose: random.Random) -> str:
    """Give an account a random past; returns what was done, for the message of a failure."""
    facts = {
        "failed_auth_count": choose.choice(FAILURES),
        "failed_auth_at": choose.choice(FAILED_AT),
        "enabled": choose.choice(ENABLED),
        "last_active_at": choose.choice(LAST_ACTIVE),
        "created_at": choose.choice(CREATED),
        "expires_at_int": choose.choice(EXPIRES),
        "expires_at": choose.choice(OLD_EXPIRES),
        "created_at_int": choose.choice(["created_at_int", "created_at_int", "0"]),
        "another": choose.choice(ANOTHER),
        "another_expires": choose.choice(EXPIRES),
        **{option: choose.choice(OPTION_VALUES) for option in OPTIONS},
    }
    statement = (
        "UPDATE user JOIN local_user ON local_user.user_id = user.id"
        " JOIN password ON password.local_user_id = local_user.id"
        " SET failed_auth_count = {failed_auth_count}, failed_auth_at = {failed_auth_at},"
        " enabled = {enabled}, last_active_at = {last_active_at}, user.created_at = {created_at},"
        " expires_at_int = {expires_at_int}, expires_at = {expires_at},"
        " created_at_int = {created_at_int} WHERE user.id = %s"
    )
    cloud.sql(statement.format(**facts), person.id)
    if facts["another"]:
        cloud.sql(
            "INSERT INTO password (local_user_id, password_hash, created_at, created_at_int,"
            " expires_at_int, self_service) SELECT local_user_id, password_hash,"
            f" password.created_at, created_at_int - 1, {facts['another_expires']}, 0 FROM password"
            " JOIN local_user ON local_user.id = local_user_id WHERE user_id = %s",
            person.id,
        )
    for option in OPTIONS:
        if facts[option] is not None:
            cloud.sql(
                "INSERT INTO user_option VALUES (%s, %s, %s)", person.id, option, facts[option]
            )
    return ", ".join(f"{name}: {value}" for name, value in facts.items() if value is not None)


@pytest.fixture(scope="module")
def people(cloud: Cloud) -> dict[str, tuple[Person, str]]:
    """Accounts with a random past, by id; the same ones in each run."""
    choose = random.Random(2026)
    made = [cloud.create_user("oracle") for _ in range(NUMBER)]
    return {person.id: (person, distort(cloud, person, choose)) for person in made}


@pytest.fixture(scope="module")
def said(people: dict[str, tuple[Person, str]], site: Site) -> dict[str, list[str]]:
    """What pciops says of each before anybody signs in: its states, by id."""
    return {found["id"]: found["states"] for found in accounts(site)}


@pytest.fixture(scope="module")
def listed(people: dict[str, tuple[Person, str]], site: Site) -> dict[str, set[str]]:
    """Whom pciops lists in each state before anybody signs in."""
    return {state: {found["id"] for found in accounts(site, "--state", state)} for state in STATES}


def accounts(site: Site, *words: str) -> list[dict[str, Any]]:
    """The accounts of these tests, as the command lists them."""
    result = site.manage("accounts", "--search", "oracle-", "--format", "json", *words)
    assert result.code == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)["accounts"]
    return found


@pytest.mark.parametrize("state", STATES)
def test_a_list_holds_exactly_the_accounts_that_are_in_its_state(
    said: dict[str, list[str]], listed: dict[str, set[str]], state: str
) -> None:
    assert listed[state] == {user_id for user_id, states in said.items() if state in states}
    assert listed[state]  # or this shows nothing


def test_an_account_gets_in_at_keystone_unless_a_state_blocks_it(
    people: dict[str, tuple[Person, str]],
    said: dict[str, list[str]],
    listed: dict[str, set[str]],  # before a sign-in changes the rows
    cloud: Cloud,
) -> None:
    answers = {user_id: cloud.sign_in(person) for user_id, (person, _) in people.items()}

    different = [
        f"{past}: pciops says {said[user_id] or 'nothing blocks'}, Keystone {answers[user_id]}"
        for user_id, (_, past) in people.items()
        if answers[user_id] == bool(BLOCKING & set(said[user_id]))
    ]
    assert not different, "\n".join(different)
    assert set(answers.values()) == {True, False}
