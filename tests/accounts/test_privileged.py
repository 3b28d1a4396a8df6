"""Tests of administrators and service accounts, in every form of the rule."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connections
from pytest_django import DjangoAssertNumQueries, Settings

from pciops.accounts import privileged
from pciops.accounts.privileged import AccountKind
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.keystone.models import LocalUser, User
from tests.factories import (
    grant,
    make_domain,
    make_group,
    make_ldap_user,
    make_project,
    make_role,
    make_user,
)

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

ADMINISTRATOR, SERVICE = (AccountKind.ADMINISTRATOR,), (AccountKind.SERVICE,)
BOTH = (*ADMINISTRATOR, *SERVICE)


def kinds_of(user: User) -> tuple[AccountKind, ...]:
    """Return the kinds of a user, on which all functions agree."""
    kinds = privileged.kinds_of([user.id]).get(user.id, ())
    rows = User.objects.filter(id=user.id)

    assert privileged.all_kinds().get(user.id, ()) == kinds
    for few in (False, True):
        listed = tuple(
            kind for kind in AccountKind if privileged.filter_by_kind(rows, kind, few=few).exists()
        )
        assert listed == kinds
    assert bool(privileged.roles_of(user.id, scope=None)) == bool(kinds)
    return kinds


# --- Administrators -----------------------------------------------------------------------------
@pytest.mark.parametrize("through_group", [False, True], ids=["directly", "through a group"])
@pytest.mark.parametrize("place", ["system", "domain", "project", "inherited"])
@pytest.mark.parametrize(("role", "expected"), [("admin", ADMINISTRATOR), ("service", SERVICE)])
def test_role_anywhere_makes_a_kind(
    place: str, through_group: bool, role: str, expected: tuple[AccountKind, ...]
) -> None:
    user, other = make_user("ann"), make_user("bob")
    places = {"system": None, "project": make_project()}

    grant(
        make_group(user) if through_group else user,
        role,
        on=places.get(place, make_domain()),
        inherited=place == "inherited",
    )

    assert kinds_of(user) == expected
    assert kinds_of(other) == ()


def test_role_that_implies_admin_makes_an_administrator() -> None:
    make_role("owner", implies="keeper")
    make_role("keeper", implies="admin")
    user = make_user()

    grant(user, "owner", on=make_project())

    assert kinds_of(user) == ADMINISTRATOR


def test_role_implied_by_admin_does_not_make_an_administrator() -> None:
    make_role("admin", implies="member")
    user = make_user()

    grant(user, "member", on=make_project())

    assert kinds_of(user) == ()


def test_roles_can_imply_each_other() -> None:
    make_role("admin", implies="owner")
    make_role("owner", implies="admin")
    user = make_user()

    grant(user, "owner")

    assert kinds_of(user) == ADMINISTRATOR


def test_domain_specific_role_counts_only_for_implied_roles() -> None:
    empty, strong = make_user("empty"), make_user("strong")

    grant(empty, make_role("admin", domain_id="default"), on=make_project())
    grant(strong, make_role("local", domain_id="default", implies="admin"), on=make_project())

    assert kinds_of(empty) == ()
    assert kinds_of(strong) == ADMINISTRATOR


@pytest.mark.parametrize(
    ("role", "expected"),
    [("Admin", ADMINISTRATOR), ("cloud_admin", ADMINISTRATOR), ("administrator", ())],
)
def test_admin_roles_are_a_setting(
    settings: Settings, role: str, expected: tuple[AccountKind, ...]
) -> None:
    settings.ADMIN_ROLES = ["admin", "Cloud_Admin"]
    user = make_user()

    grant(user, role)

    assert kinds_of(user) == expected


# --- Service accounts ---------------------------------------------------------------------------
@pytest.mark.parametrize("through_group", [False, True], ids=["directly", "through a group"])
@pytest.mark.parametrize("project", ["service", "services", "Service"])
def test_any_role_on_a_service_project_makes_a_service_account(
    project: str, through_group: bool
) -> None:
    user = make_user()

    grant(
        make_group(user) if through_group else user,
        "reader",
        on=make_project(project, domain_id="infra"),
    )

    assert kinds_of(user) == SERVICE


def test_domain_with_the_name_of_the_service_project_does_not_count() -> None:
    user = make_user()

    grant(user, "reader", on=make_domain("d1", "service"))

    assert kinds_of(user) == ()


def test_role_inherited_from_the_service_project_does_not_count() -> None:
    user = make_user()

    grant(user, "reader", on=make_project("service"), inherited=True)

    assert kinds_of(user) == ()


def test_account_can_be_of_both_kinds() -> None:
    user = make_user()

    grant(user, "admin", on=make_project("service"))

    assert kinds_of(user) == BOTH


def test_service_roles_and_projects_are_settings(settings: Settings) -> None:
    settings.SERVICE_ROLES, settings.SERVICE_PROJECTS = ["robot"], ["infra"]
    robot, infra, service = make_user("a"), make_user("b"), make_user("c")

    grant(robot, "robot", on=make_project())
    grant(infra, "member", on=make_project("infra"))
    grant(service, "service", on=make_project("service"))

    assert [kinds_of(user) for user in (robot, infra, service)] == [SERVICE, SERVICE, ()]


@pytest.mark.parametrize(
    ("projects", "expected"), [([], ()), (["infra"], ()), (["INFRA", "Service", "other"], SERVICE)]
)
def test_any_number_of_service_projects_can_be_set(
    settings: Settings, projects: list[str], expected: tuple[AccountKind, ...]
) -> None:
    settings.SERVICE_PROJECTS = projects
    user = make_user()

    grant(user, "reader", on=make_project("service"))

    assert kinds_of(user) == expected


# --- Neither ------------------------------------------------------------------------------------
def test_other_roles_make_no_kind() -> None:
    user = make_user()
    assert kinds_of(user) == ()

    grant(user, "member", on=make_project())
    grant(make_group(user), "reader", on=make_domain())

    assert kinds_of(user) == ()


def test_ldap_user_can_be_an_administrator() -> None:
    user = make_ldap_user()

    grant(user)

    assert kinds_of(user) == ADMINISTRATOR


def test_empty_group_has_no_kinds() -> None:
    grant(make_group())

    assert list(privileged.all_kinds()) == []


def test_role_on_a_deleted_project_still_counts() -> None:
    user, project = make_user(), make_project()
    grant(user, on=project)
    project.delete(using="keystone")

    assert kinds_of(user) == ADMINISTRATOR


@pytest.mark.parametrize("listed", [0, 1])
@pytest.mark.parametrize("few", [False, True])
def test_local_users_are_filtered_by_kind(
    monkeypatch: pytest.MonkeyPatch, few: bool, listed: int
) -> None:
    monkeypatch.setattr(privileged, "FEW_IDS", listed)
    make_user("ann")
    grant(make_user("bob"))

    rows = privileged.filter_by_kind(LocalUser.objects.all(), AccountKind.ADMINISTRATOR, few=few)

    assert [row.name for row in rows] == ["bob"]


# --- Many users, and none -----------------------------------------------------------------------
def test_no_users_take_no_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(0, using="keystone"):
        assert privileged.kinds_of([]) == {}


@pytest.mark.parametrize("number", [1, 30])
def test_any_number_of_users_takes_four_queries(
    django_assert_num_queries: DjangoAssertNumQueries, number: int
) -> None:
    users = [make_user(f"user{n}") for n in range(number)]
    grant(make_group(*users))
    for user in users:
        grant(user, "service", on=make_project())

    # The groups of these users; roles with implied roles; service projects; assignments.
    with django_assert_num_queries(4, using="keystone"):
        kinds = privileged.kinds_of([user.id for user in users])
    assert kinds == {user.id: BOTH for user in users}


def test_groups_are_read_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileged, "BATCH", 2)
    users = [make_user(f"user{n}") for n in range(5)]
    for user in users:
        grant(make_group(user))

    assert privileged.all_kinds() == {user.id: ADMINISTRATOR for user in users}


@pytest.mark.parametrize(
    "read",
    [
        lambda: privileged.kinds_of(["a"]),
        privileged.all_kinds,
        lambda: privileged.roles_of("a", scope=None),
    ],
    ids=["kinds_of", "all_kinds", "roles_of"],
)
def test_database_outage_is_an_exception(read: Callable[[], object]) -> None:
    with connections["keystone"].cursor() as cursor:
        for table in ("role", "user_group_membership"):
            cursor.execute(f"ALTER TABLE {table} RENAME TO lost_{table}")

    with pytest.raises(KeystoneDatabaseDownError):
        read()
