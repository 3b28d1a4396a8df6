"""The notices that are due to the owner of an account, and whether a planned one still holds.

Whether a rule reaches an account is decided by its states; here is how many days ahead.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from pciops.accounts import states
from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states.inactivity import inactive_from, inactive_on
from pciops.keystone import options
from pciops.notices.models import Notice, NoticeKind
from pciops.notices.rules import DomainRules, Steps

# How long after the fact a notice is of use; an outage may last that long.
USEFUL_FOR: Final = {
    NoticeKind.PASSWORD_EXPIRED: timedelta(days=7),
    NoticeKind.LOCKED: timedelta(days=7),
    NoticeKind.UNLOCKED: timedelta(days=1),
}
LONGEST_USE: Final = max(USEFUL_FOR.values())
EXEMPTION: Final = {
    NoticeKind.PASSWORD_EXPIRING: options.IGNORE_PASSWORD_EXPIRY,
    NoticeKind.PASSWORD_EXPIRED: options.IGNORE_PASSWORD_EXPIRY,
    NoticeKind.INACTIVITY: options.IGNORE_USER_INACTIVITY,
    NoticeKind.LOCKED: options.IGNORE_LOCKOUT,
    NoticeKind.UNLOCKED: options.IGNORE_LOCKOUT,
}


class NoticeKey(NamedTuple):
    """What tells the notices of a user apart; see the unique key of models.Notice."""

    kind: str
    fact_at: datetime
    step: int


@dataclass(frozen=True, kw_only=True)
class DueNotice:
    """A notice that should exist; see models.Notice for the fields."""

    kind: NoticeKind
    fact_at: datetime
    good_until: datetime
    step: int = 0
    failures: int = 0

    @property
    def key(self) -> NoticeKey:
        """The key of the notice."""
        return NoticeKey(self.kind.value, self.fact_at, self.step)


def nearest_step(steps: Steps, left: timedelta) -> int | None:
    """Return the step that is due with this time left: the smallest whose day has come."""
    return min((step for step in steps if timedelta(days=step) >= left), default=None)


def key_by_expiry(at: datetime, rules: DomainRules, now: datetime) -> NoticeKey | None:
    """Return the key of the one notice that may be due for a password that expires then."""
    kind = NoticeKind.PASSWORD_EXPIRING if at > now else NoticeKind.PASSWORD_EXPIRED
    if at < now - USEFUL_FOR[NoticeKind.PASSWORD_EXPIRED]:
        return None
    step = nearest_step(rules.steps_of(kind), max(at - now, timedelta(0)))
    return None if step is None else NoticeKey(kind.value, at, step)


def key_by_activity(
    active_on: date | None, rules: DomainRules, policy: Policy, now: datetime
) -> NoticeKey | None:
    """Return the key of the one notice that may be due to a user who was last active then."""
    first_day = inactive_from(active_on, policy)
    if first_day is None:
        return None
    left = first_day - now.astimezone(UTC).date()
    step = nearest_step(rules.steps_of(NoticeKind.INACTIVITY), left)
    if step is None:
        return None
    begins = datetime.combine(first_day, time.min, UTC)
    return NoticeKey(NoticeKind.INACTIVITY.value, begins, step)


def due_notices(
    account: Account,
    rules: DomainRules,
    policy: Policy,
    now: datetime,
    *,
    kinds: Collection[NoticeKind] = tuple(NoticeKind),
) -> list[DueNotice]:
    """Return what is due by Keystone's rows, which do not show unlocks."""
    if states.DISABLED.holds(account, policy, now) or states.INACTIVE.holds(account, policy, now):
        return []
    candidates = {
        NoticeKind.PASSWORD_EXPIRING: _expiring,
        NoticeKind.PASSWORD_EXPIRED: _expired,
        NoticeKind.INACTIVITY: _inactivity,
        NoticeKind.LOCKED: _locked,
    }
    notices = (
        candidate(account, rules, policy, now)
        for kind, candidate in candidates.items()
        if kind in kinds
    )
    return [notice for notice in notices if notice is not None and now < notice.good_until]


