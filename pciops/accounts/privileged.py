"""Privileged accounts: administrators and service accounts. The rule is here and nowhere else.

An **administrator** holds a role of `ADMIN_ROLES`, or one that implies it, on the system, a domain
or a project. A **service account** holds a role of `SERVICE_ROLES` anywhere, or any role on a
project of `SERVICE_PROJECTS`. Both directly or through a group; an account may be both.

Names of roles and projects are compared without regard to case, as oslo.policy compares roles. A
domain-specific role counts only for the roles that it implies, whatever its name, as in Keystone.

Left out: memberships that a federated sign-in grants for a time (`expiring_user_group_membership`;
whether one still holds depends on options of keystone.conf), and groups that are kept in LDAP.

Whatever reads Keystone's database here raises KeystoneDatabaseDownError if it does not answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Case, Exists, Func, Model, OuterRef, Q, QuerySet, TextChoices, When
from django.db.models.lookups import Exact
from django.db.models.sql.compiler import SQLCompiler

from pciops.keystone import database
from pciops.keystone.models import (
    Assignment,
    Group,
    LocalUser,
    Project,
    Role,
    SystemAssignment,
    UserGroupMembership,
)
from pciops.lib.keyset import batched

M = TypeVar("M", bound=Model)

BATCH: Final = 1000  # groups in one query for their members
FEW_IDS: Final = 10_000  # up to this many users, a list of ids is faster than their assignments
MAX_LISTED: Final = 200  # roles, or application credentials, of one account


class AccountKind(TextChoices):
    """The kinds of privileged accounts, as URLs, API and commands name them."""

    ADMINISTRATOR = "administrator", "Administrator"
    SERVICE = "service", "Service account"


AccountKinds = tuple[AccountKind, ...]
BY_NAME: Final = {kind.value: kind for kind in AccountKind}


@dataclass(frozen=True, kw_only=True)
class PrivilegedRole:
    """A role that makes an account privileged. Names are untrusted."""

    role: str
    scope: str  # "on the project"
    target: str = ""  # the name of the domain or project
    domain: str = ""  # of the project
    implies: str = ""  # the role of ADMIN_ROLES that it implies, unless it is one itself
    group: str | None = None  # through which it is held; "" if the operator may not see its name


class _InAnyCase(Func):
    """A name that equals others in upper or lower case, as MariaDB's columns do by themselves.

    There, only the bare column lets it use the index.
    """

    template = "%(expressions)s"

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        template = f"{self.template} COLLATE NOCASE"
        return super().as_sql(compiler, connection, template=template, **context)


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """The rule in Keystone's ids."""

    roles: Mapping[AccountKind, Mapping[str, str]]  # role → the name of the one it implies, or ""
    projects: list[str]  # on which any role makes a service account

    def on_system(self, kinds: Iterable[AccountKind]) -> Q:
        """Match rows of SystemAssignment that make an account one of these kinds."""
        return Q(role_id__in=[role for kind in kinds for role in self.roles[kind]])

    def elsewhere(self, kinds: Collection[AccountKind]) -> Q:
        """Match rows of Assignment that make an account one of these kinds."""
        if AccountKind.SERVICE not in kinds:
            return self.on_system(kinds)
        return self.on_system(kinds) | Q(target_id__in=self.projects, inherited=False)

    def kinds_by(self, role_id: str, target_id: str, *, inherited: bool) -> set[AccountKind]:
        """Return the kinds that an assignment of a role on this target makes an account."""
        kinds = {kind for kind in AccountKind if role_id in self.roles[kind]}
        if not inherited and target_id in self.projects:
            kinds.add(AccountKind.SERVICE)
        return kinds


@database.reading()
def kinds_of(user_ids: Collection[str]) -> dict[str, AccountKinds]:
    """Return the kinds of the privileged among these users, in four queries for any number."""
    if not user_ids:
        return {}
    groups = defaultdict(list)
    members = UserGroupMembership.objects.filter(user_id__in=user_ids)
    for user_id, group_id in members.values_list("user_id", "group_id"):
        groups[group_id].append(user_id)
    kinds: dict[str, set[AccountKind]] = defaultdict(set)
    for _, actor_id, actor_kinds in _privileged_actors(Q(actor_id__in=[*user_ids, *groups])):
        for user_id in groups.get(actor_id, [actor_id]):
            kinds[user_id] |= actor_kinds
    return _as_tuples(kinds)


