"""The states of `failed_auth_count` and `failed_auth_at`: Identity._is_account_locked."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db.models import Q

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states.remedies import Remedy, openstack
from pciops.accounts.states.state import NOTHING, State, option_is_true
from pciops.keystone import options
from pciops.lib import times

EVERY: Final = Q()  # true of every row


def locked_until(account: Account, policy: Policy) -> datetime | None:
    """Return when the lock ends by itself; None if it does not, or if there is no lock.

    A lock never ends without `failed_auth_at` (Keystone then answers 400 to every sign-in, even
    with the right password) or without `lockout_duration`.
    """
    return lock_ends(account.failed_auth_at, policy) if _at_threshold(account, policy) else None


def lock_ends(failed_auth_at: datetime | None, policy: Policy) -> datetime | None:
    """Return when a lock with this last failure ends by itself; None if it does not."""
    if failed_auth_at is None or policy.lockout is None:
        return None
    return times.later(failed_auth_at, policy.lockout)


def _at_threshold(account: Account, policy: Policy, *, exempt: bool = False) -> bool:
    """Return whether the count is at the threshold and the exemption from lockout is as given."""
    threshold = policy.lockout_failure_attempts
    if threshold is None or not account.covered or account.failed_auth_count < threshold:
        return False
    return account.exempt_from(options.IGNORE_LOCKOUT) is exempt


def _threshold_condition(policy: Policy, when: Q = EVERY, *, exempt: bool = False) -> Q:
    """Return the condition in the order of its cost: of most rows only the count is tested.

    Args:
        when: the condition on `failed_auth_at`.
    """
    if policy.lockout_failure_attempts is None:
        return NOTHING
    option = option_is_true(options.IGNORE_LOCKOUT)
    at_threshold = Q(failed_auth_count__gte=policy.lockout_failure_attempts)
    return at_threshold & when & Q(option if exempt else ~option)


class Locked(State):
    """Locked as Identity._is_account_locked decides."""

    rule = "lockout_failure_attempts"
    name = "locked"
    label = "Locked"
    title = "Locked accounts"
    explanation = "Too many failed attempts. Keystone refuses every password until the lock ends."
    blocks_signin = True
    tone = "bad"

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        if not _at_threshold(account, policy):
            return False
        until = locked_until(account, policy)
        return until is None or until > now

    def condition(self, policy: Policy, now: datetime) -> Q:
        if policy.lockout is None:
            return _threshold_condition(policy)
        recent = Q(failed_auth_at__gt=now - policy.lockout) | Q(failed_auth_at=None)
        return _threshold_condition(policy, recent)

    def describe(self, account: Account, policy: Policy, now: datetime) -> str:
        until = locked_until(account, policy)
        return f"locked until {times.both(until, now)}" if until else "locked until it is unlocked"

    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        until = locked_until(account, policy)
        if until is None:
            return Remedy(sentence="It does not end automatically: unlock it here.")
        return Remedy(
            sentence=f"It ends automatically at {times.both(until, now)}, or unlock it here."
        )


class LockLapsed(State):
    """The count is at the threshold, and `lockout_duration` has passed."""

    rule = "lockout_failure_attempts"
    name = "lock_lapsed"
    label = "Lock lapsed"
    title = "Accounts whose lock has lapsed"
    explanation = "The lock has ended. The next sign-in clears the count."
    warns = True

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        return _at_threshold(account, policy) and not Locked().holds(account, policy, now)

    def condition(self, policy: Policy, now: datetime) -> Q:
        if policy.lockout is None:
            return NOTHING
        return _threshold_condition(policy, Q(failed_auth_at__lte=now - policy.lockout))

    def describe(self, account: Account, policy: Policy, now: datetime) -> str:
        until = locked_until(account, policy)
        return f"the lock ended at {times.both(until, now)}" if until else "the lock ended"

    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        return Remedy(
            sentence="The next sign-in ends it. The right password sets the count to 0, a wrong "
            "one to 1."
        )


class NearLockout(State):
    """One more wrong password locks the account."""

    rule = "lockout_failure_attempts"
    name = "near_lockout"
    label = "Near lockout"
    title = "Accounts near lockout"
    explanation = "One more wrong password locks the account. Failed attempts never expire."
    warns = True
    tone = "soon"

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        if not account.covered or account.exempt_from(options.IGNORE_LOCKOUT):
            return False
        return account.failed_auth_count == policy.near_lockout_count

    def condition(self, policy: Policy, now: datetime) -> Q:
        if policy.near_lockout_count is None:
            return NOTHING
        exempt = option_is_true(options.IGNORE_LOCKOUT)
        return Q(failed_auth_count=policy.near_lockout_count) & Q(~exempt)

    def describe(self, account: Account, policy: Policy, now: datetime) -> str:
        return "one more wrong password locks it"

    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        return Remedy(sentence="A sign-in with the right password ends it.")


class AttackedExempt(State):
    """The count is at the threshold, and the account is exempt from lockout."""

    rule = "lockout_failure_attempts"
    name = "attacked_exempt"
    label = "Under attack"
    title = "Exempt accounts under attack"
    explanation = (
        "Enough failed attempts to lock it, but it is exempt from lockout. Nothing stops "
        "password guessing."
    )
    warns = True
    tone = "attack"

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        return _at_threshold(account, policy, exempt=True)

    def condition(self, policy: Policy, now: datetime) -> Q:
        return _threshold_condition(policy, exempt=True)

    def describe(self, account: Account, policy: Policy, now: datetime) -> str:
        return f"{account.failed_auth_count} wrong passwords, and exempt from lockout"

    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        return Remedy(
            sentence="A sign-in with the right password clears the count. To let Keystone lock "
            "the account, remove the exemption, which also clears the count:",
            command=openstack("user", "set", "--no-ignore-lockout-failure-attempts", account.id),
        )
