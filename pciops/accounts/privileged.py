"""Which accounts matter: administrators and service accounts; the one place for the rule.

An **administrator** holds a role of `ADMIN_ROLES`, or one that implies it, on the system, a domain
or a project. A **service account** holds a role of `SERVICE_ROLES` anywhere, or any role on a
project of `SERVICE_PROJECTS`. Both directly or through a group; an account may be both.

Names of roles and projects are compared without regard to case, as oslo.policy compares roles. A
role of a domain counts by what it implies alone, whatever its name is: so Keystone takes it.

Left out: memberships that a federated sign-in gives for a time (`expiring_user_group_membership`;
whether one still holds depends on options of keystone.conf), and groups that are kept in LDAP.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final, TypeVar

from django.conf import settings
from django.db.models import Case, Exists, Model, OuterRef, Q, QuerySet, TextChoices, When

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

M = TypeVar("M", bound=Model)

BATCH: Final = 1000  # groups whose members are asked for at a time
LISTED: Final = 10_000  # users that a list of their ids finds sooner than their assignments do
SHOWN: Final = 200  # roles, or application credentials, of one account


class Kind(TextChoices):
    """Why an account matters, as URLs, API and commands name it."""

    ADMINISTRATOR = "administrator", "Administrator"
    SERVICE = "service", "Service account"


Kinds = tuple[Kind, ...]
BY_NAME: Final = {kind.value: kind for kind in Kind}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a role is held, in words, and what that place is called. Names are text of others."""

    where: str  # "on the project"
    target: str = ""
    domain: str = ""  # of the project


@dataclass(frozen=True, kw_only=True)
class Held:
    """A role that makes an account matter. Names are text of others."""

    role: str
    place: Place
    implies: str = ""  # the role of ADMIN_ROLES that it implies, where it is none itself
    group: str | None = None  # through which it is held; "" for one that may not be named


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """What makes an account matter, in Keystone's ids."""

    roles: Mapping[Kind, Mapping[str, str]]  # role → the name of the one that it implies, or ""
    projects: list[str]  # on which any role makes a service account

    def on_system(self, kinds: Iterable[Kind]) -> Q:
        """Rows of SystemAssignment that make an account one of these."""
        return Q(role_id__in=[role for kind in kinds for role in self.roles[kind]])

    def elsewhere(self, kinds: Collection[Kind]) -> Q:
        """Rows of Assignment that make an account one of these."""
        if Kind.SERVICE not in kinds:
            return self.on_system(kinds)
        return self.on_system(kinds) | Q(target_id__in=self.projects, inherited=False)


@database.reading()
def of(user_ids: Collection[str]) -> dict[str, Kinds]:
    """The kinds of those among these users who are of any; four queries for any number.

    Raises:
        KeystoneDatabaseDownError
    """
    if not user_ids:
        return {}
    groups = defaultdict(list)
    members = UserGroupMembership.objects.filter(user_id__in=user_ids)
    for user_id, group_id in members.values_list("user_id", "group_id"):
        groups[group_id].append(user_id)
    found: dict[str, set[Kind]] = defaultdict(set)
    for _, actor_id, kinds in _actors(Q(actor_id__in=[*user_ids, *groups])):
        for user_id in groups.get(actor_id, [actor_id]):
            found[user_id] |= kinds
    return _in_order(found)


@database.reading()
def everyone() -> dict[str, Kinds]:
    """The kinds of every user who is of any, local or not: one scan of the assignments.

    A thousandth of a megabyte for each, and most clouds have few of them.

    Raises:
        KeystoneDatabaseDownError
    """
    found: dict[str, set[Kind]] = defaultdict(set)
    groups: dict[str, set[Kind]] = defaultdict(set)
    for type_, actor_id, kinds in _actors(Q()):
        (groups if type_.startswith("Group") else found)[actor_id] |= kinds
    ids = list(groups)
    for start in range(0, len(ids), BATCH):
        members = UserGroupMembership.objects.filter(group_id__in=ids[start : start + BATCH])
        for user_id, group_id in members.values_list("user_id", "group_id"):
            found[user_id] |= groups[group_id]
    return _in_order(found)


