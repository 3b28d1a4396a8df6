"""PCI DSS 7.2: the roles that each account holds, where, and through which group."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple

from django.db.models import Exists, OuterRef, Q

from pciops.accounts import loading, privileged
from pciops.keystone import database
from pciops.keystone.models import (
    Assignment,
    Group,
    LocalUser,
    Project,
    Role,
    SystemAssignment,
    User,
    UserGroupMembership,
)
from pciops.lib import jsontext
from pciops.lib.threads import read_ahead
from pciops.reports import account_lists
from pciops.reports.columns import ACCOUNT
from pciops.reports.requirements import judge
from pciops.reports.roles_before import IDENTITY, KEY
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables, Spool
from pciops.reports.value import Cell, Column, Figure, Judgment, Row, Section, Table

CHUNK: Final = 5000  # roles in memory at a time, or a few more, and members of a group
TARGETS: Final = 50_000  # names in memory
SYSTEM: Final = "system"
_UNKNOWN: Final = ("", "")  # a target without a name
COLUMNS: Final = (
    *ACCOUNT,
    Column("role", "Role"),
    Column("role_id", "Role's id"),
    Column("scope", "On"),
    Column("target", "Target"),
    Column("target_domain", "Target's domain"),
    Column("target_id", "Target's id"),
    Column("inherited", "Inherited by projects below", "yes"),
    Column("group", "Through the group"),
    Column("group_id", "Group's id"),
    Column("new", "New since last week", "yes"),
)
_identity: Final = itemgetter(*map([column.key for column in COLUMNS].index, IDENTITY))


class _Grant(NamedTuple):
    """A role of a user or group."""

    scope: str  # of `_SCOPES`
    actor_id: str
    target_id: str
    role_id: str
    inherited: int  # 0 or 1
    name: str | None  # the actor's, in `local_user`
    domain_id: str | None


_Grants = dict[str, list[_Grant]]  # by actor
_SCOPES: Final[Mapping[str, Any]] = {
    SYSTEM: SystemAssignment,
    "domain": Assignment,
    "project": Assignment,
}
# The primary key of both tables, after the type, and who holds the role.
_COLUMNS: Final = (
    *("actor_id", "target_id", "role_id", "inherited"),
    *("local_user__name", "local_user__domain_id"),
)


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about who holds which role where."""
    administrators = privileged.administrator_roles()
    every, of_administrators = Spool(), Spool()
    new = 0
    before = sources.roles_before
    for rows in read_ahead(chain(_of_users(sources), _of_groups(sources))):
        marks = before.lacks(map(_identity, rows))
        new += marks.count(True)
        entries = [(*row, is_new) for row, is_new in zip(rows, marks, strict=True)]
        every.extend(entries)
        of_administrators.extend(entry for entry in entries if entry[5] in administrators)
    return Section(
        key="7.2",
        requirement="7.2.2, 7.2.5",
        old="7.1.2, 7.1.3",
        title="Roles of accounts",
        demand="Accounts hold only the privileges that their job or program needs.",
        judgments=_judgments(sources, every.count),
        figures=(
            Figure("entitlements", "Roles held by accounts", every.count),
            Figure(
                "entitlements_administrators",
                "of them roles of administrators",
                of_administrators.count,
                main=True,
            ),
            Figure(
                "entitlements_new",
                "Roles that are new since last week",
                new if before.known else None,
                words="" if before.known else "There is no list of the week before.",
                main=True,
            ),
        ),
        tables=_tables(tables, every, of_administrators),
    )


def _judgments(sources: Sources, held: int) -> tuple[Judgment, ...]:
    return (
        judge(
            "7.2.2",
            unit="roles held",
            population=held,
            tested=0,
            not_tested=("Whether each role is needed and was approved.",),
        ),
        judge(
            "7.2.5",
            unit="service accounts and other machines",
            population=sources.programs,
            tested=0,
            not_tested=("Whether service accounts and other machines hold more than they need.",),
        ),
    )


def _tables(tables: ReportTables, every: Spool, of_administrators: Spool) -> tuple[Table, ...]:
    return (
        tables.add(
            "entitlements_administrators",
            "Accounts with a role of administrators, and where",
            COLUMNS,
            of_administrators,
            empty="No account holds a role of administrators.",
            identity=IDENTITY,
        ),
        tables.add(
            KEY,
            "Roles of all accounts (without the roles that these imply)",
            COLUMNS,
            every,
            empty="No account holds a role.",
            identity=IDENTITY,
        ),
    )


# --- Reading, in constant memory ------------------------------------------------------------------
def _of_users(sources: Sources) -> Iterator[list[Row]]:
    roles, targets = _roles(), _Targets(sources.scope)
    for by_user in read_ahead(_grants("User", sources.scope)):
        users = _actors(sources, by_user)
        targets.read(by_user)
        yield [
            (*user, *_cells(grant, roles, targets), "", "")
            for user_id, held in by_user.items()
            if (user := users.get(user_id))
            for grant in held
        ]


def _of_groups(sources: Sources) -> Iterator[list[Row]]:
    roles, targets = _roles(), _Targets(sources.scope)
    for by_group in _grants("Group", None):
        groups = {
            group_id: name if sources.scope in {None, domain_id} else "of another domain"
            for group_id, name, domain_id in _values(
                Group.objects.filter(id__in=by_group), "id", "name", "domain_id"
            )
        }
        targets.read(by_group)
        for group_id, held in by_group.items():
            cells = [_cells(grant, roles, targets) for grant in held]
            group = groups.get(group_id, group_id)
            for members in _members(sources, group_id):
                yield [
                    (*member, *of_grant, group, group_id)
                    for member in members.values()
                    for of_grant in cells
                ]


