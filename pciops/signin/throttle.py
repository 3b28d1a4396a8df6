"""A throttle of the sign-in form for each source address, so that it cannot lock accounts.

Keystone counts every wrong password towards its lock, and our form would send them from our own
address. An attempt is counted before Keystone is asked, so that many at once do not get around the
throttle, and taken back if no password was wrong.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Final

from django.db.models import F, Q

from pciops.lib.addresses import network
from pciops.signin.models import Throttle

FREE: Final = 2  # attempts without waiting, below any sensible lockout_failure_attempts
FIRST_WAIT: Final = timedelta(seconds=10)
LONGEST_WAIT: Final = timedelta(minutes=15)
FORGOTTEN_AFTER: Final = timedelta(hours=1)
KEPT: Final = timedelta(days=1)


class ThrottledError(Exception):
    """The address has to wait."""

    def __init__(self, until: datetime, *, first: bool) -> None:
        super().__init__(until)
        self.until = until
        self.first = first  # since its last failure: the audit log gets one row a wait


def wait_after(failures: int) -> timedelta:
    """Return the waiting time after this many failures: 0, 0, 10 s, 20 s, 40 s … 15 min."""
    if failures <= FREE:
        return timedelta(0)
    doublings = min(failures - FREE - 1, 16)
    return min(LONGEST_WAIT, FIRST_WAIT * (1 << doublings))


def count(address: str, now: datetime) -> None:
    """Count an attempt as failed until it is taken back.

    Raises:
        ThrottledError: the address has to wait, and nothing was counted.
    """
    source = network(address)
    while True:
        row, created = Throttle.objects.get_or_create(
            address=source, defaults={"last_at": now, "not_before": now}
        )
        if created:
            Throttle.objects.filter(last_at__lt=now - KEPT).delete()
        if row.not_before > now:
            new = Q(refused_at=None) | Q(refused_at__lt=F("last_at"))
            refused = Throttle.objects.filter(new, address=source).update(refused_at=now)
            raise ThrottledError(row.not_before, first=refused == 1)
        before = 0 if now - row.last_at > FORGOTTEN_AFTER else row.failures
        # The precondition on `failures` and `last_at` admits one of several attempts at once; the
        # others read again, and have to wait.
        unchanged = Throttle.objects.filter(
            address=source, failures=row.failures, last_at=row.last_at
        )
        if unchanged.update(
            failures=before + 1, last_at=now, not_before=now + wait_after(before + 1)
        ):
            return


def take_back(address: str, now: datetime) -> None:
    """Uncount one attempt that succeeded, or in which no password was checked.

    A success does not clear the failures before it: a guesser with an account could otherwise sign
    in between attempts at the accounts of others.
    """
    Throttle.objects.filter(address=network(address), failures__gt=0).update(
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
