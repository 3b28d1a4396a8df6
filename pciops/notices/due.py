"""The notices that are due to the owner of an account, and whether a planned one still holds.

Whether a rule reaches an account is decided by its states; here is how many days ahead.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Final

from pciops.accounts import states
from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states.inactivity import inactive_on
from pciops.keystone import options
from pciops.notices.models import Notice, NoticeKind
from pciops.notices.rules import DomainRules, Steps

# How long after the fact a notice is of use; an outage may last that long.
USEFUL_FOR: Final = {
    NoticeKind.PASSWORD_EXPIRED: timedelta(days=7),
    NoticeKind.LOCKED: timedelta(days=7),
    NoticeKind.UNLOCKED: timedelta(days=1),
}
EXEMPTION: Final = {
    NoticeKind.PASSWORD_EXPIRING: options.IGNORE_PASSWORD_EXPIRY,
    NoticeKind.PASSWORD_EXPIRED: options.IGNORE_PASSWORD_EXPIRY,
    NoticeKind.INACTIVITY: options.IGNORE_USER_INACTIVITY,
    NoticeKind.LOCKED: options.IGNORE_LOCKOUT,
    NoticeKind.UNLOCKED: options.IGNORE_LOCKOUT,
}


@dataclass(frozen=True, kw_only=True)
class DueNotice:
    """A notice that should exist; see models.Notice for the fields."""

    kind: NoticeKind
    fact_at: datetime
    good_until: datetime
    step: int = 0
    failures: int = 0


def nearest_step(steps: Steps, left: timedelta) -> int | None:
    """Return the step that is due with this time left: the smallest whose day has come."""
    return min((step for step in steps if timedelta(days=step) >= left), default=None)


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
    steps, at = rules.steps_of(NoticeKind.PASSWORD_EXPIRING), account.password_expires_at
    if not steps or at is None:
        return None
    if not states.EXPIRING.holds(account, replace(policy, expiring_days=steps[0]), now):
        return None
    step, created = nearest_step(steps, at - now), account.password_created_at
    if step is None or (created is not None and at - timedelta(days=step) <= created):
        return None  # the password is younger than the day of this step
    return DueNotice(kind=NoticeKind.PASSWORD_EXPIRING, fact_at=at, step=step, good_until=at)


def _expired(
    account: Account, rules: DomainRules, policy: Policy, now: datetime
) -> DueNotice | None:
    kind, at = NoticeKind.PASSWORD_EXPIRED, account.password_expires_at
    if not rules.steps_of(kind) or at is None:
        return None
    if not states.EXPIRED.holds(account, policy, now) or at < now - USEFUL_FOR[kind]:
        return None
    return DueNotice(kind=kind, fact_at=at, good_until=at + USEFUL_FOR[kind])


def _inactivity(
    account: Account, rules: DomainRules, policy: Policy, now: datetime
) -> DueNotice | None:
    steps, active_on = rules.steps_of(NoticeKind.INACTIVITY), account.active_on
    first_day = inactive_on(account, policy)
    if not steps or first_day is None or active_on is None:
        return None
    if not states.INACTIVE_SOON.holds(account, replace(policy, inactive_soon_days=steps[0]), now):
        return None
    step = nearest_step(steps, first_day - now.astimezone(UTC).date())
    if step is None or first_day - timedelta(days=step) <= active_on:
        return None  # the account was used on the day of this step
    begins = datetime.combine(first_day, time.min, UTC)
    return DueNotice(kind=NoticeKind.INACTIVITY, fact_at=begins, step=step, good_until=begins)


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
