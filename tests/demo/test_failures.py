"""The demo counts how many failed sign-ins an account still needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pciops.demo.account import EXEMPT_FROM_LOCKOUT, Account, History
from pciops.demo.failures import failures_missing

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
JUST_NOW = NOW - timedelta(minutes=1)
LONG_AGO = NOW - timedelta(minutes=30)
LOCKED = Account(domain="corp", name="ana", history=History(failures=3))


@pytest.mark.parametrize(
    ("count", "last", "missing"),
    [
        (0, None, 3),
        (1, JUST_NOW, 2),
        (2, LONG_AGO, 1),  # failures never age out by themselves
        (3, JUST_NOW, 0),
        (3, LONG_AGO, 3),  # the lock has ended: the next attempt starts at 1
        (5, JUST_NOW, 0),
    ],
)
def test_an_account_needs_failures_until_it_is_locked(
    count: int, last: datetime | None, missing: int
) -> None:
    assert failures_missing(LOCKED, count, last, NOW) == missing


def test_a_lapsed_lock_needs_none() -> None:
    lapsed = replace(LOCKED, history=History(failures=3, lapsed=True))

    assert failures_missing(lapsed, 3, LONG_AGO, NOW) == 0


def test_an_exempt_account_keeps_its_count() -> None:
    exempt = replace(LOCKED, options=(EXEMPT_FROM_LOCKOUT,), history=History(failures=27))

    assert failures_missing(exempt, 27, LONG_AGO, NOW) == 0
    assert failures_missing(exempt, 20, LONG_AGO, NOW) == 7


def test_an_account_without_failures_needs_none() -> None:
    assert failures_missing(replace(LOCKED, history=History()), 0, None, NOW) == 0
