"""Administrators and service accounts: who is one, in every form in which it is asked."""

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

pytestmark = pytest.mark.django_db(databases=["keystone"])

ADMINISTRATOR, SERVICE = (AccountKind.ADMINISTRATOR,), (AccountKind.SERVICE,)
BOTH = (*ADMINISTRATOR, *SERVICE)


def is_of(user: User) -> tuple[AccountKind, ...]:
    """The kinds of a user; every way to ask must agree."""
    told = privileged.kinds_of([user.id]).get(user.id, ())
    rows = User.objects.filter(id=user.id)

    assert privileged.all_kinds().get(user.id, ()) == told
    for few in (False, True):
        listed = tuple(
            kind for kind in AccountKind if privileged.filter_by_kind(rows, kind, few=few).exists()
        )
        assert listed == told
    assert bool(privileged.roles_of(user.id, scope=None)) == bool(told)
    return told


# --- Administrators -----------------------------------------------------------------------------
@pytest.mark.parametrize("through_group", [False, True], ids=["directly", "through a group"])
@pytest.mark.parametrize("place", ["system", "domain", "project"])
def test_a_role_that_administers_makes_an_administrator(place: str, through_group: bool) -> None:
    user, other = make_user("ann"), make_user("bob")
    places = {"system": None, "domain": make_domain(), "project": make_project()}

    grant(make_group(user) if through_group else user, on=places[place])

    assert is_of(user) == ADMINISTRATOR
    assert is_of(other) == ()


@pytest.mark.parametrize("inherited", [False, True])
def test_a_role_that_is_inherited_by_projects_administers_them(inherited: bool) -> None:
    user = make_user()

    grant(user, on=make_domain(), inherited=inherited)

    assert is_of(user) == ADMINISTRATOR


def test_a_role_that_implies_it_at_the_end_of_a_chain_administers() -> None:
    make_role("owner", implies="keeper")
    make_role("keeper", implies="admin")
    user = make_user()

    grant(user, "owner", on=make_project())

    assert is_of(user) == ADMINISTRATOR


def test_a_role_that_an_administrator_s_implies_does_not_administer() -> None:
    make_role("admin", implies="member")
    user = make_user()

    grant(user, "member", on=make_project())

    assert is_of(user) == ()


def test_roles_that_imply_each_other_are_no_endless_chain() -> None:
    make_role("admin", implies="owner")
    make_role("owner", implies="admin")
    user = make_user()

    grant(user, "owner")

    assert is_of(user) == ADMINISTRATOR


def test_a_role_of_a_domain_counts_only_by_what_it_implies() -> None:
    empty, strong = make_user("empty"), make_user("strong")

    grant(empty, make_role("admin", domain_id="default"), on=make_project())
    grant(strong, make_role("local", domain_id="default", implies="admin"), on=make_project())

    assert is_of(empty) == ()
    assert is_of(strong) == ADMINISTRATOR


@pytest.mark.parametrize(
    ("role", "expected"),
    [("Admin", ADMINISTRATOR), ("cloud_admin", ADMINISTRATOR), ("administrator", ())],
)
def test_the_setting_names_the_roles(
    settings: Settings, role: str, expected: tuple[AccountKind, ...]
) -> None:
    settings.ADMIN_ROLES = ["admin", "Cloud_Admin"]
    user = make_user()

    grant(user, role)

    assert is_of(user) == expected


# --- Service accounts ---------------------------------------------------------------------------
@pytest.mark.parametrize("through_group", [False, True], ids=["directly", "through a group"])
@pytest.mark.parametrize("place", ["system", "domain", "project"])
def test_the_service_role_makes_a_service_account(place: str, through_group: bool) -> None:
    user = make_user()
    places = {"system": None, "domain": make_domain(), "project": make_project()}

    grant(make_group(user) if through_group else user, "service", on=places[place])

    assert is_of(user) == SERVICE


@pytest.mark.parametrize("through_group", [False, True], ids=["directly", "through a group"])
@pytest.mark.parametrize("project", ["service", "services", "Service"])
def test_any_role_on_the_project_of_services_does(project: str, through_group: bool) -> None:
    user = make_user()

    grant(
        make_group(user) if through_group else user,
        "reader",
        on=make_project(project, domain_id="infra"),
    )

    assert is_of(user) == SERVICE


def test_a_domain_that_is_called_like_that_project_is_not_it() -> None:
    user = make_user()

    grant(user, "reader", on=make_domain("d1", "service"))

    assert is_of(user) == ()


def test_a_role_on_the_projects_below_that_project_is_not_one_on_it() -> None:
    user = make_user()

    grant(user, "reader", on=make_project("service"), inherited=True)

    assert is_of(user) == ()


def test_an_account_may_be_both() -> None:
    user = make_user()

    grant(user, "admin", on=make_project("service"))

    assert is_of(user) == BOTH


def test_the_settings_name_roles_and_projects(settings: Settings) -> None:
    settings.SERVICE_ROLES, settings.SERVICE_PROJECTS = ["robot"], ["infra"]
    robot, infra, service = make_user("a"), make_user("b"), make_user("c")

    grant(robot, "robot", on=make_project())
    grant(infra, "member", on=make_project("infra"))
    grant(service, "service", on=make_project("service"))

    assert [is_of(user) for user in (robot, infra, service)] == [SERVICE, SERVICE, ()]


# --- Nobody special, and odd rows ---------------------------------------------------------------
def test_who_holds_nothing_is_of_no_kind() -> None:
    assert is_of(make_user()) == ()


def test_a_member_of_some_project_is_of_no_kind() -> None:
    user = make_user()

    grant(user, "member", on=make_project())
    grant(make_group(user), "reader", on=make_domain())

    assert is_of(user) == ()


def test_an_ldap_user_may_be_an_administrator() -> None:
    user = make_ldap_user()

    grant(user)

    assert is_of(user) == ADMINISTRATOR


def test_a_group_without_members_is_nobody() -> None:
    grant(make_group())

    assert list(privileged.all_kinds()) == []


def test_a_role_on_a_project_that_is_gone_still_counts() -> None:
    user, project = make_user(), make_project()
    grant(user, on=project)
    project.delete(using="keystone")

    assert is_of(user) == ADMINISTRATOR


@pytest.mark.parametrize("listed", [0, 1])
@pytest.mark.parametrize("few", [False, True])
def test_local_users_are_listed_by_their_user(
    monkeypatch: pytest.MonkeyPatch, few: bool, listed: int
) -> None:
    monkeypatch.setattr(privileged, "FEW_IDS", listed)
    make_user("ann")
    grant(make_user("bob"))

    rows = privileged.filter_by_kind(LocalUser.objects.all(), AccountKind.ADMINISTRATOR, few=few)

    assert [row.name for row in rows] == ["bob"]


# --- Many, and none -----------------------------------------------------------------------------
def test_nobody_is_asked_about_without_a_query(
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

    # The groups of these users; the roles with what they imply; the projects of services; what
    # users and groups hold.
    with django_assert_num_queries(4, using="keystone"):
        found = privileged.kinds_of([user.id for user in users])
    assert found == {user.id: BOTH for user in users}


def test_everyone_is_read_in_batches_of_groups(monkeypatch: pytest.MonkeyPatch) -> None:
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
    ids=["of", "everyone", "held"],
)
def test_every_read_says_that_the_database_is_down(read: Callable[[], object]) -> None:
    with connections["keystone"].cursor() as cursor:
        for table in ("role", "user_group_membership"):
            cursor.execute(f"ALTER TABLE {table} RENAME TO lost_{table}")

    with pytest.raises(KeystoneDatabaseDownError):
        read()
