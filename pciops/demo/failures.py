"""Locks the demo's accounts as they are locked in life: by real failed sign-ins at Keystone."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import requests

from pciops.demo import ageing
from pciops.demo.account import EXEMPT_FROM_LOCKOUT, LOCKING, POLICY, Account
from pciops.demo.cloud import Cloud, sign_in
from pciops.demo.people import ACCOUNTS
from pciops.demo.process import DemoError, Report

_LOCKOUT = timedelta(seconds=int(POLICY["lockout_duration"]))
_WRONG = "not-the-password-0"


def fail_sign_ins(cloud: Cloud, database: Path, now: datetime, report: Report) -> None:
    """Sign in wrongly until each account has the failures of its history, and no more.

    So a second start locks anew what somebody has unlocked, or what has unlocked itself.

    Raises:
        DemoError: where Keystone does not refuse.
    """
    so_far = ageing.failures_so_far(database)
    for account in ACCOUNTS:
        count, last = so_far.get((account.domain, account.name), (0, None))
        if missing := failures_missing(account, count, last, now):
            report("Locking accounts by failed sign-ins")
            _fail(cloud, account, missing)


def _fail(cloud: Cloud, account: Account, times: int) -> None:
    if not account.enabled:
        # Keystone counts no failures of a disabled account: it was locked first, then disabled.
        # Enabling it has cleared its count.
        cloud.set_enabled(account, enabled=True)
        times = account.history.failures
    for _ in range(times):
        status = sign_in(cloud.url, account, _WRONG)
        if status != requests.codes.unauthorized:
            raise DemoError(f"Keystone answers {status} to a wrong password, not 401.")
    if not account.enabled:
        cloud.set_enabled(account, enabled=False)


def failures_missing(account: Account, count: int, last: datetime | None, now: datetime) -> int:
    """How many failed sign-ins the account lacks, at this count and with this last one."""
    history = account.history
    exempt = EXEMPT_FROM_LOCKOUT in account.options
    over = last is not None and last + _LOCKOUT <= now
    if over and count >= LOCKING and not exempt and not history.lapsed:
        count = 0  # Keystone forgets a lock that has ended at the next attempt
    return max(0, history.failures - count)
