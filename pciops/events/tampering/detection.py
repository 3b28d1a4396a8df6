"""Finds unlocks and changes of the last activity that neither Keystone nor pciops recorded.

Another tool, or a PATCH of any attribute, unlocks an account and makes today its last activity (PCI
DSS 8.2.6), and Keystone records neither. Snapshots are kept of locks, and of the last activity of
accounts that are or will soon be inactive. A change that a sign-in can explain is not reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from operator import attrgetter, itemgetter
from typing import Any, Final, TypeVar

from django.db.models import QuerySet

from pciops.accounts import loading
from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import INACTIVE, INACTIVE_SOON, LOCKED
from pciops.audit import selectors as audit
from pciops.events import liveness
from pciops.events.intake.aggregate import dedup_key
from pciops.events.models import (
    MAX_NAME,
    Attempts,
    IdleSnapshot,
    LockSnapshot,
    Outcome,
    OutOfBandChange,
)
from pciops.keystone import database
from pciops.keystone.models import LocalUser, User
from pciops.lib import retries, times
from pciops.lib.addresses import storable
from pciops.lib.keyset import chunks
from pciops.lib.upsert import REPLACE, upsert

CHUNK: Final = 5000
MAX_LOCKS: Final = 50_000  # snapshots
SLACK: Final = timedelta(minutes=1)  # difference between the clocks of machines
LATE: Final = timedelta(minutes=10)  # delay of a notification
DAY: Final = timedelta(days=1)

Snapshot = TypeVar("Snapshot", LockSnapshot, IdleSnapshot)


# --- Unlocks ------------------------------------------------------------------------------------
@database.from_primary()
def find_unlocks(*, policy: Policy, now: datetime) -> int:
    """Compare the locks with those of the last check; return the number of unlocks elsewhere.

    Keystone checks no password of a locked account, so a lock that ends early was removed.

    Raises:
        KeystoneDatabaseDownError: the snapshots are unchanged.
    """
    before = LockSnapshot.objects.in_bulk()
    locks = {row.user_id: row for row in _locks(policy, now)}
    gone = [
        row
        for row in before.values()
        if row.user_id not in locks or not _equal(row, locks[row.user_id])
    ]
    changes = [
        _change(
            OutOfBandChange.Kind.UNLOCK,
            account,
            before=_describe_lock(row),
            after=f"{account.failed_auth_count} failures",
            checked_at=row.checked_at,
            now=now,
        )
        for row, account in _with_accounts(gone)
        if account is not None and _ended_early(row, account, policy, now)
    ]
    number = _report(changes)
    ended = [user_id for user_id in before if user_id not in locks]
    for start in range(0, len(ended), CHUNK):
        LockSnapshot.objects.filter(pk__in=ended[start : start + CHUNK]).delete()
    _save(LockSnapshot, locks.values(), "count", "failed_at", "checked_at")
    return number


def _locks(policy: Policy, now: datetime) -> Iterator[LockSnapshot]:
    """Yield the current locks, at most `MAX_LOCKS`."""
    columns = ("pk", "user_id", "failed_auth_count", "failed_auth_at")
    rows = LocalUser.objects.filter(LOCKED.condition(policy, now)).values_list(*columns)
    locks = (row for chunk in chunks(rows, _read, itemgetter(0), size=CHUNK) for row in chunk)
    for _, user_id, count, failed_at in islice(locks, MAX_LOCKS):
        yield LockSnapshot(user_id=user_id, count=count, failed_at=failed_at, checked_at=now)


def _equal(before: LockSnapshot, after: LockSnapshot) -> bool:
    return (before.count, before.failed_at) == (after.count, after.failed_at)


def _ended_early(row: LockSnapshot, account: Account, policy: Policy, now: datetime) -> bool:
    """Return whether the lock ended before its time, whatever happened since."""
    threshold = policy.lockout_failure_attempts
    if threshold is None or row.count < threshold:
        return False  # the policy has changed
    if (account.failed_auth_count, account.failed_auth_at) == (row.count, row.failed_at):
        return False  # the lock has lapsed
    if row.failed_at is None or policy.lockout is None:
        return True
    until = times.later(row.failed_at, policy.lockout)
    failed_since = account.failed_auth_at is not None and account.failed_auth_at < until
    return now < until or failed_since


def _describe_lock(row: LockSnapshot) -> str:
    since = f", the last at {times.dated(row.failed_at)}" if row.failed_at else ""
    return f"locked after {row.count} failures{since}"


# --- Last activity ------------------------------------------------------------------------------
@database.from_primary()
def find_activity_changes(*, policy: Policy, now: datetime) -> int:
    """Compare the last activity of idle accounts with the last check; return the changes.

    An inactive account cannot sign in. A sign-in of an account that will soon be inactive would
    have been notified, if Keystone reports successes and a consumer was always connected;
    otherwise nothing is reported. A notification may be late, so an account is checked twice.
    """
    if policy.disable_user_account_days_inactive is None:
        IdleSnapshot.objects.all().delete()
        return 0
    total = 0
    for current in _idle_accounts(policy, now):
        before = IdleSnapshot.objects.in_bulk(list(current))
        moved = [row for row in before.values() if row.active_on != current[row.user_id].active_on]
        suspected, number = _judge(moved, now)
        total += number
        fresh = [row for user_id, row in current.items() if user_id not in suspected]
        _save_idle([*fresh, *suspected.values()])
    not_idle = IdleSnapshot.objects.filter(checked_at__lt=now)
    for rows in chunks(not_idle, list, attrgetter("pk"), size=CHUNK):
        suspected, number = _judge(rows, now)
        total += number
        _save_idle(suspected.values())
        settled = [row.user_id for row in rows if row.user_id not in suspected]
        IdleSnapshot.objects.filter(pk__in=settled).delete()
    return total


def _idle_accounts(policy: Policy, now: datetime) -> Iterator[Mapping[str, IdleSnapshot]]:
    """Yield chunks of the accounts that are inactive or soon will be."""
    for state, inactive in ((INACTIVE, True), (INACTIVE_SOON, False)):
        users = User.objects.filter(state.row_condition(policy, now)).values_list(
            "pk", "last_active_at"
        )
        for chunk in chunks(users, _read, itemgetter(0), size=CHUNK):
            yield {
                user_id: IdleSnapshot(
                    user_id=user_id, active_on=active_on, inactive=inactive, checked_at=now
                )
                for user_id, active_on in chunk
            }


def _judge(rows: Sequence[IdleSnapshot], now: datetime) -> tuple[dict[str, IdleSnapshot], int]:
    """Report changes; return the suspected ones that need another check, and the number."""
    suspected: dict[str, IdleSnapshot] = {}
    changes = []
    for row, account in _with_accounts(rows):
        if account is None or account.last_active_at == row.active_on:
            continue
        day = account.last_active_at
        if not row.inactive and _could_sign_in(row, day, now):
            if _signed_in(row.user_id, day) or not _would_be_notified(row, day, now):
                continue
            if row.suspected_at is None or now - row.suspected_at < LATE:
                row.suspected_at = row.suspected_at or now
                suspected[row.user_id] = row
                continue
        changes.append(
            _change(
                OutOfBandChange.Kind.ACTIVITY,
                account,
                before=_describe_day(row.active_on),
                after=_describe_day(day),
                checked_at=row.checked_at,
                now=now,
            )
        )
    return suspected, _report(changes)


def _could_sign_in(row: IdleSnapshot, day: date | None, now: datetime) -> bool:
    """Return whether a sign-in since the last check could make this the last activity."""
    if day is None:
        return False
    first, last = (row.checked_at - SLACK).astimezone(UTC), (now + SLACK).astimezone(UTC)
    return first.date() <= day <= last.date()


def _signed_in(user_id: str, day: date | None) -> bool:
    begins = datetime.combine(day or date.min, time.min, UTC)
    return Attempts.objects.filter(
        user_id=user_id,
        outcome=Outcome.SUCCESS,
        window__gte=begins - LATE,
        window__lt=begins + DAY + LATE,
    ).exists()


def _would_be_notified(row: IdleSnapshot, day: date | None, now: datetime) -> bool:
    """Return whether a sign-in on that day, after the last check, cannot have been missed."""
    since = max(row.checked_at, datetime.combine(day or date.min, time.min, UTC)) - LATE
    if any(True for _ in liveness.gaps(since, min(now, row.suspected_at or now))):
        return False
    return Attempts.objects.filter(outcome=Outcome.SUCCESS, window__gte=since - DAY).exists()


def _save_idle(rows: Iterable[IdleSnapshot]) -> None:
    _save(IdleSnapshot, rows, "active_on", "inactive", "checked_at", "suspected_at")


def _describe_day(day: date | None) -> str:
    return f"last active on {times.day(day)}" if day else "last activity not recorded"


# --- Both ---------------------------------------------------------------------------------------
def _read(rows: QuerySet[Any, Any]) -> list[Any]:
    with database.reading():
        return list(rows)


def _save(model: type[Snapshot], rows: Iterable[Snapshot], *columns: str) -> None:
    on_conflict = dict.fromkeys(columns, REPLACE)
    upsert(model, list(rows), unique="user_id", on_conflict=on_conflict)


def _change(
    kind: OutOfBandChange.Kind,
    account: Account,
    *,
    before: str,
    after: str,
    checked_at: datetime,
    now: datetime,
) -> OutOfBandChange:
    return OutOfBandChange(
        dedup_key=dedup_key(kind.value, account.id, before, after),
        kind=kind,
        user_id=account.id,
        name=storable(account.name)[:MAX_NAME],
        domain_id=account.domain_id,
        domain_name=storable(account.domain_name),
        before=before,
        after=after,
        checked_at=checked_at,
        found_at=now,
    )


def _with_accounts(rows: Sequence[Snapshot]) -> Iterator[tuple[Snapshot, Account | None]]:
    """Yield each row with its current account; None for a deleted one."""
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        with database.reading():
            users = User.objects.filter(pk__in=[row.user_id for row in chunk])
            accounts = loading.accounts(loading.user_rows(users), kinds={})
        by_id = {account.id: account for account in accounts}
        for row in chunk:
            yield row, by_id.get(row.user_id)


def _report(changes: Sequence[OutOfBandChange]) -> int:
    """Save the changes that no act of pciops explains, and return their number.

    An act is in the audit log before it is carried out.
    """
    if not changes:
        return 0
    since = min(change.checked_at for change in changes) - SLACK
    acts = audit.acted_on([change.user_id for change in changes], since=since)
    unexplained = [
        change
        for change in changes
        if change.user_id not in acts or acts[change.user_id] < change.checked_at - SLACK
    ]
    retries.run(lambda: OutOfBandChange.objects.bulk_create(unexplained, ignore_conflicts=True))
    return len(unexplained)