def members(*kinds: Kind, user_id: str = "user_id") -> Q:
    """A condition on rows with a user's id: of any of these kinds. Reads the rule at once.

    Each row is looked up by the index on `actor_id`, so this is for rows that are few. Let it be
    the last condition: MariaDB takes them as they come, and this one costs the most.
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


def rank() -> Case:
    """0 for a row of LocalUser that is of any kind, 1 for the others; see `members`."""
    return Case(When(members(*Kind), then=0), default=1)


def among(rows: QuerySet[M], kind: Kind, *, few: bool) -> QuerySet[M]:
    """Those rows of LocalUser or of User that are of the kind.

    Args:
        few: the rows are some thousands at most, so that looking at each beats reading all
            assignments first. It decides the time that it takes, nothing else.
    """
    user_id = "user_id" if rows.model is LocalUser else "id"
    if not few:
        ids = [found for found, kinds in everyone().items() if kind in kinds]
        if len(ids) <= LISTED:
            return rows.filter(**{f"{user_id}__in": ids})
    return rows.filter(members(kind, user_id=user_id))


@database.reading()
def held(user_id: str, *, scope: str | None) -> list[Held]:
    """The roles that make the account matter, the widest first, at most `SHOWN` below the system.

    Args:
        scope: the one domain that the operator sees; what lies outside is not called by its name.

    Raises:
        KeystoneDatabaseDownError
    """
    rule = _rule()
    members = UserGroupMembership.objects.filter(user_id=user_id).select_related("group")
    groups = {member.group_id: member.group for member in members}
    actors = Q(actor_id__in=[user_id, *groups])
    domains_first = Case(When(type__in=("UserDomain", "GroupDomain"), then=0), default=1)
    rows: list[SystemAssignment | Assignment] = [
        *SystemAssignment.objects.filter(actors & rule.on_system(Kind)),
        *Assignment.objects.filter(actors & rule.elsewhere(Kind)).order_by(
            domains_first, "target_id", "role_id"
        )[:SHOWN],
    ]
    names = dict(
        Role.objects.filter(id__in={row.role_id for row in rows}).values_list("id", "name")
    )
    targets = Project.objects.select_related("domain").in_bulk({row.target_id for row in rows})
    return [
        Held(
            role=names.get(row.role_id, row.role_id),
            implies=rule.roles[Kind.ADMINISTRATOR].get(row.role_id, ""),
            place=_place(row, targets.get(row.target_id), scope),
            group=_group(groups.get(row.actor_id), scope),
        )
        for row in rows
    ]


def _place(row: Assignment | SystemAssignment, target: Project | None, scope: str | None) -> Place:
    if isinstance(row, SystemAssignment):
        return Place(where="on the whole system")
    kind = "domain" if row.type.endswith("Domain") else "project"
    if scope is not None and (target is None or scope not in {target.id, target.domain_id}):
        return Place(where=f"on a {kind} out of your sight")
    name = target.name if target else row.target_id
    domain = target.domain.name if target and target.domain and kind == "project" else ""
    if not row.inherited:
        return Place(where=f"on the {kind}", target=name, domain=domain)
    below = "of the domain" if kind == "domain" else "below the project"
    return Place(where=f"on every project {below}", target=name, domain=domain)


def _group(group: Group | None, scope: str | None) -> str | None:
    if group is None:
        return None
    return group.name if scope in {None, group.domain_id} else ""


def _actors(condition: Q) -> Iterator[tuple[str, str, set[Kind]]]:
    """Type, actor and kinds of each assignment that fits and makes its actor matter."""
    rule = _rule()
    elsewhere = Assignment.objects.filter(condition, rule.elsewhere(Kind)).annotate(
        **{kind: rule.elsewhere([kind]) for kind in Kind}
    )
    on_system = SystemAssignment.objects.filter(condition, rule.on_system(Kind)).annotate(
        **{kind: rule.on_system([kind]) for kind in Kind}
    )
    columns = ("type", "actor_id", *Kind)
    rows = elsewhere.values_list(*columns).union(on_system.values_list(*columns), all=True)
    for type_, actor_id, *makes in rows:
        yield type_, actor_id, {kind for kind, made in zip(Kind, makes, strict=True) if made}


def _in_order(found: Mapping[str, set[Kind]]) -> dict[str, Kinds]:
    return {user_id: tuple(kind for kind in Kind if kind in of) for user_id, of in found.items()}


def _rule() -> _Rule:
    """The rule by ids, in two queries: every role (they are few), and the projects by name."""
    names: dict[str, str] = {}
    prior: dict[str, list[str]] = defaultdict(list)
    rows = Role.objects.values_list("id", "name", "domain_id", "implied__implied_role_id")
    for role_id, name, domain_id, implied_id in rows:
        if domain_id == Role.GLOBAL:
            names[role_id] = name
        if implied_id is not None:
            prior[implied_id].append(role_id)
    administrators = _named(names, settings.ADMIN_ROLES)
    waiting = list(administrators)
    while waiting:
        role_id = waiting.pop()
        for prior_id in prior[role_id]:
            if prior_id not in administrators:
                administrators[prior_id] = administrators[role_id] or names[role_id]
                waiting.append(prior_id)
    services = _named(names, settings.SERVICE_ROLES)
    called = [Q(name__iexact=name) for name in settings.SERVICE_PROJECTS]
    projects = Project.objects.filter(reduce(or_, called), is_domain=False)
    return _Rule(
        roles={Kind.ADMINISTRATOR: administrators, Kind.SERVICE: services},
        projects=list(projects.values_list("id", flat=True)),
    )


def _named(names: Mapping[str, str], wanted: Iterable[str]) -> dict[str, str]:
    lower = {name.lower() for name in wanted}
    return {role_id: "" for role_id, name in names.items() if name.lower() in lower}
