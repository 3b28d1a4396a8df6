"""Passwords that Keystone accepts for more than 90 days, and who may have them (PCI DSS 8.3.9)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import BigIntegerField, ExpressionWrapper, F, Q, Value

from pciops.accounts import loading, mfa
from pciops.accounts.account import Account
from pciops.accounts.states.password import expires
from pciops.keystone import database, options
from pciops.keystone.fields import MICROSECOND
from pciops.keystone.models import UserOption
from pciops.reports.value import Cell

MAX_DAYS: Final = 90  # with one password, and without a sign-in (PCI DSS 8.2.6)
# Keystone computes the expiry of a password some microseconds after its creation.
LONGEST_LIFE: Final = timedelta(days=MAX_DAYS, minutes=1)


def long_lived(now: datetime) -> Q:
    """Match the passwords for which `is_too_long` holds."""
    latest = F("created_at_int") + Value(LONGEST_LIFE // MICROSECOND)
    too_late = Q(expires_at_int__gt=ExpressionWrapper(latest, output_field=BigIntegerField()))
    return Q(expires_at_int=None, expires_at=None) | (expires(gt=now) & too_late)


def is_too_long(created_at: datetime, expires_at: datetime | None, now: datetime) -> bool:
    """Return whether Keystone accepts a password for more than 90 days."""
    if expires_at is None:
        return True
    return expires_at > now and expires_at - created_at > LONGEST_LIFE


def why(expires_at: Cell) -> str:
    """Return the reason for which a password is listed."""
    return "it never expires" if expires_at is None else f"it lasts longer than {MAX_DAYS} days"


@database.reading()
def with_second_factor(user_ids: Collection[str], loaded: Collection[str] | None) -> set[str]:
    """Return those of the users whose sign-in requires a second factor."""
    by_user: dict[str, dict[str, Any]] = {}
    rows = UserOption.objects.filter(
        user_id__in=user_ids, option_id__in=(options.MFA_RULES, options.MFA_ENABLED)
    )
    for user_id, option, value in rows.values_list("user_id", "option_id", "option_value"):
        by_user.setdefault(user_id, {})[option] = loading.decoded(value)
    return {
        user_id
        for user_id, values in by_user.items()
        if mfa.second_factor(
            Account(id=user_id, name="", domain_id="", domain_name="", options=values), loaded
        ).effective
    }
