"""The states of `enabled`, `last_active_at` and `created_at`: User.enabled in sql_model."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Q

from pciops.accounts.account import Account
from pciops.accounts.policy import Policy
from pciops.accounts.state import Rows, State, option_is_true
from pciops.keystone import options
from pciops.lib import times


def inactive_on(account: Account, policy: Policy) -> date | None:
    """The UTC day from which Keystone refuses the account as inactive; None: no such day."""
    days = policy.disable_user_account_days_inactive
    if days is None or not account.covered or not account.enabled or account.active_on is None:
        return None
    if account.exempt_from(options.IGNORE_USER_INACTIVITY):
        return None
    try:
        return account.active_on + timedelta(days=days)
    except OverflowError:
        return None


def _among_active(rows: Rows, *, since: date | None, until: date) -> Rows:
    """Rows which the inactivity rule reaches, and whose last active day lies in these bounds."""
    seen = Q(user__last_active_at__lte=until)
    made = Q(user__created_at__lt=_midnight(until + timedelta(days=1)))
    if since is not None:
        seen &= Q(user__last_active_at__gte=since)
        made &= Q(user__created_at__gte=_midnight(since))
    return rows.filter(
        seen | (Q(user__last_active_at=None) & made),
        ~option_is_true(options.IGNORE_USER_INACTIVITY),
        user__enabled=True,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


class Disabled(State):
    """`enabled` is false or NULL."""

    name = "disabled"
    label = "Disabled"
    title = "Disabled accounts"
    explanation = "Somebody disabled the account. It stays so until an administrator enables it."
    blocks_signin = True
    tone = "bad"

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        return not account.enabled

    def among(self, rows: Rows, policy: Policy, now: datetime) -> Rows:
        return rows.filter(Q(user__enabled=False) | Q(user__enabled=None))


class Inactive(State):
    """Whole UTC days; refused on day N itself. The column `enabled` stays 1."""

    name = "inactive"
    label = "Inactive"
    title = "Inactive accounts"
    explanation = "No sign-in for too many days: Keystone treats the account as disabled."
    blocks_signin = True
    tone = "bad"

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        first = inactive_on(account, policy)
        return first is not None and now.astimezone(UTC).date() >= first

    def among(self, rows: Rows, policy: Policy, now: datetime) -> Rows:
        days = policy.disable_user_account_days_inactive
        if days is None:
            return rows.none()
        last = now.astimezone(UTC).date() - timedelta(days=days)
        return _among_active(rows, since=None, until=last)

    def says(self, account: Account, policy: Policy, now: datetime) -> str:
        since = inactive_on(account, policy)
        return f"inactive since {times.day(since)}" if since else "inactive"


class InactiveSoon(State):
    """Inactive within `inactive_soon_days`, tomorrow at the earliest."""

    name = "inactive_soon"
    label = "Inactive soon"
    title = "Accounts that become inactive soon"
    explanation = "Without a sign-in before that day Keystone treats the account as disabled."
    warns = True
    tone = "soon"

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        first = inactive_on(account, policy)
        if first is None:
            return False
        return 0 < (first - now.astimezone(UTC).date()).days <= policy.inactive_soon_days

    def among(self, rows: Rows, policy: Policy, now: datetime) -> Rows:
        days = policy.disable_user_account_days_inactive
        if days is None:
            return rows.none()
        last = now.astimezone(UTC).date() - timedelta(days=days)
        soon = timedelta(days=policy.inactive_soon_days)
        return _among_active(rows, since=last + timedelta(days=1), until=last + soon)

    def says(self, account: Account, policy: Policy, now: datetime) -> str:
        on = inactive_on(account, policy)
        return f"it becomes inactive on {times.day(on)}" if on else "it becomes inactive soon"
