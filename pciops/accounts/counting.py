"""Counts all accounts for a census, each part of it by a function of its own."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db.models import Case, Count, DateField, Exists, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, TruncDate

from pciops.accounts import selectors
from pciops.accounts.account import Account
from pciops.accounts.policy import Policy
from pciops.accounts.state import State
from pciops.accounts.states import (
    EXPIRED,
    INACTIVE,
    INACTIVE_SOON,
    NOT_COVERED,
    STATES,
    classify,
)
from pciops.keystone import database, options
from pciops.keystone.models import LocalUser, Password, User, UserOption

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
    numbers: Counter[tuple[str, str, str]] = Counter()
    for state in STATES:
        _add(numbers, by_domain(state, policy=policy, now=now), state.name)
    _add(numbers, accounts_by_domain(), EVERY)
    of_kinds, attention = judged(kinds, policy=policy, now=now)
    days = _forecast(policy=policy, now=now)
    return Tally(
        counted_at=now,
        took=timedelta(seconds=time.monotonic() - begun),
        numbers=numbers + of_kinds,
        days=days,
        attention=attention,
    )


@database.reading()
def by_domain(state: State, *, policy: Policy, now: datetime) -> dict[str, int]:
    """Domain id → its accounts in the state."""
    if state is NOT_COVERED:
        users = User.objects.filter(local_user=None).order_by()
        return _counted(users.values_list("domain_id").annotate(number=Count("pk")))
    rows = state.among(LocalUser.objects.order_by(), policy, now)
    return _counted(rows.values_list("domain_id").annotate(number=Count("pk")))


@database.reading()
def accounts_by_domain() -> dict[str, int]:
    """Domain id → all its accounts, those that are not covered among them."""
    users = User.objects.order_by()
    return _counted(users.values_list("domain_id").annotate(number=Count("pk")))


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


def _forecast(*, policy: Policy, now: datetime) -> Counter[tuple[str, date, str]]:
    days: Counter[tuple[str, date, str]] = Counter()
    for state, found in (
        (INACTIVE, inactive_by_day(policy=policy, now=now)),
        (EXPIRED, expired_by_day(now=now)),
    ):
        for (domain_id, day), number in found.items():
            days[CLOUD, day, state.name] += number
            if domain_id:
                days[domain_id, day, state.name] += number
    return days


@database.reading()
def inactive_by_day(*, policy: Policy, now: datetime) -> dict[tuple[str, date], int]:
    """(domain id, day) → accounts that nobody has to use for them to become inactive that day.

    Nobody becomes inactive in the rest of today: whole days are counted.
    """
    limit = policy.disable_user_account_days_inactive
    if limit is None:
        return {}
    ahead = replace(policy, inactive_soon_days=DAYS - 1)
    active_on = Coalesce("user__last_active_at", TruncDate("user__created_at", tzinfo=UTC))
    rows = INACTIVE_SOON.among(LocalUser.objects.order_by(), ahead, now)
    days = rows.values_list("domain_id", active_on).annotate(number=Count("pk"))
    return {
        (domain_id, active + timedelta(days=limit)): number for domain_id, active, number in days
    }


@database.reading()
def expired_by_day(*, now: datetime) -> dict[tuple[str, date], int]:
    """(domain id, day) → accounts whose newest password expires that day, later than now."""
    days = days_from(now)
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ends = [midnight + timedelta(days=number + 1) for number in range(DAYS)]
    whens = [When(_expires_before(end), Value(day)) for day, end in zip(days, ends, strict=True)]
    rows = Password.objects.filter(
        Q(expires_at_int__gt=now) | Q(expires_at_int=None, expires_at__gt=now),
        _expires_before(ends[-1]),
        ~Exists(_newer()),
        ~_exempt_from_expiry(),
    )
    day = Case(*whens, output_field=DateField())
    found = rows.order_by().values_list("local_user__domain_id", day)
    return {(domain, on): number for domain, on, number in found.annotate(number=Count("pk"))}


def _expires_before(instant: datetime) -> Q:
    """As Keystone reads the expiry: the old column where the new one is NULL."""
    return Q(expires_at_int__lt=instant) | Q(expires_at_int=None, expires_at__lt=instant)


def _newer() -> QuerySet[Password]:
    """Passwords of the same account that came after: it is not the one that Keystone checks.

    The index on `local_user_id` finds them, for the few that expire soon.
    """
    return Password.objects.filter(
        Q(created_at_int__gt=OuterRef("created_at_int"))
        | Q(created_at_int=OuterRef("created_at_int"), pk__gt=OuterRef("pk")),
        local_user=OuterRef("local_user"),
    )


def _exempt_from_expiry() -> Exists:
    return Exists(
        UserOption.objects.filter(
            user_id=OuterRef("local_user__user_id"),
            option_id=options.IGNORE_PASSWORD_EXPIRY,
            option_value="true",
        )
    )


# --- Sums ---------------------------------------------------------------------------------------
def _counted(rows: Iterable[tuple[str | None, int]]) -> dict[str, int]:
    return {domain_id or CLOUD: number for domain_id, number in rows}


def _add(numbers: Counter[tuple[str, str, str]], found: Mapping[str, int], state: str) -> None:
    """Into the numbers of each domain, and of the cloud."""
    for domain_id, number in found.items():
        numbers[CLOUD, state, EVERY] += number
        if domain_id:
            numbers[domain_id, state, EVERY] += number
