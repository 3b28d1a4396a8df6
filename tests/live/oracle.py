"""Accounts for the oracle: combinations of the rules of a sign-in, and odd rows besides."""

from __future__ import annotations

import itertools
import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pciops.accounts.policy.policy import Policy
from pciops.keystone import options
from tests.factories import MICROSECOND, PasswordRow

Facts = dict[str, Any]  # what make_user takes
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
# Keystone's arithmetic rounds the last microseconds of this second into the year 10000, and fails.
LAST = datetime.max.replace(microsecond=0, tzinfo=UTC)


def combinations(policy: Policy, now: datetime, *, every: bool) -> list[Facts]:
    """Return accounts with each combination of the rules, or of any three of the four rules."""
    rules = (locks(policy, now), activities(policy, now), passwords(policy, now), exemptions())
    numbers = itertools.product(*(range(len(rule)) for rule in rules))
    # Without every one: if the first follows from the others, any values of three rules meet.
    ways = [way for way in numbers if every or way[0] == sum(way[1:]) % len(rules[0])]
    return [
        {key: value for rule, n in zip(rules, way, strict=True) for key, value in rule[n].items()}
        for way in ways
    ]


def locks(policy: Policy, now: datetime) -> list[Facts]:
    """Return no failure, a lock, a lapsed lock, and one failure less than a lock takes."""
    attempts, lockout = policy.lockout_failure_attempts or 0, policy.lockout or timedelta(0)
    return [
        {"failed_auth_count": 0},
        {"failed_auth_count": attempts, "failed_auth_at": now},
        {"failed_auth_count": attempts, "failed_auth_at": now - lockout - SECOND},
        {"failed_auth_count": attempts - 1, "failed_auth_at": now},
    ]


def activities(policy: Policy, now: datetime) -> list[Facts]:
    """Return active on the last day that counts, a day too late, disabled, and NULL."""
    limit = now.date() - timedelta(days=policy.disable_user_account_days_inactive or 0)
    return [
        {"last_active_at": limit + DAY},
        {"last_active_at": limit},
        {"enabled": False, "last_active_at": now.date()},
        {"enabled": None, "last_active_at": now.date()},
    ]


def passwords(policy: Policy, now: datetime) -> list[Facts]:
    """Return passwords without an expiry, with a future one, a past one, and one in old columns."""
    made = now - timedelta(days=policy.password_expires_days or 0)
    row = PasswordRow(created_at=made)
    return [
        {"passwords": [row]},
        {"passwords": [replace(row, expires_at=now + DAY)]},
        {"passwords": [replace(row, expires_at=now - MICROSECOND)]},
        {"passwords": [replace(row, expires_at=now - SECOND, old_columns=True)]},
    ]


def exemptions() -> list[Facts]:
    """Return no exemption, one from each rule, and options that are set but not true."""
    rules = [options.IGNORE_PASSWORD_EXPIRY, options.IGNORE_LOCKOUT, options.IGNORE_USER_INACTIVITY]
    return [
        {"options": {}},
        *({"options": {rule: True}} for rule in rules),
        {"options": dict(zip(rules, [False, None, False], strict=True))},
    ]


def odd(policy: Policy, now: datetime) -> list[Facts]:
    """Return rows that Keystone never writes, or hardly ever."""
    attempts = policy.lockout_failure_attempts
    row = PasswordRow(created_at=now - DAY)
    good, bad = replace(row, expires_at=now + DAY), replace(row, expires_at=now - DAY)
    older = replace(bad, created_at=bad.created_at - MICROSECOND)
    return [
        *({"extra": extra} for extra in ("", "{", "null", "[]", '["a"]', "7", '"a"')),
        *({"extra": extra} for extra in ("{}", '{"email": 7}', '{"enabled": false}')),
        {"passwords": []},
        {"passwords": [], "failed_auth_count": attempts, "failed_auth_at": now},
        {"created_at": None, "last_active_at": None},
        {"created_at": now - timedelta(days=999), "last_active_at": None},
        {"created_at": LAST, "last_active_at": LAST.date()},
        {"failed_auth_count": None},
        {"failed_auth_count": None, "failed_auth_at": now},
        {"failed_auth_count": attempts, "failed_auth_at": None},
        {"failed_auth_count": attempts, "failed_auth_at": LAST},
        {"passwords": [replace(row, expires_at=LAST)]},
        {"passwords": [replace(row, expires_at=LAST, old_columns=True)]},
        {"passwords": [replace(row, expires_at=row.created_at)]},
        {"passwords": [replace(row, expires_at=row.created_at + SECOND)]},
        {"passwords": [older, good]},
        {"passwords": [good, older]},
        {"passwords": [replace(older, expires_at=None), bad]},
        {"passwords": [bad, replace(older, expires_at=None)]},
        {"passwords": [replace(bad, old_columns=True), good]},  # an old row is the older one
        {"passwords": [good, replace(bad, old_columns=True)]},
        # Of equal age. Keystone's database decides each time which of them counts, so there is an
        # answer only for rows where it makes no difference.
        *({"passwords": [rows] * number} for rows in (row, good, bad) for number in (2, 3, 4)),
        {"passwords": [row, good]},
        {"passwords": [good, row, replace(good, expires_at=now + 2 * DAY)]},
        {"passwords": [bad, replace(bad, expires_at=now - 2 * DAY), older]},
        {"passwords": [replace(bad, old_columns=True)] * 3},
    ]


def factors(now: datetime) -> list[Facts]:
    """Return rules of second factors, of accounts with and without a TOTP credential."""
    two, programs = ["password", "totp"], ["application_credential"]
    rules: list[object] = [
        *([two], [two, programs], [two, ["password"]], [["totp"]], [["password"]]),
        *([two, ["smartcard"]], [["smartcard"]], [["password", "smartcard"]], [], None, "totp"),
        *([["password", 7], two], [["password", "TOTP"]], [["password", "password", "totp"]]),
    ]
    return [
        *(
            {"options": {options.MFA_RULES: rule}, "credentials": credentials}
            for rule in rules
            for credentials in ((), ("totp",), ("ec2",))
        ),
        *(
            {"options": {options.MFA_RULES: [two], options.MFA_ENABLED: enabled}}
            for enabled in (True, False, None)
        ),
        {"options": {options.MFA_RULES: [two], options.IGNORE_LOCKOUT: True}},
        {"options": {options.MFA_RULES: [two]}, "enabled": False},
        {"options": {options.MFA_RULES: [two]}, "last_active_at": now.date() - 900 * DAY},
    ]


def close(policy: Policy, now: datetime, number: int) -> list[Facts]:
    """Return locks that end and passwords that expire while the accounts sign in one by one."""
    choose = random.Random(2026)
    lockout = policy.lockout or timedelta(0)
    row = PasswordRow(created_at=now - DAY)
    accounts: list[Facts] = []
    for _ in range(number):
        soon = now + timedelta(milliseconds=choose.randrange(20_000))
        expiry = replace(row, expires_at=soon, old_columns=choose.random() < 0.3)
        locked = {
            "failed_auth_count": policy.lockout_failure_attempts,
            "failed_auth_at": soon.replace(microsecond=0) - lockout,
        }
        accounts.append(choose.choice([locked, {"passwords": [expiry]}]))
    return accounts


def described(facts: Facts) -> str:
    """Return the facts of an account for the message of a failure."""
    return json.dumps(facts, default=str)
