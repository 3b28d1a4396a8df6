"""Roles, their permissions, and the scope in which an operator acts."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from pciops.keystone.token import Token
from pciops.signin.models import Operator
from pciops.signin.rights import DESCRIPTIONS, Rights, Role, keystone_roles
from tests.factories import NOW, make_locked_user
from tests.fake_keystone import FakeKeystone, Person
from tests.signin.visit import session_key, shown, signed_in
from tests.web.unlocking import failures, form, send

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

ROLES = [
    (set[str](), None),
    ({"member"}, None),
    ({"reader"}, Role.AUDITOR),
    ({"member", "reader"}, Role.AUDITOR),
    ({"helpdesk"}, Role.HELPDESK),
    ({"manager", "member", "reader"}, Role.HELPDESK),
    ({"admin", "manager", "member", "reader"}, Role.ADMINISTRATOR),
    ({"Admin"}, None),  # Keystone may tell them apart
]
SCOPES = ["system", "shops"]


def holder(keystone: FakeKeystone, **roles: set[str]) -> Person:
    """Make a person of the domain Shops with these roles."""
    return keystone.person("bob", domain_id="shops", roles=roles)


def rights(**facts: Any) -> Rights:
    """Return the rights of an administrator of the whole cloud, apart from the facts given."""
    return Rights(**{"role": Role.ADMINISTRATOR, "domain_id": None, "domain_name": None, **facts})


# --- Roles --------------------------------------------------------------------------------------
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(("names", "role"), [(names, role) for names, role in ROLES if role])
def test_strongest_role_of_keystone_decides(
    fake_keystone: FakeKeystone, scope: str, names: set[str], role: Role
) -> None:
    page = shown(signed_in(holder(fake_keystone, **{scope: names})).get("/"))

    assert DESCRIPTIONS[role].partition(" {}")[0] in page


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("names", [names for names, role in ROLES if not role])
def test_other_roles_make_no_operator(
    fake_keystone: FakeKeystone, scope: str, names: set[str]
) -> None:
    person = holder(fake_keystone, **{scope: names})

    with pytest.raises(AssertionError, match="is not an operator"):
        signed_in(person)


@pytest.mark.parametrize(
    ("setting", "role"),
    [
        ("ADMIN_ROLES", Role.ADMINISTRATOR),
        ("HELPDESK_ROLES", Role.HELPDESK),
        ("READER_ROLES", Role.AUDITOR),
    ],
)
def test_roles_of_keystone_are_settings(
    fake_keystone: FakeKeystone, settings: Settings, setting: str, role: Role
) -> None:
    setattr(settings, setting, ["security"])
    person = holder(fake_keystone, system={"security"})

    assert DESCRIPTIONS[role].partition(" {}")[0] in shown(signed_in(person).get("/"))


# --- Permissions --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("role", "permissions"),
    [
        (Role.AUDITOR, ["see"]),
        (Role.HELPDESK, ["see", "unlock"]),
        (Role.ADMINISTRATOR, ["see", "unlock", "administer"]),
        (None, []),
    ],
)
def test_each_role_has_its_permissions(role: Role | None, permissions: list[str]) -> None:
    operator = Operator(id="a" * 32)
    operator.rights = rights(role=role) if role else None
    names = ("see", "unlock", "administer", "sign_off")

    assert [name for name in names if operator.may(name)] == permissions


@pytest.mark.parametrize(
    ("held", "may"),
    [({"admin"}, True), ({"manager"}, False), ({"reader"}, False), ({"reader", "ciso"}, True)],
)
def test_only_management_signs_reports_off(held: set[str], may: bool, settings: Settings) -> None:
    settings.MANAGEMENT_ROLES = ["admin", "ciso"]
    token = Token(
        id="t",
        expires_at=NOW,
        user_id="u",
        user_name="olga",
        user_domain_id="default",
        user_domain_name="Default",
        roles=frozenset(held),
        system=True,
        domain_id=None,
        domain_name=None,
        project_name=None,
        project_domain_name=None,
    )
    found = Rights.of(token)

    assert found is not None
    assert found.may("sign_off") is may
    assert keystone_roles("sign_off") == ["admin", "ciso"]


def test_a_scope_in_which_a_person_is_management_adds_to_one_where_not() -> None:
    assert not rights().covers(rights(domain_id="shops", management=True))


def test_unknown_permission_is_an_error() -> None:
    with pytest.raises(ValueError, match="'unlok'"):
        rights().may("unlok")


@pytest.mark.parametrize(
    ("ours", "others", "covered"),
    [
        ({}, {}, True),
        ({}, {"role": Role.AUDITOR}, True),
        ({}, {"domain_id": "shops"}, True),
        ({"role": Role.AUDITOR}, {"role": Role.HELPDESK}, False),
        ({"role": Role.AUDITOR}, {"domain_id": "shops"}, False),
        ({"domain_id": "shops"}, {}, False),
        ({"domain_id": "shops"}, {"domain_id": "shops"}, True),
        ({"domain_id": "shops"}, {"domain_id": "payments", "role": Role.AUDITOR}, False),
    ],
)
def test_rights_cover_other_rights(
    ours: dict[str, Any], others: dict[str, Any], covered: bool
) -> None:
    assert rights(**ours).covers(rights(**others)) is covered


# --- The scope ----------------------------------------------------------------------------------
def test_widest_scope_is_the_first_and_a_stronger_role_can_be_changed_to(
    fake_keystone: FakeKeystone,
) -> None:
    browser = signed_in(holder(fake_keystone, system={"reader"}, shops={"admin"}))
    page = shown(browser.get("/"))
    assert "Entire cloud An auditor" in page
    assert "Change to Domain Shops Administrator" in page

    browser.post("/scope/", {"scope": "shops"})
    page = shown(browser.get("/"))
    assert "Domain Shops An administrator" in page
    assert "Change to Entire cloud Auditor" in page

    browser.post("/scope/", {"scope": ""})
    assert "Entire cloud An auditor" in shown(browser.get("/"))


@pytest.mark.parametrize("roles", [{"admin"}, {"helpdesk"}])
def test_scope_that_adds_nothing_is_not_offered(
    fake_keystone: FakeKeystone, roles: set[str]
) -> None:
    browser = signed_in(holder(fake_keystone, system=roles, shops={"helpdesk"}))

    assert "Change to" not in shown(browser.get("/"))


@pytest.mark.parametrize(
    ("system", "project", "role"),
    [
        ({"reader"}, {"admin"}, "An administrator"),
        (set(), {"helpdesk"}, "The help desk"),
    ],
)
def test_role_on_the_admin_project_counts_in_the_whole_cloud(
    fake_keystone: FakeKeystone,
    settings: Settings,
    system: set[str],
    project: set[str],
    role: str,
) -> None:
    settings.ADMIN_PROJECT_NAME = "cloud-admins"
    roles = {"system": system, "project:cloud-admins": project}
    page = shown(signed_in(holder(fake_keystone, **roles)).get("/"))

    assert f"Entire cloud {role}" in page
    assert "Change to" not in page


@pytest.mark.parametrize("scope", ["payments", "default", "", "' OR 1=1"])
def test_scope_without_a_role_cannot_be_changed_to(fake_keystone: FakeKeystone, scope: str) -> None:
    browser = signed_in(holder(fake_keystone, shops={"admin"}))
    page = shown(browser.post("/scope/", {"scope": scope}, follow=True))

    assert "You are not an operator there" in page
    assert "Domain Shops An" in page


def test_change_of_scope_begins_a_new_session(fake_keystone: FakeKeystone) -> None:
    browser = signed_in(holder(fake_keystone, system={"reader"}, shops={"admin"}))
    session = browser.session
    session["unlocked"] = "results of the other scope"
    session.save()
    before = session_key(browser)
    browser.post("/scope/", {"scope": "shops"})

    assert session_key(browser) != before
    assert "unlocked" not in browser.session


def test_links_and_other_sites_do_not_change_the_scope(fake_keystone: FakeKeystone) -> None:
    browser = signed_in(holder(fake_keystone, system={"reader"}, shops={"admin"}))
    assert browser.get("/scope/", {"scope": "shops"})["Location"] == "/"

    browser.handler.enforce_csrf_checks = True
    assert browser.post("/scope/", {"scope": "shops"}).status_code == 403


def test_token_acts_in_its_own_scope_at_the_api(fake_keystone: FakeKeystone) -> None:
    person = holder(fake_keystone, system={"reader"}, shops={"admin"})
    headers = {"X-Auth-Token": fake_keystone.issue(person, "shops")}
    response = Client().get("/api/v1/accounts/of-no-one", headers=headers)

    assert response.status_code == 404
    assert len(fake_keystone.tokens) == 1  # it was not exchanged


# --- Changed roles ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("before", "since"),
    [
        ({"admin", "reader"}, {"helpdesk"}),
        ({"admin", "reader"}, {"reader"}),
        ({"admin"}, set()),
        ({"helpdesk"}, {"reader"}),
        ({"helpdesk", "reader"}, {"member"}),
    ],
)
@pytest.mark.parametrize("scope", SCOPES)
def test_operator_who_lost_the_role_is_signed_out_at_the_next_act(
    fake_keystone: FakeKeystone, scope: str, before: set[str], since: set[str]
) -> None:
    user = make_locked_user(domain_id="shops", domain_name="Shops")
    person = holder(fake_keystone, **{scope: before})
    browser = signed_in(person)
    fields = form(browser, user)
    person.roles[scope] = since
    response = send(browser, user, fields)

    assert response["Location"].startswith("/signin/")
    assert failures(user) == (3, NOW)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("roles", [{"helpdesk"}, {"manager"}, {"admin"}])
def test_each_unlocking_role_unlocks(
    fake_keystone: FakeKeystone, scope: str, roles: set[str]
) -> None:
    user = make_locked_user(domain_id="shops", domain_name="Shops")
    browser = signed_in(holder(fake_keystone, **{scope: roles}))
    send(browser, user, form(browser, user))

    assert failures(user) == (0, None)


def test_operator_with_a_stronger_role_since_keeps_the_session(fake_keystone: FakeKeystone) -> None:
    user = make_locked_user(domain_id="shops", domain_name="Shops")
    person = holder(fake_keystone, shops={"helpdesk"})
    browser = signed_in(person)
    fields = form(browser, user)
    person.roles["shops"] = {"admin"}
    send(browser, user, fields)

    assert failures(user) == (0, None)


# --- The pages ----------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/accounts/?state=locked", "/", "/accounts/{id}/"])
@pytest.mark.parametrize(("role", "offered"), [("reader", False), ("helpdesk", True)])
def test_pages_offer_only_acts_that_the_role_allows(
    fake_keystone: FakeKeystone, path: str, role: str, offered: bool
) -> None:
    user = make_locked_user(domain_id="shops", domain_name="Shops")
    browser = signed_in(holder(fake_keystone, system={role}))
    page = browser.get(path.format(id=user.id)).content.decode()

    assert user.id in page
    assert (f"/accounts/{user.id}/unlock/" in page) == offered
    assert offered or 'name="account"' not in page


@pytest.mark.parametrize(
    ("scope", "where"), [("system", "on the system"), ("shops", "on the domain Shops")]
)
def test_refusal_names_the_roles_that_may_unlock(
    fake_keystone: FakeKeystone, scope: str, where: str
) -> None:
    browser = signed_in(holder(fake_keystone, **{scope: {"reader"}}))
    response = browser.get(f"/accounts/{'a' * 32}/unlock/")

    assert response.status_code == 403
    assert f"the role admin or helpdesk or manager {where}" in shown(response)
