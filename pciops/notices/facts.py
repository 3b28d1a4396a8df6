"""What is due to the owner of an account at this instant, and whether it still is later on.

Whether a rule reaches the account is for its states to say; here is only how many days ahead.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Final

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import (
    DISABLED,
    EXPIRED,
    EXPIRING,
    INACTIVE,
    INACTIVE_SOON,
    LOCK_LAPSED,
    LOCKED,
)
from pciops.accounts.states.inactivity import inactive_on
from pciops.keystone import options
from pciops.notices.models import Notice
from pciops.notices.rules import Rules, Steps

Kind = Notice.Kind

# How long what has happened is worth a mail: for so long an outage may last.
WORTH: Final = {
    Kind.PASSWORD_EXPIRED: timedelta(days=7),
    Kind.LOCKED: timedelta(days=7),
    Kind.UNLOCKED: timedelta(days=1),
}
EXEMPTION: Final = {
    Kind.PASSWORD_EXPIRING: options.IGNORE_PASSWORD_EXPIRY,
    Kind.PASSWORD_EXPIRED: options.IGNORE_PASSWORD_EXPIRY,
    Kind.INACTIVITY: options.IGNORE_USER_INACTIVITY,
    Kind.LOCKED: options.IGNORE_LOCKOUT,
    Kind.UNLOCKED: options.IGNORE_LOCKOUT,
}


@dataclass(frozen=True, kw_only=True)
class Due:
    """A notice that should exist: see models.Notice for the fields."""

    kind: Notice.Kind
    fact_at: datetime
    good_until: datetime
    step: int = 0
    failures: int = 0


def nearest(steps: Steps, left: timedelta) -> int | None:
    """The step that is due when so much time is left: the smallest whose day has come."""
    return min((step for step in steps if timedelta(days=step) >= left), default=None)


def due(
    account: Account,
    rules: Rules,
    policy: Policy,
    now: datetime,
    *,
    kinds: Collection[Notice.Kind] = tuple(Kind),
) -> list[Due]:
    """What is due of all that the rows of Keystone show; an unlock they do not show.

    Args:
        kinds: those that are looked for.
    """
    if DISABLED.holds(account, policy, now) or INACTIVE.holds(account, policy, now):
        return []
    finders = {
        Kind.PASSWORD_EXPIRING: _expiring,
        Kind.PASSWORD_EXPIRED: _expired,
        Kind.INACTIVITY: _inactivity,
        Kind.LOCKED: _locked,
    }
    found = (find(account, rules, policy, now) for kind, find in finders.items() if kind in kinds)
    return [one for one in found if one is not None and now < one.good_until]


def _expiring(account: Account, rules: Rules, policy: Policy, now: datetime) -> Due | None:
    steps, at = rules.steps_of(Kind.PASSWORD_EXPIRING), account.password_expires_at
    if not steps or at is None:
        return None
    if not EXPIRING.holds(account, replace(policy, expiring_days=steps[0]), now):
        return None
    step, made = nearest(steps, at - now), account.password_created_at
    if step is None or (made is not None and at - timedelta(days=step) <= made):
        return None  # the day of this step came before the password: it was new only just now
    return Due(kind=Kind.PASSWORD_EXPIRING, fact_at=at, step=step, good_until=at)


def _expired(account: Account, rules: Rules, policy: Policy, now: datetime) -> Due | None:
    at = account.password_expires_at
    if not rules.steps_of(Kind.PASSWORD_EXPIRED) or at is None:
        return None
    if not EXPIRED.holds(account, policy, now) or at < now - WORTH[Kind.PASSWORD_EXPIRED]:
        return None
    return Due(kind=Kind.PASSWORD_EXPIRED, fact_at=at, good_until=at + WORTH[Kind.PASSWORD_EXPIRED])


def _inactivity(account: Account, rules: Rules, policy: Policy, now: datetime) -> Due | None:
    steps, active = rules.steps_of(Kind.INACTIVITY), account.active_on
    first = inactive_on(account, policy)
    if not steps or first is None or active is None:
        return None
    if not INACTIVE_SOON.holds(account, replace(policy, inactive_soon_days=steps[0]), now):
        return None
    step = nearest(steps, first - now.astimezone(UTC).date())
    if step is None or first - timedelta(days=step) <= active:
        return None  # it was used on the day of this step
    begins = datetime.combine(first, time.min, UTC)
    return Due(kind=Kind.INACTIVITY, fact_at=begins, step=step, good_until=begins)


def _locked(account: Account, rules: Rules, policy: Policy, now: datetime) -> Due | None:
    at = account.failed_auth_at
    if not rules.steps_of(Kind.LOCKED) or at is None or at < now - WORTH[Kind.LOCKED]:
        return None
    if not LOCKED.holds(account, policy, now):
        return None
    return Due(
        kind=Kind.LOCKED,
        fact_at=at,
        good_until=at + WORTH[Kind.LOCKED],
        failures=account.failed_auth_count,
    )


def unlocked(
    account: Account, at: datetime, rules: Rules, policy: Policy, now: datetime
) -> Due | None:
    """What is due because somebody unlocked it at this instant."""
    if not rules.steps_of(Kind.UNLOCKED) or now >= at + WORTH[Kind.UNLOCKED]:
        return None
    if account.exempt_from(options.IGNORE_LOCKOUT) or LOCKED.holds(account, policy, now):
        return None
    if DISABLED.holds(account, policy, now) or INACTIVE.holds(account, policy, now):
        return None
    return Due(kind=Kind.UNLOCKED, fact_at=at, good_until=at + WORTH[Kind.UNLOCKED])


def why_not(
    notice: Notice, account: Account | None, rules: Rules, policy: Policy, now: datetime
) -> str:
    """Why a notice that was planned is not to be sent any more; "" where it is."""
    kind = Kind(notice.kind)
    if account is None:
        return "the account is gone"
    if now >= notice.good_until:
        return "its time has passed"
    if not rules.steps_of(kind):
        return "notices of this kind are off"
    for state in (DISABLED, INACTIVE):
        if state.holds(account, policy, now):
            return f"the account is {state.label.lower()}"
    if account.exempt_from(EXEMPTION[kind]):
        return "the account is exempt from the rule"
    if kind is Kind.UNLOCKED:
        return "it is locked again" if LOCKED.holds(account, policy, now) else ""
    if kind is Kind.LOCKED:  # a lock that has run out is news as long as its row stands
        stands = any(state.holds(account, policy, now) for state in (LOCKED, LOCK_LAPSED))
        return "" if stands and account.failed_auth_at == notice.fact_at else "the lock is over"
    found = next(iter(due(account, rules, policy, now, kinds=(kind,))), None)
    if found is None or found.fact_at != notice.fact_at:
        return {
            Kind.PASSWORD_EXPIRING: "the password was changed, or its expiry",
            Kind.PASSWORD_EXPIRED: "the password was changed, or its expiry",
            Kind.INACTIVITY: "the account was used, or the rule was changed",
        }[kind]
    return "" if found.step == notice.step else "a nearer one takes its place"