def _expiring(
    account: Account, rules: DomainRules, policy: Policy, now: datetime
) -> DueNotice | None:
    at, created = account.password_expires_at, account.password_created_at
    key = key_by_expiry(at, rules, now) if at is not None and at > now else None
    if at is None or key is None:
        return None
    if not states.EXPIRING.holds(account, _ahead(policy, key.step), now):
        return None
    if created is not None and at - timedelta(days=key.step) <= created:
        return None  # the password is younger than the day of this step
    return DueNotice(kind=NoticeKind.PASSWORD_EXPIRING, fact_at=at, step=key.step, good_until=at)


def _expired(
    account: Account, rules: DomainRules, policy: Policy, now: datetime
) -> DueNotice | None:
    kind, at = NoticeKind.PASSWORD_EXPIRED, account.password_expires_at
    if at is None or not states.EXPIRED.holds(account, policy, now):
        return None
    if key_by_expiry(at, rules, now) is None:
        return None
    return DueNotice(kind=kind, fact_at=at, good_until=at + USEFUL_FOR[kind])


def _inactivity(
    account: Account, rules: DomainRules, policy: Policy, now: datetime
) -> DueNotice | None:
    active_on, first_day = account.active_on, inactive_on(account, policy)
    key = key_by_activity(active_on, rules, policy, now)
    if first_day is None or active_on is None or key is None:
        return None
    if not states.INACTIVE_SOON.holds(account, _ahead(policy, key.step), now):
        return None
    if first_day - timedelta(days=key.step) <= active_on:
        return None  # the account was used on the day of this step
    begins = key.fact_at
    return DueNotice(kind=NoticeKind.INACTIVITY, fact_at=begins, step=key.step, good_until=begins)


def _locked(
    account: Account, rules: DomainRules, policy: Policy, now: datetime
) -> DueNotice | None:
    kind, at = NoticeKind.LOCKED, account.failed_auth_at
    if not rules.steps_of(kind) or at is None or at < now - USEFUL_FOR[kind]:
        return None
    if not states.LOCKED.holds(account, policy, now):
        return None
    return DueNotice(
        kind=kind,
        fact_at=at,
        good_until=at + USEFUL_FOR[kind],
        failures=account.failed_auth_count,
    )


@lru_cache(maxsize=64)
def _ahead(policy: Policy, days: int) -> Policy:
    """Return the policy with this many days as "soon"."""
    return replace(policy, expiring_days=days, inactive_soon_days=days)


def due_unlock(
    account: Account, at: datetime, rules: DomainRules, policy: Policy, now: datetime
) -> DueNotice | None:
    """Return what is due because the account was unlocked at this time."""
    kind = NoticeKind.UNLOCKED
    if not rules.steps_of(kind) or now >= at + USEFUL_FOR[kind]:
        return None
    if account.exempt_from(options.IGNORE_LOCKOUT) or states.LOCKED.holds(account, policy, now):
        return None
    if states.DISABLED.holds(account, policy, now) or states.INACTIVE.holds(account, policy, now):
        return None
    return DueNotice(kind=kind, fact_at=at, good_until=at + USEFUL_FOR[kind])


def why_obsolete(
    notice: Notice, account: Account | None, rules: DomainRules, policy: Policy, now: datetime
) -> str:
    """Return why a planned notice is no longer to be sent; "" if it is."""
    kind = NoticeKind(notice.kind)
    if account is None:
        return "the account is gone"
    if now >= notice.good_until:
        return "its time has passed"
    if not rules.steps_of(kind):
        return "notices of this kind are off"
    for state in (states.DISABLED, states.INACTIVE):
        if state.holds(account, policy, now):
            return f"the account is {state.label.lower()}"
    if account.exempt_from(EXEMPTION[kind]):
        return "the account is exempt from the rule"
    if kind is NoticeKind.UNLOCKED:
        return "it is locked again" if states.LOCKED.holds(account, policy, now) else ""
    if kind is NoticeKind.LOCKED:  # the owner is told of a lapsed lock while its row stands
        stands = any(
            state.holds(account, policy, now) for state in (states.LOCKED, states.LOCK_LAPSED)
        )
        return "" if stands and account.failed_auth_at == notice.fact_at else "the lock is over"
    current = next(iter(due_notices(account, rules, policy, now, kinds=(kind,))), None)
    if current is None or current.fact_at != notice.fact_at:
        if kind is NoticeKind.INACTIVITY:
            return "the account was used, or the rule was changed"
        return "the password was changed, or its expiry"
    return "" if current.step == notice.step else "a nearer one takes its place"
