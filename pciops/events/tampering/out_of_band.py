"""Changes past pciops that falsify evidence: unlocks, and a last activity that nobody had.

Another tool, or a PATCH of anything, unlocks an account and makes today its last activity (PCI DSS
8.2.6), and Keystone writes neither down. What is remembered for it is little: the locks of a
minute ago, and the last activity of accounts that are inactive or soon will be. Nothing is claimed
that a sign-in could have done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, TypeVar

from pciops.accounts import loading
from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import INACTIVE, INACTIVE_SOON, LOCKED
from pciops.audit import selectors as trail
from pciops.events import selectors
from pciops.events.intake import aggregate
from pciops.events.intake.upsert import REPLACED, upsert
from pciops.events.models import NAME, Attempts, HiddenChange, Outcome, SeenIdle, SeenLock
from pciops.keystone import database
from pciops.keystone.models import LocalUser, User
from pciops.lib import times
from pciops.lib.addresses import storable

CHUNK: Final = 5000
MOST_LOCKS: Final = 50_000  # that are remembered
SLACK: Final = timedelta(minutes=1)  # between the clocks of the machines
LATE: Final = timedelta(minutes=10)  # that a notification may be
DAY: Final = timedelta(days=1)

Kind = HiddenChange.Kind
R = TypeVar("R", SeenLock, SeenIdle)
T = TypeVar("T")


# --- Unlocks ------------------------------------------------------------------------------------
def look_at_locks(*, policy: Policy, now: datetime) -> int:
    """Compare the locks with those of the last look; how many were ended elsewhere.

    While an account is locked Keystone checks no password, so only somebody's hand ends a lock
    before its time.

    Raises:
        KeystoneDatabaseDownError: what is remembered stays.
    """
    remembered = SeenLock.objects.in_bulk()
    standing = {row.user_id: row for row in _locks(policy, now)}
    gone = [
        row
        for row in remembered.values()
        if row.user_id not in standing or not _same(row, standing[row.user_id])
    ]
    found = [
        _change(Kind.UNLOCK, account, _lock_words(row), _after_words(account), row.seen_at, now)
        for row, account in _looked_up(gone)
        if account is not None and _ended_early(row, account, policy, now)
    ]
    kept = _unexplained(found)
    HiddenChange.objects.bulk_create(kept, ignore_conflicts=True)
    over = [user_id for user_id in remembered if user_id not in standing]
    for part in _chunks(over):
        SeenLock.objects.filter(pk__in=part).delete()
    otherwise = {"count": REPLACED, "failed_at": REPLACED, "seen_at": REPLACED}
    upsert(SeenLock, list(standing.values()), unique="user_id", otherwise=otherwise)
    return len(kept)


def _locks(policy: Policy, now: datetime) -> Iterator[SeenLock]:
    """All that are locked, the newest rows of Keystone's last; only so many."""
    rows = LocalUser.objects.filter(LOCKED.condition(policy, now)).order_by("pk")
    last, total = 0, 0
    while total < MOST_LOCKS:
        with database.reading():
            columns = ("pk", "user_id", "failed_auth_count", "failed_auth_at")
            found = list(rows.filter(pk__gt=last).values_list(*columns)[:CHUNK])
        if not found:
            return
        for _, user_id, count, failed_at in found:
            yield SeenLock(user_id=user_id, count=count, failed_at=failed_at, seen_at=now)
        last, total = found[-1][0], total + len(found)


def _same(one: SeenLock, other: SeenLock) -> bool:
    return (one.count, one.failed_at) == (other.count, other.failed_at)


def _ended_early(row: SeenLock, account: Account, policy: Policy, now: datetime) -> bool:
    """Whether the lock was ended before its time, whatever came after."""
    threshold = policy.lockout_failure_attempts
    if threshold is None or row.count < threshold:
        return False  # the policy has changed
    if (account.failed_auth_count, account.failed_auth_at) == (row.count, row.failed_at):
        return False  # it has run out
    if row.failed_at is None or policy.lockout is None:
        return True
    until = times.later(row.failed_at, policy.lockout)
    failed_since = account.failed_auth_at is not None and account.failed_auth_at < until
    return now < until or failed_since


def _lock_words(row: SeenLock) -> str:
    since = f", the last at {times.dated(row.failed_at)}" if row.failed_at else ""
    return f"locked after {row.count} failures{since}"


def _after_words(account: Account) -> str:
    return f"{account.failed_auth_count} failures"


# --- Last activity ------------------------------------------------------------------------------
def look_at_activity(*, policy: Policy, now: datetime) -> int:
    """Compare the last activity of idle accounts with that of the last look.

    An inactive account cannot sign in. Of one that soon will be, a sign-in would have been heard,
    where Keystone reports successes and a consumer was connected all the time; else nothing is
    said. A notification may be late, so an account is looked at twice.

    Raises:
        KeystoneDatabaseDownError
    """
    if policy.disable_user_account_days_inactive is None:
        SeenIdle.objects.all().delete()
        return 0
    total = 0
    for chunk in _idle(policy, now):
        known = SeenIdle.objects.in_bulk(list(chunk))
        moved = [row for row in known.values() if row.active_on != chunk[row.user_id].active_on]
        waiting, found = _judged(moved, now)
        total += found
        fresh = [row for user_id, row in chunk.items() if user_id not in waiting]
        _remember([*fresh, *waiting.values()])
    last = ""
    while left := list(
        SeenIdle.objects.filter(seen_at__lt=now, pk__gt=last).order_by("pk")[:CHUNK]
    ):
        waiting, found = _judged(left, now)
        total += found
        _remember(waiting.values())
        over = [row.user_id for row in left if row.user_id not in waiting]
        SeenIdle.objects.filter(pk__in=over).delete()
        last = left[-1].pk
    return total


