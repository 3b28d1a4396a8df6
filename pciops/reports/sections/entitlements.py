"""PCI DSS 7.2: the roles that each account holds, where, and through which group."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final, NamedTuple

from django.db.models import Q

from pciops.accounts import loading, privileged
from pciops.keystone import database
from pciops.keystone.models import (
    Assignment,
    Group,
    Project,
    Role,
    SystemAssignment,
    User,
    UserGroupMembership,
)
from pciops.lib.canonical import canonical
from pciops.reports.archive import store
from pciops.reports.columns import ACCOUNT
from pciops.reports.requirements import judge
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables, Spool
from pciops.reports.value import Cell, Column, Figure, Judgment, Row, Section, Table

CHUNK: Final = 1000  # accounts or groups in memory at a time
KEY: Final = "entitlements"  # of the table
IDENTITY: Final = ("user_id", "role_id", "target_id", "inherited", "group_id")
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
_KEYS: Final = [[column.key for column in COLUMNS].index(name) for name in IDENTITY]


class _Grant(NamedTuple):
    """A role of a user or group."""

    actor_id: str
    scope: str  # "system", "domain" or "project"
    target_id: str
    role_id: str
    inherited: bool


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about who holds which role where."""
    administrators = privileged.administrator_roles()
    every, of_administrators = Spool(), Spool()
    new = 0
    with closing(_Before(sources)) as before:
        for row in _rows(sources):
            is_new = before.lacks(row)
            new += bool(is_new)
            entry = *row, is_new
            every.append(entry)
            if row[5] in administrators:
                of_administrators.append(entry)
        known = before.known
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
                new if known else None,
                words="" if known else "There is no list of the week before.",
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


class _Before:
    """The roles in the report of the week before, in a temporary file."""

    def __init__(self, sources: Sources) -> None:
        self._database = sqlite3.connect("")  # "": a temporary file
        self._database.execute("CREATE TABLE before (key TEXT PRIMARY KEY) WITHOUT ROWID")
        before = sources.before
        report = store.report(before) if before else None
        self.known = report is not None and any(table.key == KEY for table in report.tables())
        if before is not None and self.known:
            self._database.executemany(
                "INSERT OR IGNORE INTO before VALUES (?)",
                ([_key(row)] for row in store.rows(before, KEY)),
            )

    def lacks(self, row: Row) -> bool | None:
        """Return whether the role is new; None if there is no list to compare with."""
        if not self.known:
            return None
        found = self._database.execute("SELECT 1 FROM before WHERE key = ?", [_key(row)])
        return found.fetchone() is None

    def close(self) -> None:
        """Delete the file."""
        self._database.close()


def _key(row: Row) -> str:
    return canonical([row[place] for place in _KEYS]).encode("utf-8", "replace").decode()


# --- Reading, in constant memory ------------------------------------------------------------------
def _rows(sources: Sources) -> Iterator[Row]:
    """Yield the roles of users, then those of groups for each of their members."""
    roles = dict(_values(Role.objects.all(), "id", "name"))
    for grants in _grants("User"):
        targets = _targets(grants, sources.scope)
        users = _users(sources, {grant.actor_id for grant in grants})
        for grant in grants:
            if grant.actor_id in users:
                cells = _cells(grant, roles, targets)
                yield *users[grant.actor_id], *cells, "", ""
    for grants in _grants("Group"):
        targets = _targets(grants, sources.scope)
        by_group: dict[str, list[_Grant]] = {}
        for grant in grants:
            by_group.setdefault(grant.actor_id, []).append(grant)
        groups = {
            group_id: name if sources.scope in {None, domain_id} else "of another domain"
            for group_id, name, domain_id in _values(
                Group.objects.filter(id__in=by_group), "id", "name", "domain_id"
            )
        }
        for group_id, held in by_group.items():
            for users in _members(sources, group_id):
                for user in users.values():
                    for grant in held:
                        cells = _cells(grant, roles, targets)
                        yield *user, *cells, groups.get(group_id, group_id), group_id


def _grants(kind: str) -> Iterator[list[_Grant]]:
    """Yield the roles of the next `CHUNK` users or groups."""
    last = ""
    while True:
        actors = sorted(
            {
                actor_id
                for model in (Assignment, SystemAssignment)
                for (actor_id,) in _values(
                    model.objects.filter(actor_id__gt=last, type__startswith=kind)
                    .order_by("actor_id")
                    .distinct()[:CHUNK],
                    "actor_id",
                )
            }
        )[:CHUNK]
        if not actors:
            return
        last = actors[-1]
        columns = ("actor_id", "type", "target_id", "role_id", "inherited")
        condition = Q(actor_id__in=actors, type__startswith=kind)
        yield [
            _Grant(actor_id, type_.removeprefix(kind).lower(), target_id, role_id, bool(inherited))
            for model in (SystemAssignment, Assignment)
            for actor_id, type_, target_id, role_id, inherited in _values(
                model.objects.filter(condition).order_by("actor_id", "target_id", "role_id"),
                *columns,
            )
        ]


def _members(sources: Sources, group_id: str) -> Iterator[dict[str, tuple[Cell, ...]]]:
    last = ""
    members = UserGroupMembership.objects.filter(group_id=group_id).order_by("user_id")
    while ids := [row[0] for row in _values(members.filter(user_id__gt=last)[:CHUNK], "user_id")]:
        last = ids[-1]
        yield _users(sources, set(ids))


def _users(sources: Sources, user_ids: set[str]) -> dict[str, tuple[Cell, ...]]:
    """Return the cells of `ACCOUNT` by user; users of another domain are left out.

    An LDAP user who never signed in has no row, and so no name and no domain.
    """
    directory = sources.cloud.directory
    with database.reading():
        rows = loading.user_rows(sources.selection.of_domain(User.objects.filter(id__in=user_ids)))
    users = {
        row.facts.id: directory.account_cells(row.facts.id, row.facts.name, row.facts.domain_id)
        for row in rows
    }
    if sources.scope is None:
        for user_id in user_ids - users.keys():
            users[user_id] = directory.account_cells(user_id, "", "")
    return users


def _targets(grants: list[_Grant], scope: str | None) -> dict[str, tuple[str, str]]:
    """Return the names of the targets, and of the domains of projects, by their ids."""
    ids = {grant.target_id for grant in grants if grant.scope != "system"}
    columns = ("id", "name", "domain_id", "domain__name", "is_domain")
    return {
        target_id: (name, "" if is_domain else domain or "")
        if scope is None or scope in {target_id, domain_id}
        else ("of another domain", "")
        for target_id, name, domain_id, domain, is_domain in _values(
            Project.objects.filter(id__in=ids), *columns
        )
    }


def _cells(
    grant: _Grant, roles: dict[str, str], targets: dict[str, tuple[str, str]]
) -> tuple[Cell, ...]:
    """Return the cells from `role` to `inherited`."""
    target, domain = targets.get(grant.target_id, ("", ""))
    role = roles.get(grant.role_id, grant.role_id)
    return role, grant.role_id, grant.scope, target, domain, grant.target_id, grant.inherited


@database.reading()
def _values(rows: Any, *columns: str) -> list[tuple[Any, ...]]:
    return list(rows.values_list(*columns))
