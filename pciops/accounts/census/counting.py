"""Counts for a census: all accounts by `scans`, privileged ones one by one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Final

from pciops.accounts import selectors
from pciops.accounts.census.scans import CensusScan, scan
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKinds
from pciops.accounts.states import EXPIRED, INACTIVE, classify
from pciops.lib.keyset import batched

CLOUD: Final = ""  # the domain_id of numbers for the whole cloud
EVERY: Final = ""  # the state or the kind of numbers for all accounts
DAYS: Final = 14  # of the forecast; the first is the rest of today
ATTENTION: Final = 200  # named accounts of a domain, and of the cloud
BATCH: Final = 1000  # accounts in one query


@dataclass(frozen=True, kw_only=True)
class CensusTally:
    """The counts of a census. Domain "" is the whole cloud; there are no zeros."""

    counted_at: datetime
    took: timedelta
    numbers: Mapping[tuple[str, str, str], int]  # (domain id, state, kind) → accounts
    days: Mapping[tuple[str, date, str], int]  # (domain id, day, future state) → accounts
    attention: list[tuple[str, str]]  # (domain id, user id), the most urgent first


def count(*, policy: Policy, now: datetime, kinds: Mapping[str, AccountKinds]) -> CensusTally:
    """Count all accounts at `now`.

    Raises:
        KeystoneDatabaseDownError
    """
    begun = time.monotonic()
    scanned = scan(policy=policy, now=now, days=days_from(now))
    privileged_counts, attention = count_privileged(kinds, policy=policy, now=now)
    return CensusTally(
        counted_at=now,
        took=timedelta(seconds=time.monotonic() - begun),
        numbers=_summed(scanned) + privileged_counts,
        days=_forecast(scanned),
        attention=attention,
    )


def count_privileged(
    kinds: Mapping[str, AccountKinds], *, policy: Policy, now: datetime
) -> tuple[Counter[tuple[str, str, str]], list[tuple[str, str]]]:
    """Count the privileged accounts in each state, and return those that need attention."""
    numbers: Counter[tuple[str, str, str]] = Counter()
    troubled: list[tuple[bool, str, str, str]] = []
    for account in chain.from_iterable(
        selectors.get_many(user_ids, scope=None) for user_ids in batched(kinds, BATCH)
    ):
        states = classify(account, policy, now)
        for kind in kinds[account.id]:
            for name in (EVERY, *(state.name for state in states)):
                numbers[CLOUD, name, kind] += 1
                if account.domain_id:
                    numbers[account.domain_id, name, kind] += 1
        if any(state.blocks_signin or state.warns for state in states):
            can_sign_in = not any(state.blocks_signin for state in states)
            troubled.append((can_sign_in, account.name, account.domain_id, account.id))
    return numbers, _urgent(troubled)


def _urgent(troubled: list[tuple[bool, str, str, str]]) -> list[tuple[str, str]]:
    """Return (domain id, user id), blocked accounts first, at most `ATTENTION` of a domain."""
    named: Counter[str] = Counter()
    urgent = []
    for _, _, domain_id, user_id in sorted(troubled):
        named[domain_id] += 1
        if named[domain_id] <= ATTENTION:
            urgent.append((domain_id, user_id))
    return urgent


def days_from(now: datetime) -> list[date]:
    """Return the UTC days of the forecast, today first."""
    today = now.astimezone(UTC).date()
    return [today + timedelta(days=number) for number in range(DAYS)]


def _summed(scanned: CensusScan) -> Counter[tuple[str, str, str]]:
    """Return (domain id, state, kind) → accounts, for each domain and for the cloud."""
    numbers: Counter[tuple[str, str, str]] = Counter()
    counts = [(domain, EVERY, number) for domain, number in scanned.users.items()]
    counts += [(domain, state.name, number) for (domain, state), number in scanned.states.items()]
    for domain, state, number in counts:
        for place in {CLOUD, domain}:
            numbers[place, state, EVERY] += number
    return numbers


def _forecast(scanned: CensusScan) -> Counter[tuple[str, date, str]]:
    """Return (domain id, day, future state) → accounts, for each domain and for the cloud."""
    days: Counter[tuple[str, date, str]] = Counter()
    for state, by_day in ((INACTIVE, scanned.inactive), (EXPIRED, scanned.expired)):
        for (domain, day), number in by_day.items():
            for place in {CLOUD, domain}:
                days[place, day, state.name] += number
    return days
