"""Locks the demo's accounts by real failed sign-ins at Keystone."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import requests

from pciops.demo import ageing
from pciops.demo.account import DESK, EXEMPT_FROM_LOCKOUT, LOCKOUT_ATTEMPTS, POLICY, Account
from pciops.demo.cloud import Cloud, sign_in
from pciops.demo.passwords import Passwords
from pciops.demo.people import ACCOUNTS, COLLEAGUES, SPRAYED, SPRAYER, TYPIST, UNKNOWN_NAMES
from pciops.demo.process import DemoError, ReportStep

_LOCKOUT = timedelta(seconds=int(POLICY["lockout_duration"]))
_WRONG = "not-the-password-{}"


def fail_sign_ins(
    cloud: Cloud, database: Path, passwords: Passwords, now: datetime, report: ReportStep
) -> list[Account]:
    """Fail to sign in until each account has the failures of its history, and no more.

    A second start locks the accounts again whose lock was removed or has ended. Returns the
    accounts that failed during this start.

    Raises:
        DemoError: Keystone accepts a wrong password.
    """
    so_far = ageing.failures_so_far(database)
    failed = []
    for account in ACCOUNTS:
        count, last = so_far.get((account.domain, account.name), (0, None))
        if missing := failures_missing(account, count, last, now):
            report("Locking accounts by failed sign-ins")
            _fail(cloud, account, missing)
            failed.append(account)
    named = {account.name: account for account in ACCOUNTS}
    untouched = [named[name] for name in SPRAYED if so_far.get(("corp", name), (1,))[0] == 0]
    if len(untouched) == len(SPRAYED):
        report("Trying one password at many accounts")
        _spray(cloud, untouched)
        _mistype(cloud, named[TYPIST], passwords[named[TYPIST].key])
        for name in COLLEAGUES:
            sign_in(cloud.url, named[name], passwords[named[name].key], DESK)
    return failed


def keep_failing(cloud_url: str, account: Account) -> None:
    """Fail to sign in once more with the old password."""
    _refused(sign_in(cloud_url, account, _WRONG.format(0), account.history.source))


def _fail(cloud: Cloud, account: Account, times: int) -> None:
    if not account.enabled:
        # Keystone counts no failures of a disabled account: lock it first, then disable it.
        # To enable it clears its count.
        cloud.set_enabled(account, enabled=True)
        times = account.history.failures
    source = account.history.source
    for number in range(times + source.later):
        password = _WRONG.format(0 if source.same else number)
        _refused(sign_in(cloud.url, account, password, source))
    if not account.enabled:
        cloud.set_enabled(account, enabled=False)


def _spray(cloud: Cloud, accounts: list[Account]) -> None:
    unknown = [Account(domain="corp", name=name) for name in UNKNOWN_NAMES]
    for account in (*accounts, *unknown):
        _refused(sign_in(cloud.url, account, _WRONG.format("Winter2026"), SPRAYER))


def _mistype(cloud: Cloud, account: Account, password: str) -> None:
    for number in range(2):
        _refused(sign_in(cloud.url, account, f"{password[:-1]}{number}x", DESK))
    sign_in(cloud.url, account, password, DESK)


def _refused(status: int) -> None:
    if status != requests.codes.unauthorized:
        raise DemoError(f"Keystone answers {status} to a wrong password, not 401.")


def failures_missing(account: Account, count: int, last: datetime | None, now: datetime) -> int:
    """Return how many failed sign-ins the account still needs.

    Args:
        count, last: the failures that Keystone has counted, and the time of the last.
    """
    history = account.history
    exempt = EXEMPT_FROM_LOCKOUT in account.options
    over = last is not None and last + _LOCKOUT <= now
    if over and count >= LOCKOUT_ATTEMPTS and not exempt and not history.lapsed:
        count = 0  # the next attempt clears a lock that has ended
    return max(0, history.failures - count)
