"""Columns that several tables of the report share, and their cells."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.lib import times
from pciops.reports.value import Cell, Column

NAMES: Final = (
    Column("user_id", "Id"),
    Column("user_name", "Account"),
    Column("domain_name", "Domain"),
)
ACCOUNT: Final = (*NAMES, Column("kinds", "Kind"))
ENABLED: Final = Column("enabled", "Enabled", "yes")
ACTIVITY: Final = (
    Column("last_active_on", "Last active", "day"),
    Column("created_on", "Created", "day"),
    Column("days", "Days", "number"),
    Column("inactive_on", "Inactive on", "day"),
)
PASSWORD: Final = (
    ENABLED,
    Column("password_set_on", "Password set", "day"),
    Column("password_age_days", "Age in days", "number"),
    Column("password_expires_at", "Expires", "instant"),
)


def second(time: datetime | None) -> str | None:
    """Return a time to the second, as cells have it."""
    return times.iso(time, "seconds")


def account_cells(account: Account) -> tuple[Cell, ...]:
    """Return the cells of `ACCOUNT`."""
    kinds = ", ".join(kind.label for kind in account.kinds)
    return account.id, account.name, account.domain_name, kinds


def activity_cells(
    last_active_at: date | None, created_at: datetime | None, policy: Policy, now: datetime
) -> tuple[Cell, ...]:
    """Return the cells of `ACTIVITY`; without a sign-in the days count from the creation."""
    created_on = created_at.date() if created_at else None
    active_on = last_active_at or created_on
    if active_on is None:
        return None, None, None, None
    days = (now.astimezone(UTC).date() - active_on).days
    inactive_on = _days_later(active_on, policy.disable_user_account_days_inactive)
    return times.iso(last_active_at), times.iso(created_on), days, times.iso(inactive_on)


def password_cells(
    enabled: bool | None, created_at: datetime | None, expires_at: datetime | None, now: datetime
) -> tuple[Cell, ...]:
    """Return the cells of `PASSWORD`."""
    if created_at is None:
        return bool(enabled), None, None, second(expires_at)
    age = max(0, (now - created_at).days)
    return bool(enabled), times.iso(created_at.date()), age, second(expires_at)


def _days_later(day: date, days: int | None) -> date | None:
    try:
        return day + timedelta(days=days) if days else None
    except OverflowError:
        return None