@database.reading()
def all_kinds() -> dict[str, AccountKinds]:
    """Return the kinds of every privileged user, local or not, by one scan of the assignments.

    This takes about 1 kB of memory for each, and most clouds have few of them.
    """
    kinds: dict[str, set[AccountKind]] = defaultdict(set)
    groups: dict[str, set[AccountKind]] = defaultdict(set)
    for type_, actor_id, actor_kinds in _privileged_actors(Q()):
        (groups if type_.startswith("Group") else kinds)[actor_id] |= actor_kinds
    for ids in batched(groups, BATCH):
        members = UserGroupMembership.objects.filter(group_id__in=ids)
        for user_id, group_id in members.values_list("user_id", "group_id"):
            kinds[user_id] |= groups[group_id]
    return _as_tuples(kinds)


@database.reading()
def administrator_roles() -> set[str]:
    """Return the ids of the roles that make an administrator."""
    return set(_rule().roles[AccountKind.ADMINISTRATOR])


def has_kind(*kinds: AccountKind, user_id: str = "user_id") -> Q:
    """Return the condition that a row's user is of any of these kinds; reads the rule at once.

    Each row is looked up by the index on `actor_id`, so this is for few rows. Make it the last
    condition: MariaDB evaluates them in order, and this one is the most expensive.
    """
    rule = _rule()
    user, group = OuterRef(user_id), OuterRef("group_id")
    elsewhere = Assignment.objects.filter(rule.elsewhere(kinds))
    on_system = SystemAssignment.objects.filter(rule.on_system(kinds))
    groups = UserGroupMembership.objects.filter(user_id=user).filter(
        Exists(elsewhere.filter(actor_id=group)) | Exists(on_system.filter(actor_id=group))
    )
    return Q(
        Exists(elsewhere.filter(actor_id=user))
        | Exists(on_system.filter(actor_id=user))
        | Exists(groups)
    )


def privileged_rank() -> Case:
    """Return 0 for a privileged row of LocalUser and 1 for the others; see `has_kind`."""
    return Case(When(has_kind(*AccountKind), then=0), default=1)


def filter_by_kind(rows: QuerySet[M], kind: AccountKind, *, few: bool) -> QuerySet[M]:
    """Return the rows of LocalUser or User that are of the kind.

    Args:
        few: there are at most some thousands of rows, so it is faster to look each one up than
            to read all assignments first. The result is the same.
    """
    user_id = "user_id" if rows.model is LocalUser else "id"
    if not few:
        ids = [privileged_id for privileged_id, kinds in all_kinds().items() if kind in kinds]
        if len(ids) <= FEW_IDS:
            return rows.filter(**{f"{user_id}__in": ids})
    return rows.filter(has_kind(kind, user_id=user_id))


@database.reading()
def roles_of(user_id: str, *, scope: str | None) -> list[PrivilegedRole]:
    """Return the roles that make the account privileged, the widest scope first.

    Below the system there are at most `MAX_LISTED`.

    Args:
        scope: the one domain that the operator sees; nothing outside is named.
    """
    rule = _rule()
    members = UserGroupMembership.objects.filter(user_id=user_id).select_related("group")
    groups = {member.group_id: member.group for member in members}
    actors = Q(actor_id__in=[user_id, *groups])
    domains_first = Case(When(type__in=("UserDomain", "GroupDomain"), then=0), default=1)
    rows: list[SystemAssignment | Assignment] = [
        *SystemAssignment.objects.filter(actors & rule.on_system(AccountKind)),
        *Assignment.objects.filter(actors & rule.elsewhere(AccountKind)).order_by(
            domains_first, "target_id", "role_id"
        )[:MAX_LISTED],
    ]
    names = dict(
        Role.objects.filter(id__in={row.role_id for row in rows}).values_list("id", "name")
    )
    targets = Project.objects.select_related("domain").in_bulk({row.target_id for row in rows})
    roles = []
    for row in rows:
        role_scope, target, domain = _target(row, targets.get(row.target_id), scope)
        roles.append(
            PrivilegedRole(
                role=names.get(row.role_id, row.role_id),
                scope=role_scope,
                target=target,
                domain=domain,
                implies=rule.roles[AccountKind.ADMINISTRATOR].get(row.role_id, ""),
                group=_group_name(groups.get(row.actor_id), scope),
            )
        )
    return roles


