"""The states of the newest password: User.password_is_expired in sql_model."""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import (
    BigIntegerField,
    Case,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.lookups import Exact

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states.remedies import Remedy, openstack
from pciops.accounts.states.state import NOTHING, Ids, State, option_is_true
from pciops.keystone import options
from pciops.keystone.fields import MICROSECOND
from pciops.keystone.models import Password
from pciops.lib import times

FIRST_EXPIRY: Final = timedelta(days=1)  # the least that `password_expires_days` gives

# Not `openstack user password set`: it signs in first, which an expired password prevents.
_OWNER: Final = (
    "Its owner sets a new password: in Horizon, if the cloud allows it, or with POST "
    "/v3/users/<id>/password, which needs the old password but no token."
)

# As loading.newest_password: of those that are equally old the one that expires first.
_NEWEST_FIRST = (
    F("created_at_int").desc(),
    F("expires_at_int").asc(nulls_last=True),
    F("expires_at").asc(nulls_last=True),
    F("pk").desc(),
)


def superseded() -> Exists:
    """Return the condition that a password's user has a newer one, not just an equally old one."""
    return Exists(
        Password.objects.filter(
            local_user=OuterRef("local_user"), created_at_int__gt=OuterRef("created_at_int")
        )
    )


def passwords_newest_first() -> QuerySet[Password]:
    """Return the passwords of a row of `local_user`, for a subquery."""
    return Password.objects.filter(local_user=OuterRef("pk")).order_by(*_NEWEST_FIRST)


def new_password(account: Account) -> str:
    """Return the command with which an administrator sets a password."""
    return openstack("user", "set", "--password-prompt", account.id)


class PasswordState(State):
    """A state of the newest password, the only one that Keystone checks."""

    @abstractmethod
    def row_condition(self, policy: Policy, now: datetime) -> Q:
        """Return the condition on the row of the newest password, without the exemption."""

    def condition(self, policy: Policy, now: datetime) -> Q:
        fit = passwords_newest_first().annotate(fit=self._fit_flag(policy, now)).values("fit")
        newest = Subquery(fit[:1])
        return Q(Exact(newest, 1)) & Q(~option_is_true(options.IGNORE_PASSWORD_EXPIRY))

    def _fit_flag(self, policy: Policy, now: datetime) -> Case:
        return Case(When(self.row_condition(policy, now), then=Value(1)), default=Value(0))

    def candidates(self, policy: Policy, now: datetime) -> Ids:
        fitting = Password.objects.filter(self.row_condition(policy, now))
        return fitting.values_list("local_user_id", flat=True)


class LastingPasswordState(PasswordState):
    """A state that a password has from the time when it is set, or never."""

    @abstractmethod
    def lasting(self) -> Q:
        """Return the part of `row_condition` that depends on neither time nor policy."""


def _expires_at(account: Account) -> datetime | None:
    """Return when the newest password expires; None if never, or if the account is exempt."""
    if account.exempt_from(options.IGNORE_PASSWORD_EXPIRY):
        return None
    return account.password_expires_at


def expires(**bounds: datetime) -> Q:
    """Match an expiry within bounds such as `lte`; the old column counts if the new one is NULL."""
    new, old = Q(), Q(expires_at_int=None)
    for lookup, time in bounds.items():
        new &= Q(**{f"expires_at_int__{lookup}": time})
        old &= Q(**{f"expires_at__{lookup}": time})
    return new | old


def _expired_when_set() -> Q:
    """Match Account.password_expired_when_set."""
    first = F("created_at_int") + Value(FIRST_EXPIRY // MICROSECOND)
    return Q(expires_at_int__lt=ExpressionWrapper(first, output_field=BigIntegerField()))


class Expired(PasswordState):
    """The newest password is past its expiry, regardless of `password_expires_days` now."""

    rule = "password_expires_days"
    name = "expired"
    label = "Password expired"
    title = "Accounts with an expired password"
    explanation = "The password has expired. The owner must change it before the next sign-in."
    blocks_signin = True
    tone = "bad"

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        at = _expires_at(account)
        return at is not None and at <= now and not account.password_expired_when_set

    def row_condition(self, policy: Policy, now: datetime) -> Q:
        return expires(lte=now) & (Q(expires_at_int=None) | ~_expired_when_set())

    def candidates(self, policy: Policy, now: datetime) -> Ids:
        # Older passwords have expired too. Of equally old ones it is enough if one fits.
        fit = Case(When(self.row_condition(policy, now), then="created_at_int"))
        rows: QuerySet[Any, Any] = Password.objects.order_by().values("local_user_id")
        rows = rows.annotate(newest=Max("created_at_int"), newest_fit=Max(fit))
        return rows.filter(newest_fit=F("newest")).values_list("local_user_id", flat=True)

    def describe(self, account: Account, policy: Policy, now: datetime) -> str:
        at = account.password_expires_at
        return f"the password expired at {times.both(at, now)}" if at else "the password expired"

    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        return Remedy(
            sentence=f"{_OWNER} Or an administrator sets one:", command=new_password(account)
        )


class MustChange(LastingPasswordState):
    """Expired at birth: `change_password_upon_first_use` for a first or reset password."""

    rule = "change_password_upon_first_use"
    name = "must_change"
    label = "Must change password"
    title = "Accounts that must change their first password"
    explanation = "A first or reset password. The owner must change it before the next sign-in."
    blocks_signin = True
    tone = "bad"

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        at = _expires_at(account)
        return at is not None and at <= now and account.password_expired_when_set

    def row_condition(self, policy: Policy, now: datetime) -> Q:
        return Q(expires_at_int__lte=now) & self.lasting()

    def lasting(self) -> Q:
        return _expired_when_set()

    def describe(self, account: Account, policy: Policy, now: datetime) -> str:
        return "the first password must be changed"

    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        return Remedy(sentence=_OWNER)


class Expiring(PasswordState):
    """The newest password expires within `expiring_days`."""

    rule = "password_expires_days"
    name = "expiring"
    label = "Password expiring"
    title = "Accounts whose password expires soon"
    explanation = "After that time, the owner must change the password before the next sign-in."
    warns = True
    tone = "soon"

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        at = _expires_at(account)
        return at is not None and now < at <= now + timedelta(days=policy.expiring_days)

    def row_condition(self, policy: Policy, now: datetime) -> Q:
        return expires(gt=now, lte=now + timedelta(days=policy.expiring_days))

    def describe(self, account: Account, policy: Policy, now: datetime) -> str:
        at = account.password_expires_at
        return f"the password expires at {times.both(at, now)}" if at else "the password expires"

    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        return Remedy(
            sentence="Its owner sets a new password before then (openstack user password set). "
            "An administrator can also set one:",
            command=new_password(account),
        )


class NoExpiry(LastingPasswordState):
    """`password_expires_days` is on now, and was off when the newest password was set."""

    rule = "password_expires_days"
    name = "no_expiry"
    label = "No expiry"
    title = "Accounts whose password never expires"
    explanation = (
        "The password was set before the rule was on. It gets an expiry only when it is changed."
    )
    tone = "soon"

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        if policy.password_expires_days is None or not account.covered:
            return False
        if account.password_created_at is None:
            return False  # no password at all
        exempt = account.exempt_from(options.IGNORE_PASSWORD_EXPIRY)
        return account.password_expires_at is None and not exempt

    def row_condition(self, policy: Policy, now: datetime) -> Q:
        if policy.password_expires_days is None:
            return NOTHING
        return self.lasting()

    def lasting(self) -> Q:
        return Q(expires_at_int=None, expires_at=None)

    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        return Remedy(
            sentence="A new password expires. Its owner sets one (openstack user password set), "
            "or an administrator does:",
            command=new_password(account),
        )
