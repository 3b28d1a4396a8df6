"""Counts the leftovers in Keystone's tables, and keeps the last counts.

The counts take seconds in large clouds, so a daily job takes them and pages show their age. Each is
one statement, which the session of `keystone` limits to 15 seconds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connections

from pciops.accounts.leftovers import LEFTOVERS, Leftover, Limits, NotCountedError
from pciops.accounts.models import LeftoverCount
from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.keystone_conf import assignments
from pciops.keystone import ALIAS, database
from pciops.lib import retries
from pciops.lib.privileges import denied

STALE: Final = timedelta(hours=49)  # the job runs once a day
# Keystone's defaults, in seconds: keystone/conf/token.py and keystone/conf/revoke.py
TOKEN_EXPIRATION: Final = 3600
EXPIRATION_BUFFER: Final = 1800
COUNT: Final = "unique_last_password_count"


@dataclass(frozen=True, kw_only=True)
class HousekeepingRow:
    """A kind of leftover with its last count; None if it was never counted."""

    leftover: Leftover
    count: LeftoverCount | None


def count(now: datetime) -> list[LeftoverCount]:
    """Count all leftovers, without storing the counts. An unknown number has a reason."""
    limits = limits_at(now)
    return [_count(leftover, limits) for leftover in LEFTOVERS]


@retries.repeated
def keep(counts: Sequence[LeftoverCount]) -> None:
    """Store the counts in place of the last ones."""
    LeftoverCount.objects.all().delete()
    LeftoverCount.objects.bulk_create(counts)


def latest() -> list[HousekeepingRow]:
    """Return all kinds of leftovers with their last counts."""
    stored = LeftoverCount.objects.in_bulk()
    return [
        HousekeepingRow(leftover=leftover, count=stored.get(leftover.name))
        for leftover in LEFTOVERS
    ]


def limits_at(now: datetime) -> Limits:
    """Return what Keystone needs by its files and our settings.

    If the files of Keystone's nodes differ, the greatest value counts: it deletes least.

    Raises:
        SettingError: if a file cannot be read, or an option has an invalid value.
    """
    sourced = policies.current_with_sources()
    kept = None
    if settings.KEYSTONE_CONF or sourced.sources[COUNT] != "default":
        values = [value for _, value in sourced.disagreements.get(COUNT, ())]
        numbers = [value for value in values if isinstance(value, int)]
        # Keystone keeps this number, at least one, and adds the new one.
        kept = max(1, sourced.policy.unique_last_password_count, *numbers) + 1
    lifetime = _seconds("token", "expiration", TOKEN_EXPIRATION)
    buffer = _seconds("revoke", "expiration_buffer", EXPIRATION_BUFFER)
    return Limits(
        now=now,
        revocations_kept=None if lifetime is None or buffer is None else lifetime + buffer,
        passwords_kept=kept,
    )


def _seconds(section: str, option: str, default: int) -> timedelta | None:
    """Return the greatest value in the files; None without files, or if one is no number."""
    paths = settings.KEYSTONE_CONF
    found = [assignments(path, section).get(option) for path in paths]
    texts = [str(default) if line is None else line.text for line in found]
    if not texts or not all(text.isdecimal() for text in texts):
        return None
    return timedelta(seconds=max(map(int, texts)))


def _count(leftover: Leftover, limits: Limits) -> LeftoverCount:
    begun = time.monotonic()
    result = LeftoverCount(name=leftover.name, counted_at=limits.now)
    try:
        result.number = _number(leftover.count(limits), leftover)
        if leftover.counts_all:
            result.total = _number(leftover.count_all, leftover)
    except NotCountedError as error:
        result.reason, result.remedy = error.reason, error.remedy
    result.milliseconds = int((time.monotonic() - begun) * 1000)
    return result


def _number(statement: str, leftover: Leftover) -> int:
    """Return the number that a SELECT finds.

    Raises:
        NotCountedError: if Keystone's database answers, but refuses or stops this statement.
        KeystoneDatabaseDownError: if it does not answer.
    """
    try:
        with database.reading(), connections[ALIAS].cursor() as cursor:
            cursor.execute(statement)
            [[number]] = cursor.fetchall()
    except database.KeystoneDatabaseDownError as error:
        database.ping()
        cause = error.__cause__
        if not (isinstance(cause, DatabaseError) and denied(cause)):
            raise NotCountedError(
                f"Keystone's database did not count {leftover.table}: {error}.",
                "Ask a database administrator to count with the SQL.",
            ) from None
        if leftover.readable:
            raise NotCountedError(
                f"pciops' login can't read {leftover.table}.",
                "Run what pciops grants prints.",
            ) from None
        raise NotCountedError(
            "pciops' login can't read password_hash, by design.",
            "Ask a database administrator to count with the SQL.",
        ) from None
    return int(number)
