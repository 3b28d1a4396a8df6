"""A throttle of the sign-in form for each source address, so that it cannot lock accounts.

Keystone counts every wrong password towards its lock, and our form would send them from our own
address. An attempt is counted before Keystone is asked, so that many at once do not get around the
throttle, and taken back if no password was wrong. The second factor has buckets of its own: see
`second_factor`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import Final

from django.conf import settings
from django.db.models import F, Q

from pciops.lib import retries
from pciops.lib.addresses import network
from pciops.signin.models import Throttle

FREE: Final = 2  # attempts without waiting, below any sensible lockout_failure_attempts
FIRST_WAIT: Final = timedelta(seconds=10)
LONGEST_WAIT: Final = timedelta(minutes=15)
FORGOTTEN_AFTER: Final = timedelta(hours=1)
KEPT: Final = timedelta(days=1)
# One customer may have 65,536 networks of the size that is counted like one IPv4 address.
_WIDER: Final = {56: 16, 48: 64}  # prefix → attempts without waiting

_slots = BoundedSemaphore(max(1, settings.THREADS // 2))


class ThrottledError(Exception):
    """The address or the account has to wait."""

    def __init__(self, until: datetime, *, first: bool, account: bool = False) -> None:
        super().__init__(until)
        self.until = until
        self.first = first  # since its last failure: the audit log gets one row a wait
        self.account = account  # not the address


class ExhaustedError(Exception):
    """A bucket takes no more attempts."""


class BusyError(Exception):
    """As many sign-ins as this process takes are under way."""


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """The thing that failures are counted for."""

    key: str  # at most 45 characters
    free: int = FREE
    most: int | None = None  # failures, after which it takes no more attempts
    forgotten_after: timedelta = FORGOTTEN_AFTER
    account: bool = False


def of_address(address: str) -> list[Bucket]:
    """Return the buckets of a source address: its own, and those of the networks around it."""
    found = {network(address): FREE}
    for prefix, free in _WIDER.items():
        found.setdefault(network(address, prefix), free)
    return [Bucket(key=key, free=free) for key, free in found.items()]


def wait_after(failures: int, free: int = FREE) -> timedelta:
    """Return the waiting time after this many failures: 0, 10 s, 20 s, 40 s … 15 min."""
    if failures < free:
        return timedelta(0)
    doublings = min(failures - free, 16)
    return min(LONGEST_WAIT, FIRST_WAIT * (1 << doublings))


def count(address: str, now: datetime, *more: Bucket) -> None:
    """Count an attempt as failed until it is taken back.

    Args:
        more: buckets beside those of the address.

    Raises:
        ThrottledError: a bucket has to wait, and nothing was counted.
        ExhaustedError: a bucket takes no more, and nothing was counted.
    """
    counted: list[Bucket] = []
    for bucket in (*of_address(address), *more):
        try:
            _count(bucket, now)
        except (ThrottledError, ExhaustedError):
            _take_back(counted, now)
            raise
        counted.append(bucket)


def take_back(address: str, now: datetime, *more: Bucket) -> None:
    """Uncount one attempt that succeeded, or in which no password was checked.

    A success does not clear the failures before it: a guesser with an account could otherwise sign
    in between attempts at the accounts of others.
    """
    _take_back([*of_address(address), *more], now)


def failures(bucket: Bucket) -> int:
    """Return the failures that are counted for a bucket."""
    row = Throttle.objects.filter(address=bucket.key).first()
    return row.failures if row else 0


@contextmanager
def slot() -> Iterator[None]:
    """Hold one of the threads that sign-ins may take, half of all, so that pages are answered.

    Raises:
        BusyError
    """
    if not _slots.acquire(blocking=False):
        raise BusyError
    try:
        yield
    finally:
        _slots.release()


def _count(bucket: Bucket, now: datetime) -> None:
    while True:
        row, created = _row(bucket, now)
        if created:
            Throttle.objects.filter(last_at__lt=now - KEPT).delete()
        if row.not_before > now:
            new = Q(refused_at=None) | Q(refused_at__lt=F("last_at"))
            refused = Throttle.objects.filter(new, address=bucket.key).update(refused_at=now)
            raise ThrottledError(row.not_before, first=refused == 1, account=bucket.account)
        before = 0 if now - row.last_at > bucket.forgotten_after else row.failures
        if bucket.most is not None and before >= bucket.most:
            raise ExhaustedError
        # The precondition on `failures` and `last_at` admits one of several attempts at once; the
        # others read again, and have to wait.
        unchanged = Throttle.objects.filter(
            address=bucket.key, failures=row.failures, last_at=row.last_at
        )
        wait = timedelta(0) if bucket.most is not None else wait_after(before + 1, bucket.free)
        if unchanged.update(failures=before + 1, last_at=now, not_before=now + wait):
            return


@retries.repeated
def _row(bucket: Bucket, now: datetime) -> tuple[Throttle, bool]:
    values = {"last_at": now, "not_before": now}
    return Throttle.objects.get_or_create(address=bucket.key, defaults=values)


def _take_back(buckets: list[Bucket], now: datetime) -> None:
    keys = [bucket.key for bucket in buckets]
    Throttle.objects.filter(address__in=keys, failures__gt=0).update(
        failures=F("failures") - 1, not_before=now
    )


def hold(started: float, whole: float) -> None:
    """Wait until the answer has taken a multiple of `whole` seconds.

    Keystone computes a hash only for a name that it knows: the time of a refusal would tell known
    names from others.

    Args:
        started: `time.monotonic` before Keystone was asked.
    """
    if whole:
        time.sleep(-(time.monotonic() - started) % whole)
