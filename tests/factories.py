"""Factories for accounts as values, and for rows in Keystone's test tables."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal

from django.db import connections
from django.utils import timezone

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.keystone.models import (
    ApplicationCredential,
    Assignment,
    Credential,
    FederatedUser,
    Group,
    ImpliedRole,
    LocalUser,
    NonLocalUser,
    Password,
    Project,
    Role,
    SystemAssignment,
    User,
    UserGroupMembership,
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

_KEYSTONE: Final = "keystone"  # given explicitly, because the router refuses writes
_OTHER: Final = {"enabled": True, "extra": "{}", "last_active_at": NOW.date()}  # no local row
_numbers = itertools.count(1)


def new_id() -> str:
    """Return a new id like Keystone's."""
    return f"{next(_numbers):032x}"


def make_account(**facts: Any) -> Account:
    """Return an account that can sign in, with other facts if given."""
    defaults = {
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
    return Account(**{**defaults, **facts})


@dataclass(frozen=True, kw_only=True)
class PasswordRow:
    """A row of `password`; `old_columns` leaves the new integer columns unset."""

    created_at: datetime = NOW - timedelta(days=30)
    expires_at: datetime | None = None
    old_columns: bool = False


def make_domain(domain_id: str = "default", name: str = "Default") -> Project:
    """Return the domain with this id; create it if there is none."""
    domain, _ = Project.objects.using(_KEYSTONE).get_or_create(
        id=domain_id, defaults={"name": name, "is_domain": True, "domain_id": Project.ROOT}
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
    last_active_at: date | None | Literal["created"] = "created",
    failed_auth_count: int | None = 0,
    failed_auth_at: datetime | None = None,
    passwords: Sequence[PasswordRow] = (PasswordRow(),),
    options: Mapping[str, object] | None = None,
    credentials: Sequence[str] = (),
) -> User:
    """Create a local user that can sign in, with other facts if given.

    Args:
        extra: the column as text; the default is JSON with the email address.
        last_active_at: the default is the day of creation.
        options: option id → value, written as JSON.
        credentials: their types: `totp`, `ec2`.
    """
    if last_active_at == "created":
        last_active_at = created_at.date() if created_at else None
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
    for type_ in credentials:
        make_stored_credential(user, type_)
    return user


def make_stored_credential(user: User, type_: str) -> None:
    """Create a TOTP or EC2 credential, whose secret is no secret."""
    if connections[_KEYSTONE].vendor == "sqlite":  # with the columns of the model
        Credential.objects.using(_KEYSTONE).create(user_id=user.id, type=type_)
        return
    with connections[_KEYSTONE].cursor() as cursor:
        cursor.execute(
            "INSERT INTO credential (id, user_id, type, extra, key_hash, encrypted_blob)"
            " VALUES (%s, %s, %s, '{}', '', '')",
            [new_id(), user.id, type_],
        )


def make_locked_user(name: str = "ann", *, at: datetime | None = None, **facts: Any) -> User:
    """Create a user whose third failure is now, or at another time."""
    facts.setdefault("failed_auth_count", 3)
    at = at or timezone.now().replace(microsecond=0)  # as MariaDB keeps it
    return make_user(name, failed_auth_at=at, **facts)


def make_password(local: LocalUser, row: PasswordRow) -> Password:
    """Create a password of a local user."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return Password.objects.using(_KEYSTONE).create(
        local_user_id=local.pk,
        created_at_int=epoch if row.old_columns else row.created_at,
        expires_at_int=None if row.old_columns else row.expires_at,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


def make_ldap_user(name: str = "lena", *, domain_id: str = "ldap", **columns: Any) -> User:
    """Create an LDAP user, of whom Keystone stores only the name and the row of `user`."""
    user = _make_user_row(domain_id, "", **{**_OTHER, "id": new_id(), **columns})
    NonLocalUser.objects.using(_KEYSTONE).create(user_id=user.id, domain_id=domain_id, name=name)
    return user


def make_federated_user(
    *display_names: str | None, domain_id: str = "default", **columns: Any
) -> User:
    """Create a user with one federated identity for each name."""
    user = _make_user_row(domain_id, "", **{**_OTHER, "id": new_id(), **columns})
    for name in display_names:
        FederatedUser.objects.using(_KEYSTONE).create(user_id=user.id, display_name=name)
    return user


def make_project(name: str = "web", *, domain_id: str = "default") -> Project:
    """Return the project with this name and domain; create it if there is none."""
    make_domain(domain_id, domain_id.capitalize())
    project, _ = Project.objects.using(_KEYSTONE).get_or_create(
        name=name, domain_id=domain_id, is_domain=False, defaults={"id": new_id()}
    )
    return project


def make_group(*members: User, name: str = "crew", domain_id: str = "default") -> Group:
    """Create a group with these members."""
    group = Group.objects.using(_KEYSTONE).create(id=new_id(), name=name, domain_id=domain_id)
    for member in members:
        UserGroupMembership.objects.using(_KEYSTONE).create(user_id=member.id, group_id=group.id)
    return group


def make_role(name: str, *, implies: str = "", domain_id: str = Role.GLOBAL) -> Role:
    """Return the role with this name; create it if there is none, with an implied role if given."""
    role, _ = Role.objects.using(_KEYSTONE).get_or_create(
        name=name, domain_id=domain_id, defaults={"id": new_id()}
    )
    if implies:
        ImpliedRole.objects.using(_KEYSTONE).create(
            prior_role_id=role.id, implied_role_id=make_role(implies).id
        )
    return role


def grant(
    actor: User | Group,
    role: str | Role = "admin",
    *,
    on: Project | None = None,
    inherited: bool = False,
) -> None:
    """Assign a role to a user or group on a project or domain, or else on the system."""
    holder = "User" if isinstance(actor, User) else "Group"
    row = {
        "actor_id": actor.id,
        "role_id": (make_role(role) if isinstance(role, str) else role).id,
        "inherited": inherited,
    }
    if on is None:
        SystemAssignment.objects.using(_KEYSTONE).create(
            type=f"{holder}System", target_id="system", **row
        )
        return
    type_ = f"{holder}{'Domain' if on.is_domain else 'Project'}"
    Assignment.objects.using(_KEYSTONE).create(type=type_, target_id=on.id, **row)


def make_credential(
    user: User, name: str = "ci", *, project: Project | None = None, **columns: Any
) -> ApplicationCredential:
    """Create an application credential of a user on a project."""
    return ApplicationCredential.objects.using(_KEYSTONE).create(
        internal_id=next(_numbers),
        id=new_id(),
        name=name,
        user_id=user.id,
        project_id=(project or make_project()).id,
        **{"unrestricted": False, **columns},
    )


def make_initiator(name: str = "olga", **facts: Any) -> Initiator:
    """Return an operator on the web page, with other facts if given."""
    defaults = {
        "type": Event.InitiatorType.KEYSTONE,
        "via": Event.Via.PAGE,
        "id": f"id of {name}",
        "name": name,
        "domain_id": "default",
        "domain_name": "Default",
        "address": "192.0.2.7",
        "agent": "Test/1.0",
    }
    return Initiator(**{**defaults, **facts})


def _make_user_row(domain_id: str, domain_name: str, **columns: Any) -> User:
    make_domain(domain_id, domain_name or domain_id.capitalize())
    return User.objects.using(_KEYSTONE).create(domain_id=domain_id, **columns)
