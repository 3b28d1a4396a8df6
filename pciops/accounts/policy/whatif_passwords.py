"""The effect of another policy on passwords: it stops no account on the day it is set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet

from pciops.accounts.policy.policy import Policy
from pciops.accounts.states.state import NOTHING
from pciops.keystone import options
from pciops.keystone.fields import EPOCH
from pciops.keystone.models import Password, UserOption


@dataclass(frozen=True, kw_only=True)
class PasswordEffect:
    """The effect of the rule for passwords, which stops no account on the day it is set."""

    never_expire: int  # passwords in use, until they are changed
    keep_expiry: int  # passwords in use
    too_old: int | None  # passwords in use, older than the proposed days; None: the rule is off
    new_expire_on: date | None  # the day of a password that is set today; None: never


def users_with(option_id: str) -> QuerySet[Any]:
    """Return the ids of the users with the option set to true."""
    rows = UserOption.objects.filter(option_id=option_id, option_value="true")
    return rows.values_list("user_id", flat=True)


def count_passwords(proposed: Policy, *, scope: str | None, now: datetime) -> PasswordEffect:
    """Count among the passwords in use: those without an expiry, or with one in the future.

    With a new password Keystone ends all older ones, so such a row is the newest of its account.
    """
    days = proposed.password_expires_days
    rows = Password.objects.filter(
        Q(expires_at_int=None, expires_at=None)
        | Q(expires_at_int__gt=now)
        | Q(expires_at_int=None, expires_at__gt=now)
    )
    if scope is not None:
        rows = rows.filter(local_user__domain_id=scope)
    exempt = users_with(options.IGNORE_PASSWORD_EXPIRY)
    of_all = _ages(rows, days, now)
    of_exempt = _ages(rows.filter(local_user__user_id__in=exempt), days, now)  # few
    never, keep, old = (total - exempt for total, exempt in zip(of_all, of_exempt, strict=True))
    return PasswordEffect(
        never_expire=never,
        keep_expiry=keep,
        too_old=None if days is None else old,
        new_expire_on=(now.astimezone(UTC) + timedelta(days=days)).date() if days else None,
    )


def _ages(rows: QuerySet[Password], days: int | None, now: datetime) -> tuple[int, int, int]:
    """Count the passwords that never expire, that do, and that are older than `days`."""
    never = Q(expires_at_int=None, expires_at=None)
    old = NOTHING
    if days is not None:
        before = now - timedelta(days=days)
        # As in Account: the old column counts if the new one is 0.
        old = Q(created_at_int__gt=EPOCH, created_at_int__lte=before)
        old |= Q(created_at_int=EPOCH, created_at__lte=before)
    counts = rows.order_by().aggregate(
        total=Count("pk"), never=Count("pk", filter=never), old=Count("pk", filter=old)
    )
    return counts["never"], counts["total"] - counts["never"], counts["old"]