def _idle(policy: Policy, now: datetime) -> Iterator[Mapping[str, SeenIdle]]:
    """The accounts that are inactive or soon will be, some at a time, as they are now."""
    for state, inactive in ((INACTIVE, True), (INACTIVE_SOON, False)):
        rows = User.objects.filter(state.row_condition(policy, now)).order_by("pk")
        last = ""
        while True:
            with database.reading():
                found = list(rows.filter(pk__gt=last).values_list("pk", "last_active_at")[:CHUNK])
            if not found:
                break
            yield {
                user_id: SeenIdle(
                    user_id=user_id, active_on=active_on, inactive=inactive, seen_at=now
                )
                for user_id, active_on in found
            }
            last = found[-1][0]


def _judged(rows: Sequence[SeenIdle], now: datetime) -> tuple[dict[str, SeenIdle], int]:
    """Those that have to be looked at once more, as they are kept; and how many were changed."""
    waiting: dict[str, SeenIdle] = {}
    found = []
    for row, account in _looked_up(rows):
        if account is None or account.last_active_at == row.active_on:
            continue
        day = account.last_active_at
        if not row.inactive and _could_sign_in(row, day, now):
            if _heard(row.user_id, day) or not _would_be_heard(row, day, now):
                continue
            if row.moved_at is None or now - row.moved_at < LATE:
                row.moved_at = row.moved_at or now
                waiting[row.user_id] = row
                continue
        before, after = _day_words(row.active_on), _day_words(day)
        found.append(_change(Kind.ACTIVITY, account, before, after, row.seen_at, now))
    kept = _unexplained(found)
    HiddenChange.objects.bulk_create(kept, ignore_conflicts=True)
    return waiting, len(kept)


def _could_sign_in(row: SeenIdle, day: date | None, now: datetime) -> bool:
    """Whether a sign-in since the last look can have made this its last activity."""
    if day is None:
        return False
    first, last = (row.seen_at - SLACK).astimezone(UTC), (now + SLACK).astimezone(UTC)
    return first.date() <= day <= last.date()


def _heard(user_id: str, day: date | None) -> bool:
    begins = datetime.combine(day or date.min, time.min, UTC)
    return Attempts.objects.filter(
        user_id=user_id,
        outcome=Outcome.SUCCESS,
        window__gte=begins - LATE,
        window__lt=begins + DAY + LATE,
    ).exists()


def _would_be_heard(row: SeenIdle, day: date | None, now: datetime) -> bool:
    """Whether a sign-in on that day, after the last look, could not have been missed."""
    since = max(row.seen_at, datetime.combine(day or date.min, time.min, UTC)) - LATE
    if any(True for _ in selectors.gaps(since, min(now, row.moved_at or now))):
        return False
    return Attempts.objects.filter(outcome=Outcome.SUCCESS, window__gte=since - DAY).exists()


def _remember(rows: Iterable[SeenIdle]) -> None:
    columns = ("active_on", "inactive", "seen_at", "moved_at")
    upsert(SeenIdle, list(rows), unique="user_id", otherwise=dict.fromkeys(columns, REPLACED))


def _day_words(day: date | None) -> str:
    return f"last active on {times.day(day)}" if day else "last activity not recorded"


# --- Both ---------------------------------------------------------------------------------------
def _change(
    kind: Kind, account: Account, before: str, after: str, seen_at: datetime, now: datetime
) -> HiddenChange:
    return HiddenChange(
        fold=aggregate.digest("\x1f".join((kind.value, account.id, before, after))),
        kind=kind,
        user_id=account.id,
        name=storable(account.name)[:NAME],
        domain_id=account.domain_id,
        domain_name=storable(account.domain_name),
        before=before,
        after=after,
        seen_at=seen_at,
        found_at=now,
    )


def _looked_up(rows: Sequence[R]) -> Iterator[tuple[R, Account | None]]:
    """Each with its account as it is now; None where that is gone."""
    for part in _chunks(rows):
        with database.reading():
            users = User.objects.filter(pk__in=[row.user_id for row in part])
            found = loading.accounts(loading.user_rows(users), kinds={})
        accounts = {account.id: account for account in found}
        for row in part:
            yield row, accounts.get(row.user_id)


def _chunks(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))


def _unexplained(found: Sequence[HiddenChange]) -> list[HiddenChange]:
    """Those that no act of ours explains: it is in the trail before it is carried out."""
    if not found:
        return []
    since = min(change.seen_at for change in found) - SLACK
    acts = trail.acted_on([change.user_id for change in found], since=since)
    return [
        change
        for change in found
        if change.user_id not in acts or acts[change.user_id] < change.seen_at - SLACK
    ]