def _roles() -> dict[str, str]:
    return dict(_values(Role.objects.all(), "id", "name"))


def _grants(kind: str, domain_id: str | None) -> Iterator[_Grants]:
    """Yield the roles of all users or groups, those of about `CHUNK` roles at a time.

    Args:
        domain_id: of the users; None: all.
    """
    condition = Q()
    if domain_id is not None:
        condition = Q(Exists(User.objects.filter(pk=OuterRef("actor_id"), domain_id=domain_id)))
    each = (_read(model, kind, scope, condition) for scope, model in _SCOPES.items())
    chunk: _Grants = {}
    size = 0
    for grant in heapq.merge(*each, key=attrgetter("actor_id")):
        if size >= CHUNK and grant.actor_id not in chunk:
            yield chunk
            chunk, size = {}, 0
        chunk.setdefault(grant.actor_id, []).append(grant)
        size += 1
    if chunk:
        yield chunk


def _read(model: Any, kind: str, scope: str, condition: Q) -> Iterator[_Grant]:
    """Yield the roles of one type by actor."""
    rows = model.objects.filter(type=f"{kind}{scope.title()}")
    for those in account_lists.ranges(rows, "actor_id", CHUNK):
        with database.reading():
            found = jsontext.rows_of(rows.filter(those, condition), *_COLUMNS)
        for row in sorted(found):
            yield _Grant(scope, *row)


def _members(sources: Sources, group_id: str) -> Iterator[dict[str, tuple[Cell, ...]]]:
    last = ""
    members = UserGroupMembership.objects.filter(group_id=group_id).order_by("user_id")
    while ids := [row[0] for row in _values(members.filter(user_id__gt=last)[:CHUNK], "user_id")]:
        last = ids[-1]
        yield _users(sources, set(ids))


def _actors(sources: Sources, grants: _Grants) -> dict[str, tuple[Cell, ...]]:
    """Return the cells of `ACCOUNT` by user, as `_users` does, of those who hold these roles."""
    cells = sources.cloud.directory.account_cells
    users = {
        user_id: cells(user_id, held[0].name, held[0].domain_id)
        for user_id, held in grants.items()
        if held[0].name is not None
    }
    return users | _others(sources, grants.keys() - users.keys())


def _users(sources: Sources, user_ids: Collection[str]) -> dict[str, tuple[Cell, ...]]:
    """Return the cells of `ACCOUNT` by user; users of another domain are left out."""
    cells = sources.cloud.directory.account_cells
    local = sources.selection.of_domain(LocalUser.objects.filter(user_id__in=user_ids))
    found = _values(local, "user_id", "name", "domain_id")
    users = {user_id: cells(user_id, *facts) for user_id, *facts in found}
    return users | _others(sources, [user_id for user_id in user_ids if user_id not in users])


def _others(sources: Sources, user_ids: Collection[str]) -> dict[str, tuple[Cell, ...]]:
    """Return the same of users without a row of `local_user`.

    An LDAP user who never signed in has no row, and so no name and no domain.
    """
    if not user_ids:
        return {}
    cells = sources.cloud.directory.account_cells
    with database.reading():
        found = sources.selection.of_domain(User.objects.filter(id__in=user_ids))
        rows = list(found.values_list("id", *loading.NAMES, "domain_id"))
        names = loading.user_names(row[:3] for row in rows)
    users = {user_id: cells(user_id, names[user_id], of) for user_id, _, _, of in rows}
    if sources.scope is None:
        for user_id in user_ids:
            users.setdefault(user_id, cells(user_id, "", ""))
    return users


class _Targets(dict[str, tuple[str, str]]):
    """The names of targets, and of the domains of projects, by their ids."""

    def __init__(self, scope: str | None) -> None:
        super().__init__()
        self._scope = scope

    def read(self, grants: _Grants) -> None:
        """Read those of the grants that are not known yet; the others may be forgotten."""
        if len(self) > TARGETS:
            self.clear()
        wanted = {
            grant.target_id for held in grants.values() for grant in held if grant.scope != SYSTEM
        }
        columns = ("id", "name", "domain_id", "domain__name", "is_domain")
        new = wanted - self.keys()
        self.update(dict.fromkeys(new, _UNKNOWN))
        rows = Project.objects.filter(id__in=new)
        for target_id, name, domain_id, domain, is_domain in _values(rows, *columns):
            here = self._scope is None or self._scope in {target_id, domain_id}
            names = (name, "" if is_domain else domain or "")
            self[target_id] = names if here else ("of another domain", "")


def _cells(
    grant: _Grant, roles: Mapping[str, str], targets: Mapping[str, tuple[str, str]]
) -> tuple[Cell, ...]:
    """Return the cells from `role` to `inherited`."""
    target, domain = targets.get(grant.target_id, _UNKNOWN)
    role = roles.get(grant.role_id, grant.role_id)
    inherited = bool(grant.inherited)
    return role, grant.role_id, grant.scope, target, domain, grant.target_id, inherited


@database.reading()
def _values(rows: Any, *columns: str) -> list[tuple[Any, ...]]:
    return list(rows.values_list(*columns))
