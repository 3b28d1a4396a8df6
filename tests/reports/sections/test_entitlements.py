"""The roles of accounts: where, inherited, through which group, and which are new."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pciops.keystone.models import Project, User
from pciops.reports.archive import store
from pciops.reports.build import build
from pciops.reports.sections import entitlements
from pciops.reports.sources import CloudSources, Sources
from pciops.reports.spool import ReportTables, Spool
from pciops.reports.value import Column
from tests.factories import (
    NOW,
    grant,
    make_domain,
    make_group,
    make_initiator,
    make_ldap_user,
    make_project,
    make_role,
    make_user,
)
from tests.reports.weekly import WEEK, figures

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def held(sources: Sources | None = None, table: str = "entitlements") -> list[dict[str, Any]]:
    """Return the rows of the list by the keys of its columns."""
    tables = ReportTables()
    entitlements.section(
        sources or Sources(week=WEEK, scope=None, cloud=CloudSources(now=NOW)), tables
    )
    keys = [column.key for column in entitlements.COLUMNS]
    return [dict(zip(keys, row, strict=True)) for row in tables.rows(table)]


def of_domain(domain_id: str) -> Sources:
    return Sources(week=WEEK, scope=domain_id, cloud=CloudSources(now=NOW))


def facts(row: dict[str, Any]) -> tuple[Any, ...]:
    names = ("user_name", "role", "scope", "target", "target_domain", "inherited", "group")
    return tuple(row[name] for name in names)


def test_each_role_has_its_target_and_its_way() -> None:
    ann = make_user("ann")
    grant(ann)
    grant(ann, "member", on=make_project("web"))
    grant(make_user("bob"), "reader", on=make_domain(), inherited=True)
    grant(make_group(ann, name="ops"), "manager", on=make_domain())

    assert sorted(map(facts, held())) == sorted(
        [
            ("ann", "admin", "system", "", "", False, ""),
            ("ann", "member", "project", "web", "Default", False, ""),
            ("bob", "reader", "domain", "Default", "", True, ""),
            ("ann", "manager", "domain", "Default", "", False, "ops"),
        ]
    )


def test_roles_of_administrators_are_a_list_with_those_that_imply_one() -> None:
    grant(make_user("root"))
    grant(make_user("boss"), make_role("boss", implies="admin"))
    grant(make_user("ann"), "member", on=make_project("web"))
    rows = held(table="entitlements_administrators")

    assert {row["user_name"] for row in rows} == {"root", "boss"}


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_a_chunk_may_end_anywhere(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entitlements, "CHUNK", chunk)
    users = [make_user(f"user{number}") for number in range(6)]
    for user in users:
        grant(user, "member", on=make_project("web"))
        grant(user, "reader")
    grant(make_group(*users, name="crew"), "member", on=make_project("shop"))
    grant(make_group(*users[:2], name="ops"), "admin")

    assert len(held()) == 6 + 6 + 6 + 2


def test_a_domain_has_only_its_own_accounts_and_no_names_of_others() -> None:
    shop = make_user("shop", domain_id="shops")
    grant(shop, "member", on=make_project("web"))
    grant(make_user("ann"), "member", on=make_project("web"))
    grant(make_group(shop, name="secret"), "member", on=make_project("till", domain_id="shops"))
    rows = held(of_domain("shops"))

    assert {row["user_name"] for row in rows} == {"shop"}
    assert {row["target"] for row in rows} == {"of another domain", "till"}
    assert {row["group"] for row in rows} == {"", "of another domain"}


@pytest.mark.parametrize("domain_id", [None, "ldap"])
def test_an_ldap_user_has_its_name(domain_id: str | None) -> None:
    make_domain("ldap", "Directory")
    grant(make_ldap_user("lena"), "member", on=make_project("web"))
    sources = None if domain_id is None else of_domain(domain_id)

    assert [(row["user_name"], row["domain_name"]) for row in held(sources)] == [
        ("lena", "Directory")
    ]


def test_a_role_of_an_unknown_user_is_listed() -> None:
    ghost = User(id="ghost")  # such as an LDAP user who never signed in
    grant(ghost, "member", on=make_project("web"))
    [row] = held()

    assert (row["user_id"], row["user_name"], row["role"]) == ("ghost", "", "member")


def test_roles_that_are_new_since_last_week_are_marked() -> None:
    ann = make_user("ann")
    grant(ann, "member", on=make_project("web"))
    with build(WEEK.before, cloud=CloudSources(now=NOW)) as built:
        before = store.keep(built, initiator=make_initiator())
    grant(ann)
    sources = Sources(week=WEEK, scope=None, cloud=CloudSources(now=NOW), before=before)

    assert {row["role"]: row["new"] for row in held(sources)} == {"admin": True, "member": False}
    assert {row["new"] for row in held()} == {None}
    assert figures("7.2")["entitlements_new"] is None


def test_roles_are_compared_by_the_columns_that_the_stored_list_has() -> None:
    grant(make_user("ann"), "member", on=make_project("web"))
    with build(WEEK.before, cloud=CloudSources(now=NOW)) as built:
        [section] = [section for section in built.report.sections if section.key == "7.2"]
        tables = tuple(
            replace(table, columns=(Column("note", "Note"), *table.columns))
            for table in section.tables
        )
        other = replace(section, tables=tables)
        sections = tuple(other if each is section else each for each in built.report.sections)
        rows = [("", *row) for row in built.tables.rows("entitlements")]
        built.tables.spools["entitlements"] = Spool.of(rows)
        stored = replace(built, report=replace(built.report, sections=sections))
        before = store.keep(stored, initiator=make_initiator())

    sources = Sources(week=WEEK, scope=None, cloud=CloudSources(now=NOW), before=before)

    assert [(row["role"], row["new"]) for row in held(sources)] == [("member", False)]


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_only_roles_that_the_week_before_lacks_are_new(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entitlements, "CHUNK", chunk)
    web, shop = make_project("web"), make_project("shop")
    users = [make_user(f"user{number}") for number in range(8)]
    for user in users:
        grant(user, "member", on=web)
    crew = make_group(*users[:4], name="crew")
    grant(crew, "reader", on=shop)
    with build(WEEK.before, cloud=CloudSources(now=NOW)) as built:
        before = store.keep(built, initiator=make_initiator())
    for user in users[::3]:
        grant(user, "member", on=shop)  # the same role elsewhere
        grant(user, "member", on=web, inherited=True)  # the same role and project
    Project.objects.using("keystone").filter(id=web.id).update(name="renamed")
    sources = Sources(week=WEEK, scope=None, cloud=CloudSources(now=NOW), before=before)
    rows = held(sources)

    assert {facts(row)[1:] for row in rows if not row["new"]} == {
        ("member", "project", "renamed", "Default", False, ""),
        ("reader", "project", "shop", "Default", False, "crew"),
    }
    assert sorted(row["user_name"] for row in rows if row["new"]) == sorted(
        2 * [f"user{number}" for number in (0, 3, 6)]
    )
    assert len(rows) == 8 + 4 + 6
