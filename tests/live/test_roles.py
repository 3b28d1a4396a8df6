"""Roles of a real Keystone: what they allow, and what remains after they are revoked."""

from __future__ import annotations

import pytest

from tests.support.cloud import ATTEMPTS, Cloud, Person
from tests.support.site import Site
from tests.support.visitor import Visitor, text_of


def enter(site: Site, person: Person) -> Visitor:
    """Return a signed-in visitor."""
    visitor = site.visitor()
    visitor.sign_in(person)
    return visitor


@pytest.mark.parametrize(
    ("role", "name"),
    [
        ("reader", "An auditor"),
        ("member", "An auditor"),  # implies reader
        ("helpdesk", "The help desk"),
        ("manager", "The help desk"),
        ("admin", "An administrator"),
    ],
)
def test_a_role_of_keystone_is_a_role_of_pciops(
    site: Site, cloud: Cloud, role: str, name: str
) -> None:
    locked = cloud.create_locked()
    visitor = enter(site, cloud.create_operator(role=role))

    assert f"Entire cloud {name}" in text_of(visitor.get("/"))
    assert "locked" in text_of(visitor.get(f"/accounts/{locked.id}/"))
    if name == "An auditor":
        assert visitor.get(f"/accounts/{locked.id}/unlock/").status_code == 403
        assert cloud.row(locked)["failed_auth_count"] == ATTEMPTS
    else:
        visitor.unlock(locked)
        assert cloud.sign_in(locked)


@pytest.mark.parametrize("remaining", ["", "reader"])
@pytest.mark.parametrize("role", ["helpdesk", "manager", "admin"])
def test_a_role_that_was_just_revoked_unlocks_nothing(
    site: Site, cloud: Cloud, role: str, remaining: str
) -> None:
    locked, operator = cloud.create_locked(), cloud.create_operator(role=role)
    if remaining:
        cloud.grant(operator, remaining)
    visitor = enter(site, operator)
    form = visitor.form(visitor.get(f"/accounts/{locked.id}/unlock/"), "reason")
    cloud.revoke(operator, role)

    page = visitor.send(form, reason="Called back", identity="callback")

    assert page.url.startswith(f"{site.url}/signin/")
    assert cloud.row(locked)["failed_auth_count"] == ATTEMPTS


def test_an_operator_changes_to_the_domain_of_a_stronger_role(site: Site, cloud: Cloud) -> None:
    domain = cloud.create_domain("ours")
    own, foreign = cloud.create_locked(domain=domain), cloud.create_locked()
    operator = cloud.create_operator(domain=domain)
    cloud.grant(operator, "reader")
    visitor = enter(site, operator)
    assert visitor.get(f"/accounts/{own.id}/unlock/").status_code == 403

    visitor.send(visitor.form(visitor.get("/"), "scope"))
    visitor.unlock(own)

    assert cloud.sign_in(own)
    assert visitor.get(f"/accounts/{foreign.id}/").status_code == 404
