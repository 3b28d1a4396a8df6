"""Standing: the scopes in which an account has power over other accounts, for who may act on it.

Administrator roles count wherever they are held; on a project for the project's domain, unless it
is the project of cloud administrators (`PCIOPS_ADMIN_PROJECT_NAME`). Help-desk roles count where
they give rights in pciops: on the system and on domains. Both also through groups and through
implied roles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db.models import Q

from pciops.accounts.privileged import role_ids
from pciops.keystone import database
from pciops.keystone.models import (
    Assignment,
    Project,
    SystemAssignment,
    UserGroupMembership,
)

WHOLE_CLOUD: Final = None  # as a scope, beside the ids of domains


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The scopes in which an account is an administrator, and those with a help-desk role."""

    administers: frozenset[str | None] = frozenset()
    helps: frozenset[str | None] = frozenset()


@database.reading()
def standing_of(user_id: str) -> Standing:
    """Return the standing of an account as it is now.

    Raises:
        KeystoneDatabaseDownError
    """
    members = UserGroupMembership.objects.filter(user_id=user_id)
    actors = Q(actor_id__in=[user_id, *members.values_list("group_id", flat=True)])
    administrators = role_ids(settings.ADMIN_ROLES)
    helpers = role_ids(settings.HELPDESK_ROLES)
    held = Q(role_id__in=administrators | helpers)
    on_system = set(SystemAssignment.objects.filter(actors, held).values_list("role_id", flat=True))
    rows = list(Assignment.objects.filter(actors, held))
    targets = Project.objects.in_bulk({row.target_id for row in rows})
    return Standing(
        administers=_scopes(administrators, on_system, rows, targets),
        helps=_scopes(
            helpers, on_system, [row for row in rows if row.type.endswith("Domain")], targets
        ),
    )


def _scopes(
    roles: frozenset[str],
    on_system: set[str],
    rows: Iterable[Assignment],
    targets: Mapping[str, Project],
) -> frozenset[str | None]:
    scopes = {_scope(row, targets.get(row.target_id)) for row in rows if row.role_id in roles}
    return frozenset(scopes | {WHOLE_CLOUD} if roles & on_system else scopes)


def _scope(row: Assignment, target: Project | None) -> str | None:
    """Return the domain that an assignment is about; None if it reaches the whole cloud."""
    if target is None:  # a row that Keystone has left behind: its reach cannot be told
        return WHOLE_CLOUD
    domain_id = target.id if target.is_domain else target.domain_id
    if not settings.ADMIN_PROJECT_NAME or domain_id is None:
        return domain_id
    is_admin_project = target.name == settings.ADMIN_PROJECT_NAME and not target.is_domain
    if (is_admin_project or row.inherited) and _has_admin_project(domain_id):
        return WHOLE_CLOUD
    return domain_id


def _has_admin_project(domain_id: str) -> bool:
    """Return whether the project of cloud administrators is in the domain."""
    domains = Project.objects.filter(
        id=domain_id, name=settings.ADMIN_PROJECT_DOMAIN_NAME, is_domain=True
    )
    return domains.exists()
