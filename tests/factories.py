"""Builders: accounts as pure values, and users as rows in Keystone's test tables."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from pciops.accounts.account import Account
from pciops.accounts.policy import Policy
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.keystone.models import (
    FederatedUser,
    LocalUser,
    NonLocalUser,
    Password,
    Project,
    User,
    UserOption,
)

NOW: Final = datetime(2026, 11, 22, 14, 2, 11, tzinfo=UTC)
POLICY: Final = Policy(
    lockout_failure_attempts=3,
    lockout_duration=1800,
    disable_user_account_days_inactive=90,
    password_expires_days=90,
)
MICROSECOND: Final = timedelta(microseconds=1)

_KEYSTONE: Final = "keystone"  # the router would refuse these rows any other way
_numbers = itertools.count(1)


def new_id() -> str:
    """An id as Keystone writes them, a new one each time."""
    return f"{next(_numbers):032x}"


def make_account(**facts: Any) -> Account:
    """An account that can sign in, apart from the facts given."""
    usual = {
        "id": "a" * 32,
        "name": "ann",
        "domain_id": "default",
        "domain_name": "Default",
        "email": "ann@example.test",
        "created_at": NOW - timedelta(days=30),
        "last_active_at": NOW.date(),
        "password_created_at": NOW - timedelta(days=30),
        "password_expires_at": NOW + timedelta(days=60),
    }
    return Account(**{**usual, **facts})


@dataclass(frozen=True, kw_only=True)
class PasswordRow:
    """A row of `password`; `old_columns` leaves the new integer columns unset."""

    created_at: datetime = NOW - timedelta(days=30)
    expires_at: datetime | None = None
    old_columns: bool = False


def make_domain(domain_id: str = "default", name: str = "Default") -> Project:
    """The domain of this id, made where it is not there yet."""
    domain, _ = Project.objects.using(_KEYSTONE).get_or_create(
        id=domain_id, defaults={"name": name, "is_domain": True}
    )
    return domain


def make_user(
    name: str = "ann",
    *,
    domain_id: str = "default",
    domain_name: str = "",
    user_id: str = "",
    enabled: bool | None = True,
    email: str | None = None,
    extra: str | None = None,
    created_at: datetime | None = NOW - timedelta(days=30),
    last_active_at: date | None = None,
    failed_auth_count: int | None = 0,
    failed_auth_at: datetime | None = None,
    passwords: Sequence[PasswordRow] = (PasswordRow(),),
    options: Mapping[str, object] | None = None,
) -> User:
    """A local user in Keystone's tables who can sign in, apart from the facts given.

    Args:
        extra: the column as text; without it, JSON with the e-mail address.
        options: option id → value, written as JSON.
    """
    user = _make_user_row(
        domain_id,
        domain_name,
        id=user_id or new_id(),
        enabled=enabled,
        extra=json.dumps({"email": email} if email else {}) if extra is None else extra,
        created_at=created_at,
        last_active_at=last_active_at,
    )
    local = LocalUser.objects.using(_KEYSTONE).create(
        user_id=user.id,
        domain_id=domain_id,
        name=name,
        failed_auth_count=failed_auth_count,
        failed_auth_at=failed_auth_at,
    )
    for row in passwords:
        make_password(local, row)
    for option_id, value in (options or {}).items():
        UserOption.objects.using(_KEYSTONE).create(
            user_id=user.id, option_id=option_id, option_value=json.dumps(value)
        )
    return user


def make_locked_user(name: str = "ann", *, at: datetime | None = None, **facts: Any) -> User:
    """A user whose third failure was just now (or at the instant given)."""
    facts.setdefault("failed_auth_count", 3)
    at = at or timezone.now().replace(microsecond=0)  # as MariaDB keeps it
    return make_user(name, failed_auth_at=at, **facts)


def make_password(local: LocalUser, row: PasswordRow) -> Password:
    """A password of a local user."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return Password.objects.using(_KEYSTONE).create(
        local_user_id=local.pk,
        created_at_int=epoch if row.old_columns else row.created_at,
        expires_at_int=None if row.old_columns else row.expires_at,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def make_ldap_user(name: str = "lena", *, domain_id: str = "ldap") -> User:
    """A user whom Keystone knows from LDAP by name alone."""
    user = _make_user_row(domain_id, "", id=new_id(), enabled=True, extra="{}")
    NonLocalUser.objects.using(_KEYSTONE).create(user_id=user.id, domain_id=domain_id, name=name)
    return user


def make_federated_user(*display_names: str | None, domain_id: str = "default") -> User:
    """A user with one federated identity for each name."""
    user = _make_user_row(domain_id, "", id=new_id(), enabled=True, extra="{}")
    for name in display_names:
        FederatedUser.objects.using(_KEYSTONE).create(user_id=user.id, display_name=name)
    return user


def make_initiator(name: str = "olga", **facts: Any) -> Initiator:
    """An operator who works on the web page, apart from the facts given."""
    usual = {
        "type": Event.InitiatorType.KEYSTONE,
        "via": Event.Via.PAGE,
        "id": f"id of {name}",
        "name": name,
        "domain_id": "default",
        "domain_name": "Default",
        "address": "192.0.2.7",
        "agent": "Test/1.0",
    }
    return Initiator(**{**usual, **facts})


def _make_user_row(domain_id: str, domain_name: str, **columns: Any) -> User:
    make_domain(domain_id, domain_name or domain_id.capitalize())
    return User.objects.using(_KEYSTONE).create(domain_id=domain_id, **columns)
