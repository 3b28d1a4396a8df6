"""What a census counts: every account by `scans`, those that matter one by one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from pciops.accounts import selectors
from pciops.accounts.account import Account
from pciops.accounts.census.scans import Scan, scan
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import EXPIRED, INACTIVE, classify

CLOUD: Final = ""  # the domain_id of what was counted in the whole cloud
EVERY: Final = ""  # the state of every account, and the kind of all kinds
DAYS: Final = 14  # of the forecast; the first is the rest of today
ATTENTION: Final = 200  # accounts of a domain, and of the cloud, that are named
CHUNK: Final = 1000  # accounts that are judged at a time

Kinds = Mapping[str, tuple[str, ...]]  # user id → administrator, service


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What was counted. Domain "" is the whole cloud; what is zero is missing."""

    counted_at: datetime
    took: timedelta
    numbers: Mapping[tuple[str, str, str], int]  # (domain id, state, kind) → accounts
    days: Mapping[tuple[str, date, str], int]  # (domain id, day, state that it brings) → accounts
    attention: list[tuple[str, str]]  # (domain id, user id), the most urgent first


def count(*, policy: Policy, now: datetime, kinds: Kinds) -> Tally:
    """Count everything, as it is at this instant.

    Raises:
        KeystoneDatabaseDownError
    """
    begun = time.monotonic()
    found = scan(policy=policy, now=now, days=days_from(now))
    of_kinds, attention = judged(kinds, policy=policy, now=now)
    return Tally(
        counted_at=now,
        took=timedelta(seconds=time.monotonic() - begun),
        numbers=_summed(found) + of_kinds,
        days=_forecast(found),
        attention=attention,
    )


def judged(
    kinds: Kinds, *, policy: Policy, now: datetime
) -> tuple[Counter[tuple[str, str, str]], list[tuple[str, str]]]:
    """The accounts of a kind: how many in each state, and those that need somebody's attention."""
    numbers: Counter[tuple[str, str, str]] = Counter()
    troubled: list[tuple[bool, str, str, str]] = []
    for account in _accounts(list(kinds)):
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


def _accounts(user_ids: list[str]) -> Iterator[Account]:
    for start in range(0, len(user_ids), CHUNK):
        yield from selectors.these(user_ids[start : start + CHUNK], scope=None)


def _urgent(troubled: list[tuple[bool, str, str, str]]) -> list[tuple[str, str]]:
    """(domain id, user id), those first who cannot sign in; so many of each domain."""
    named: Counter[str] = Counter()
    urgent = []
    for _, _, domain_id, user_id in sorted(troubled):
        named[domain_id] += 1
        if named[domain_id] <= ATTENTION:
            urgent.append((domain_id, user_id))
    return urgent


# --- Forecast -----------------------------------------------------------------------------------
def days_from(now: datetime) -> list[date]:
    """The UTC days of the forecast: the rest of today, and those that follow."""
    today = now.astimezone(UTC).date()
    return [today + timedelta(days=number) for number in range(DAYS)]


# --- Sums ---------------------------------------------------------------------------------------
def _summed(found: Scan) -> Counter[tuple[str, str, str]]:
    """(domain id, state, kind) → accounts, for each domain and for the cloud."""
    numbers: Counter[tuple[str, str, str]] = Counter()
    counts = [(domain, EVERY, number) for domain, number in found.users.items()]
    counts += [(domain, state.name, number) for (domain, state), number in found.states.items()]
    for domain, state, number in counts:
        for place in {CLOUD, domain}:
            numbers[place, state, EVERY] += number
    return numbers


def _forecast(found: Scan) -> Counter[tuple[str, date, str]]:
    """(domain id, day, state that it brings) → accounts, for each domain and for the cloud."""
    days: Counter[tuple[str, date, str]] = Counter()
    for state, by_day in ((INACTIVE, found.inactive), (EXPIRED, found.expired)):
        for (domain, day), number in by_day.items():
            for place in {CLOUD, domain}:
                days[place, day, state.name] += number
    return days
