"""Roles at a real Keystone: what they let one do, and what is left of them once revoked."""

from __future__ import annotations

import pytest

from tests.support.cloud import ATTEMPTS, Cloud, Person
from tests.support.site import Site
from tests.support.visitor import Visitor, text_of


def enter(site: Site, person: Person) -> Visitor:
    """Somebody who has signed in."""
    visitor = site.visitor()
    visitor.sign_in(person)
    return visitor


@pytest.mark.parametrize(
    ("role", "says"),
    [
        ("reader", "An auditor sees everything, signs reports off, and changes nothing else."),
        (
            "member",
            "An auditor sees everything, signs reports off, and changes nothing else.",
        ),  # implies reader
        (
            "helpdesk",
            "The help desk unlocks accounts, signs reports off, and changes nothing else.",
        ),
        ("manager", "The help desk unlocks accounts, signs reports off, and changes nothing else."),
        ("admin", "An administrator may do everything."),
    ],
)
def test_a_role_of_keystone_makes_a_role_here(
    site: Site, cloud: Cloud, role: str, says: str
) -> None:
    visitor = enter(site, cloud.create_operator(role=role))

    assert f"Sees the whole cloud. {says}" in text_of(visitor.get("/"))


def test_an_auditor_sees_a_lock_and_unlocks_nothing(site: Site, cloud: Cloud) -> None:
    locked = cloud.create_locked()
    visitor = enter(site, cloud.create_operator(role="reader"))

    assert "locked" in text_of(visitor.get(f"/accounts/{locked.id}/"))
    assert visitor.get(f"/accounts/{locked.id}/unlock/").status_code == 403
    assert cloud.row(locked)["failed_auth_count"] == ATTEMPTS


@pytest.mark.parametrize("role", ["helpdesk", "manager", "admin"])
def test_who_may_unlock_lets_the_person_in_again(site: Site, cloud: Cloud, role: str) -> None:
    locked = cloud.create_locked()
    enter(site, cloud.create_operator(role=role)).unlock(locked)

    assert cloud.sign_in(locked)


@pytest.mark.parametrize("left", ["", "reader"])
@pytest.mark.parametrize("role", ["helpdesk", "manager", "admin"])
def test_a_role_that_was_revoked_a_minute_ago_unlocks_nothing(
    site: Site, cloud: Cloud, role: str, left: str
) -> None:
    locked, operator = cloud.create_locked(), cloud.create_operator(role=role)
    if left:
        cloud.grant(operator, left)
    visitor = enter(site, operator)
    form = visitor.form(visitor.get(f"/accounts/{locked.id}/unlock/"), "reason")
    cloud.revoke(operator, role)

    page = visitor.send(form, reason="Called back", identity="callback")

    assert page.url.startswith(f"{site.url}/signin/")
    assert cloud.row(locked)["failed_auth_count"] == ATTEMPTS


def test_one_changes_to_the_domain_where_one_holds_more(site: Site, cloud: Cloud) -> None:
    ours = cloud.create_domain("ours")
    mine, foreign = cloud.create_locked(domain=ours), cloud.create_locked()
    operator = cloud.create_operator(domain=ours)
    cloud.grant(operator, "reader")
    visitor = enter(site, operator)
    assert visitor.get(f"/accounts/{mine.id}/unlock/").status_code == 403

    visitor.send(visitor.form(visitor.get("/"), "scope"))
    visitor.unlock(mine)

    assert cloud.sign_in(mine)
    assert visitor.get(f"/accounts/{foreign.id}/").status_code == 404
