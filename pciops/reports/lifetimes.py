"""Passwords that Keystone accepts for more than 90 days, and who may have them (PCI DSS 8.3.9)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import BigIntegerField, ExpressionWrapper, F, Q, Value

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.second_factor import FactorVerdict, second_factor
from pciops.accounts.states.password import expires
from pciops.keystone import database, options
from pciops.keystone.fields import MICROSECOND
from pciops.keystone.models import UserOption
from pciops.lib.jsontext import decoded
from pciops.reports.value import Cell

MAX_DAYS: Final = 90  # with one password, and without a sign-in (PCI DSS 8.2.6)
# Keystone computes the expiry of a password some microseconds after its creation.
ONE_FACTOR: Final = frozenset({FactorVerdict.NONE, FactorVerdict.WEAK})
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
def second_factors(user_ids: Collection[str], policy: Policy) -> dict[str, FactorVerdict]:
    """Return the verdicts on the second factors of those of the users that have rules."""
    by_user: dict[str, dict[str, Any]] = {}
    rows = UserOption.objects.filter(
        user_id__in=user_ids, option_id__in=(options.MFA_RULES, options.MFA_ENABLED)
    )
    for user_id, option, value in rows.values_list("user_id", "option_id", "option_value"):
        by_user.setdefault(user_id, {})[option] = decoded(value)
    accounts = (
        # Without a device they cannot sign in at all, which is not one factor either.
        Account(
            id=user_id,
            name="",
            domain_id="",
            domain_name="",
            options=values,
            totp_enrolled=True,
        )
        for user_id, values in by_user.items()
    )
    return {account.id: second_factor(account, policy).verdict for account in accounts}


def counted_as(verdict: FactorVerdict) -> str:
    """Return the name under which accounts that do not sign in with one factor are counted."""
    return "factor_unknown" if verdict is FactorVerdict.UNKNOWN else "second_factor"
