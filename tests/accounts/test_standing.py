"""Standing: where an account is an administrator or of the help desk, however it got the role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pciops.accounts.standing import Standing, standing_of
from pciops.keystone.models import User
from tests.factories import grant, make_domain, make_group, make_project, make_role, make_user

pytestmark = pytest.mark.django_db(databases=["keystone"])

Grant = Callable[[User], object]


def standing(give: Grant) -> Standing:
    """Return the standing of a user who was given a role."""
    user = make_user("ann", domain_id="shops")
    give(user)
    return standing_of(user.id)


def through_group(user: User) -> None:
    grant(make_group(user), "admin")


def through_implied_role(user: User) -> None:
    grant(user, make_role("root", implies="admin"), on=make_domain("shops"))


@pytest.mark.parametrize(
    ("give", "administers"),
    [
        (lambda user: None, set()),
        (lambda user: grant(user, "member"), set()),
        (lambda user: grant(user), {None}),
        (lambda user: grant(user, "ADMIN"), {None}),
        (lambda user: grant(user, on=make_domain("shops")), {"shops"}),
        (lambda user: grant(user, on=make_project("web", domain_id="shops")), {"shops"}),
        (lambda user: grant(user, on=make_project("web", domain_id="payments")), {"payments"}),
        (lambda user: grant(user, on=make_domain("shops"), inherited=True), {"shops"}),
        (through_group, {None}),
        (through_implied_role, {"shops"}),
    ],
    ids=[
        *("none", "member", "system", "case", "domain", "project", "foreign project"),
        *("inherited", "group", "implied"),
    ],
)
def test_administrator_roles_count_wherever_they_are_held(
    give: Grant, administers: set[str | None]
) -> None:
    assert standing(give).administers == administers


@pytest.mark.parametrize(
    ("give", "helps"),
    [
        (lambda user: grant(user, "helpdesk"), {None}),
        (lambda user: grant(user, "manager", on=make_domain("shops")), {"shops"}),
        (lambda user: grant(user, "manager", on=make_project("web")), set()),
        (lambda user: grant(user, "reader"), set()),
    ],
    ids=["system", "domain", "project", "reader"],
)
def test_help_desk_roles_count_where_pciops_accepts_them(
    give: Grant, helps: set[str | None]
) -> None:
    assert standing(give) == Standing(helps=frozenset(helps))


@pytest.mark.parametrize(
    "give",
    [
        lambda user: grant(user, on=make_project("admin", domain_id="shops")),
        lambda user: grant(user, on=make_domain("shops"), inherited=True),
        lambda user: grant(user, on=make_project("parent", domain_id="shops"), inherited=True),
    ],
    ids=["on it", "inherited from its domain", "inherited from a project of its domain"],
)
def test_project_of_cloud_administrators_is_the_whole_cloud(settings: Any, give: Grant) -> None:
    settings.ADMIN_PROJECT_NAME, settings.ADMIN_PROJECT_DOMAIN_NAME = "admin", "Shops"

    assert standing(give).administers == {None}


def test_project_of_the_same_name_in_another_domain_is_not_the_whole_cloud(settings: Any) -> None:
    settings.ADMIN_PROJECT_NAME = "admin"

    assert standing(
        lambda user: grant(user, on=make_project("admin", domain_id="shops"))
    ).administers == {"shops"}
