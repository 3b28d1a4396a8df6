"""Counts all accounts for a census: one pass over each of Keystone's tables, then privileged ones.

The rules are those of the states. Each pass groups only the rows that are in a state, and begins
with the table that it scans: grouping a million domain names, or looking up a million rows of
another table, takes longer than everything else.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from functools import partial, reduce
from itertools import chain
from operator import or_
from typing import Any, Final, cast

from django.db.models import Case, Count, IntegerField, Q, Value, When
from django.db.models.functions import Coalesce, TruncDate

from pciops.accounts import newest, selectors
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKinds
from pciops.accounts.states import (
    EXEMPT,
    EXEMPTIONS,
    EXPIRED,
    EXPIRING,
    INACTIVE,
    INACTIVE_SOON,
    MUST_CHANGE,
    NEVER_SIGNED_IN,
    NO_EXPIRY,
    NO_PASSWORD,
    NOT_COVERED,
    SECOND_FACTOR_NOT_ENROLLED,
    STATES,
    UNREADABLE,
    classify,
)
from pciops.accounts.states.inactivity import UserState
from pciops.accounts.states.password import expires
from pciops.accounts.states.state import State, option_is_true
from pciops.keystone import database, options
from pciops.keystone.models import LocalUser, User, UserOption
from pciops.lib import threads
from pciops.lib.keyset import batched

CLOUD: Final = ""  # the domain_id of numbers for the whole cloud
EVERY: Final = ""  # the state or the kind of numbers for all accounts
DAYS: Final = 14  # of the forecast; the first is the rest of today
ATTENTION: Final = 200  # named accounts of a domain, and of the cloud
BATCH: Final = 1000  # accounts in one query

BY_PASSWORD: Final = (MUST_CHANGE, EXPIRED, EXPIRING, NO_EXPIRY)
BY_USER: Final = tuple(
    state for state in STATES if isinstance(state, UserState) and state is not NEVER_SIGNED_IN
)
_OTHERS: Final = (
    *(UNREADABLE, NO_PASSWORD, NEVER_SIGNED_IN, SECOND_FACTOR_NOT_ENROLLED, EXEMPT, NOT_COVERED),
)
BY_FAILURES: Final = tuple(
    state for state in STATES if state not in (*BY_PASSWORD, *BY_USER, *_OTHERS)
)

# MariaDB would read the table row by row in the order of an index, if grouped by the column itself.
_SCANNED: Final = Coalesce("domain_id", Value(""))


@dataclass(frozen=True, kw_only=True)
class CensusTally:
    """The counts of a census. Domain "" is the whole cloud; there are no zeros."""

    counted_at: datetime
    took: timedelta
    numbers: Mapping[tuple[str, str, str], int]  # (domain id, state, kind) → accounts
    days: Mapping[tuple[str, date, str], int]  # (domain id, day, future state) → accounts
    attention: list[tuple[str, str]]  # (domain id, user id), the most urgent first


def count(
    *, policy: Policy, now: datetime, kinds: Mapping[str, AccountKinds], passwords: bool = True
) -> CensusTally:
    """Count all accounts at `now`.

    Args:
        passwords: also those of no kind in the states of `BY_PASSWORD`, and when they expire.
    """
    begun = time.monotonic()
    scan = _scan(policy, now, passwords=passwords)
    privileged_counts, attention = _count_privileged(kinds, policy, now)
    return CensusTally(
        counted_at=now,
        took=timedelta(seconds=time.monotonic() - begun),
        numbers=scan.numbers + privileged_counts,
        days=scan.days,
        attention=attention,
    )


def days_from(now: datetime) -> list[date]:
    """Return the UTC days of the forecast, today first."""
    today = now.astimezone(UTC).date()
    return [today + timedelta(days=number) for number in range(DAYS)]


# --- Privileged accounts ------------------------------------------------------------------------
def _count_privileged(
    kinds: Mapping[str, AccountKinds], policy: Policy, now: datetime
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
                for domain_id in {CLOUD, account.domain_id}:
                    numbers[domain_id, name, kind] += 1
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


# --- All accounts -------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Scan:
    """The counts so far, for each domain and for the cloud."""

    policy: Policy
    now: datetime
    numbers: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    days: Counter[tuple[str, date, str]] = field(default_factory=Counter)

    def add(self, domain: str | None, state: State | None, number: int) -> None:
        """Add accounts in a state, or accounts in general; "" stands for a missing domain."""
        for domain_id in {CLOUD, domain or ""}:
            self.numbers[domain_id, state.name if state else EVERY, EVERY] += number

    def add_day(self, domain: str, day: date, state: State, number: int) -> None:
        """Add accounts that will be in a state from a day on."""
        for domain_id in {CLOUD, domain}:
            self.days[domain_id, day, state.name] += number


def _scan(policy: Policy, now: datetime, *, passwords: bool) -> _Scan:
    scan = _Scan(policy, now)
    # Half of the time is the ranking of passwords. The two parts never add to the same key.
    parts = (_count_the_rest, _count_passwords) if passwords else (_count_the_rest,)
    threads.at_once(*(partial(part, scan) for part in parts))
    return scan


@database.reading()
def _count_the_rest(scan: _Scan) -> None:
    _count_users(scan)
    _count_failures(scan)
    _count_activity(scan)
    _count_never_signed_in(scan)
    _count_unreadable(scan)
    _count_without_password(scan)
    _count_not_enrolled(scan)
    _count_exempt(scan)


def _count_users(scan: _Scan) -> None:
    users = User.objects.order_by().values_list("domain_id")
    for domain, number in users.annotate(number=Count("pk")):
        scan.add(domain, None, number)
        scan.add(domain, NOT_COVERED, number)
    local = LocalUser.objects.order_by().values_list("domain_id")
    for domain, number in local.annotate(number=Count("pk")):
        scan.add(domain, NOT_COVERED, -number)


def _count_failures(scan: _Scan) -> None:
    conditions = {state.name: state.condition(scan.policy, scan.now) for state in BY_FAILURES}
    counts = {name: Count("pk", filter=condition) for name, condition in conditions.items()}
    failing = LocalUser.objects.order_by().filter(failed_auth_count__gt=0)
    rows = failing.filter(reduce(or_, conditions.values())).values(domain=_SCANNED)
    for row in cast("Iterable[dict[str, Any]]", rows.annotate(**counts)):
        for state in BY_FAILURES:
            scan.add(row["domain"], state, row[state.name])


def _count_activity(scan: _Scan) -> None:
    """Count the states of the row of `user`, no two of which hold at once.

    The exemption is looked up once for each user that a rule reaches, not in each rule.
    """
    policy, now = scan.policy, scan.now
    limit = timedelta(days=policy.disable_user_account_days_inactive or 0)
    rules = [state.row_condition(policy, now) for state in BY_USER]
    ahead = INACTIVE_SOON.row_condition(replace(policy, inactive_soon_days=DAYS - 1), now)
    active_on = Coalesce("last_active_at", TruncDate("created_at", tzinfo=UTC))
    grouped = (
        User.objects.order_by()
        .filter(reduce(or_, rules, ahead))
        .values_list(
            _SCANNED,
            _first_match(rules),
            Case(When(ahead, active_on), default=None),
            option_is_true(options.IGNORE_USER_INACTIVITY, user_id="pk"),
        )
    )
    for domain, number, active, exempt, users in grouped.annotate(users=Count("pk")):
        state = None if number is None else BY_USER[number]
        if state and not (exempt and state.option):
            scan.add(domain, state, users)
        if active is not None and not exempt:
            scan.add_day(domain, active + limit, INACTIVE, users)


def _count_never_signed_in(scan: _Scan) -> None:
    users = User.objects.order_by().filter(NEVER_SIGNED_IN.row_condition(scan.policy, scan.now))
    for domain, number in users.values_list(_SCANNED).annotate(number=Count("pk")):
        scan.add(domain, NEVER_SIGNED_IN, number)


def _count_unreadable(scan: _Scan) -> None:
    users = UNREADABLE.users().order_by().values_list("local_user__domain_id")
    for domain, number in users.annotate(number=Count("pk")):
        if domain is not None:
            scan.add(domain, UNREADABLE, number)


def _count_without_password(scan: _Scan) -> None:
    if NO_PASSWORD.is_empty():
        return
    rows = NO_PASSWORD.filter(LocalUser.objects.order_by(), scan.policy, scan.now)
    for domain, number in rows.values_list("domain_id").annotate(number=Count("pk")):
        scan.add(domain, NO_PASSWORD, number)


def _count_not_enrolled(scan: _Scan) -> None:
    ids = SECOND_FACTOR_NOT_ENROLLED.candidates(scan.policy, scan.now)
    domains = ids.values_list("user__local_user__domain_id")
    for domain, number in domains.annotate(number=Count("user_id")):
        if domain is not None:
            scan.add(domain, SECOND_FACTOR_NOT_ENROLLED, number)


def _count_exempt(scan: _Scan) -> None:
    users = EXEMPTIONS.order_by().values_list("user__local_user__domain_id")
    for domain, number in users.annotate(number=Count("user_id", distinct=True)):
        if domain is not None:
            scan.add(domain, EXEMPT, number)


@database.reading()
def _count_passwords(scan: _Scan) -> None:
    """Count the states of the newest password, no two of which hold at once."""
    policy, now = scan.policy, scan.now
    must_change, expired, expiring, no_expiry = (
        state.row_condition(policy, now) for state in BY_PASSWORD
    )
    ends = {
        day: datetime.combine(day + timedelta(days=1), clock.min, UTC) for day in days_from(now)
    }
    soon = now + timedelta(days=policy.expiring_days)
    buckets: list[tuple[Q | None, State | None, date | None]] = [
        (must_change, MUST_CHANGE, None),
        (expired, EXPIRED, None),
        *((expires(lt=end), EXPIRING, day) for day, end in ends.items() if end <= soon),
        (expiring, EXPIRING, next((day for day, end in ends.items() if end > soon), None)),
        *((expires(lt=end), None, day) for day, end in ends.items() if end > soon),
        (None, None, None),
        (no_expiry, NO_EXPIRY, None),
    ]
    exempt = UserOption.objects.filter(
        option_id=options.IGNORE_PASSWORD_EXPIRY, option_value="true"
    )
    conditions = [condition for condition, _, _ in buckets]
    for domain, bucket, number in newest.count(conditions, exempt=exempt.values("user_id")):
        _, state, day = buckets[bucket]
        if state is not None:
            scan.add(domain, state, number)
        if day is not None:
            scan.add_day(domain, day, EXPIRED, number)


def _first_match(rules: Sequence[Q]) -> Case:
    """Return the number of the first rule that a row matches; NULL if it matches none."""
    whens = [When(rule, Value(number)) for number, rule in enumerate(rules)]
    return Case(*whens, default=None, output_field=IntegerField())