@database.reading()
def role_ids(names: Iterable[str]) -> frozenset[str]:
    """Return the ids of the roles with these names, and of all that imply one of them."""
    global_names, prior_roles = _roles()
    return frozenset(_with_prior(global_names, prior_roles, names))


def _target(
    row: Assignment | SystemAssignment, target: Project | None, scope: str | None
) -> tuple[str, str, str]:
    """Return scope, name of the target and name of the target's domain, as PrivilegedRole has."""
    if isinstance(row, SystemAssignment):
        return "on the entire system", "", ""
    target_type = "domain" if row.type.endswith("Domain") else "project"
    if scope is not None and (target is None or scope not in {target.id, target.domain_id}):
        return f"on a {target_type} that you can't see", "", ""
    name = target.name if target else row.target_id
    domain = target.domain.name if target and target.domain and target_type == "project" else ""
    if not row.inherited:
        return f"on the {target_type}", name, domain
    below = "of the domain" if target_type == "domain" else "below the project"
    return f"on every project {below}", name, domain


def _group_name(group: Group | None, scope: str | None) -> str | None:
    if group is None:
        return None
    return group.name if scope in {None, group.domain_id} else ""


def _privileged_actors(condition: Q) -> Iterator[tuple[str, str, set[AccountKind]]]:
    """Yield type, actor and kinds of each assignment that makes its actor privileged."""
    rule = _rule()
    elsewhere = Assignment.objects.filter(condition, rule.elsewhere(AccountKind))
    on_system = SystemAssignment.objects.filter(condition, rule.on_system(AccountKind))
    columns = ("type", "actor_id", "role_id", "target_id", "inherited")
    rows = elsewhere.values_list(*columns).union(on_system.values_list(*columns), all=True)
    for type_, actor_id, role_id, target_id, inherited in rows:
        yield type_, actor_id, rule.kinds_by(role_id, target_id, inherited=inherited)


def _as_tuples(kinds: Mapping[str, set[AccountKind]]) -> dict[str, AccountKinds]:
    return {
        user_id: tuple(kind for kind in AccountKind if kind in user_kinds)
        for user_id, user_kinds in kinds.items()
    }


def _rule() -> _Rule:
    """Read the rule in ids, in two queries: every role (they are few), and the projects by name.

    Each domain is asked for each name by the unique index (domain_id, name): a name alone has none,
    and for two names at once, MariaDB reads all projects.
    """
    names, prior_roles = _roles()
    administrators = _with_prior(names, prior_roles, settings.ADMIN_ROLES)
    services = _with_names(names, settings.SERVICE_ROLES)
    projects = Project.objects.filter(is_domain=False, domain__domain_id=Project.ROOT)
    ids = projects.values_list("id", flat=True)
    by_name = [ids.filter(Exact(_InAnyCase("name"), name)) for name in settings.SERVICE_PROJECTS]
    return _Rule(
        roles={AccountKind.ADMINISTRATOR: administrators, AccountKind.SERVICE: services},
        projects=list(ids.none().union(*by_name, all=True)),
    )


def _roles() -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the names of global roles by id, and for each role those that imply it."""
    names: dict[str, str] = {}
    prior_roles: dict[str, list[str]] = defaultdict(list)
    rows = Role.objects.values_list("id", "name", "domain_id", "implied__implied_role_id")
    for role_id, name, domain_id, implied_id in rows:
        if domain_id == Role.GLOBAL:
            names[role_id] = name
        if implied_id is not None:
            prior_roles[implied_id].append(role_id)
    return names, prior_roles


def _with_prior(
    names: Mapping[str, str], prior_roles: Mapping[str, list[str]], wanted: Iterable[str]
) -> dict[str, str]:
    """Return the roles of these names, and each that implies one with the name of that one."""
    found = _with_names(names, wanted)
    queue = list(found)
    while queue:
        role_id = queue.pop()
        for prior_id in prior_roles.get(role_id, ()):
            if prior_id not in found:
                found[prior_id] = found[role_id] or names[role_id]
                queue.append(prior_id)
    return found


def _with_names(names: Mapping[str, str], wanted: Iterable[str]) -> dict[str, str]:
    lower = {name.lower() for name in wanted}
    return {role_id: "" for role_id, name in names.items() if name.lower() in lower}
