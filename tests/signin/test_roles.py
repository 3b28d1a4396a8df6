"""Roles: what makes one, what each may do, and the scope in which one acts."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from pciops.signin.models import Operator
from pciops.signin.rights import Rights, Role
from tests.factories import NOW, make_locked_user
from tests.fake_keystone import FakeKeystone, Person
from tests.signin.test_sessions import session_key
from tests.signin.visit import shown, signed_in
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
    """Somebody of the domain Shops who holds these roles."""
    return keystone.person("bob", domain_id="shops", roles=roles)


def rights(**facts: Any) -> Rights:
    """An administrator of the whole cloud, apart from the facts given."""
    return Rights(**{"role": Role.ADMINISTRATOR, "domain_id": None, "domain_name": None, **facts})


# --- What makes a role --------------------------------------------------------------------------
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(("names", "role"), [(names, role) for names, role in ROLES if role])
def test_the_strongest_role_of_keystone_makes_the_role(
    fake_keystone: FakeKeystone, scope: str, names: set[str], role: Role
) -> None:
    page = shown(signed_in(holder(fake_keystone, **{scope: names})).get("/"))

    assert role.description in page


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("names", [names for names, role in ROLES if not role])
def test_no_other_role_makes_an_operator(
    fake_keystone: FakeKeystone, scope: str, names: set[str]
) -> None:
    person = holder(fake_keystone, **{scope: names})

    with pytest.raises(AssertionError, match="is no operator"):
        signed_in(person)


@pytest.mark.parametrize(
    ("setting", "role"),
    [
        ("ADMIN_ROLES", Role.ADMINISTRATOR),
        ("HELPDESK_ROLES", Role.HELPDESK),
        ("READER_ROLES", Role.AUDITOR),
    ],
)
def test_the_roles_of_keystone_are_settings(
    fake_keystone: FakeKeystone, settings: Settings, setting: str, role: Role
) -> None:
    setattr(settings, setting, ["security"])
    person = holder(fake_keystone, system={"security"})

    assert role.description in shown(signed_in(person).get("/"))


def test_a_role_on_the_admin_project_counts_in_the_whole_cloud(
    fake_keystone: FakeKeystone, settings: Settings
) -> None:
    settings.ADMIN_PROJECT_NAME = "cloud-admins"
    person = holder(fake_keystone, **{"project:cloud-admins": {"helpdesk"}})

    assert "Sees the whole cloud. The help desk" in shown(signed_in(person).get("/"))


# --- What each may do ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("role", "acts"),
    [
        (Role.AUDITOR, ["see", "sign_off"]),
        (Role.HELPDESK, ["see", "unlock", "sign_off"]),
        (Role.ADMINISTRATOR, ["see", "unlock", "administer", "sign_off"]),
    ],
)
def test_each_role_may_do_its_acts_and_no_others(role: Role, acts: list[str]) -> None:
    operator = Operator(id="a" * 32)
    operator.rights = rights(role=role)

    assert [it for it in ("see", "unlock", "administer", "sign_off") if operator.may(it)] == acts


def test_an_act_that_does_not_exist_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="'unlok'"):
        rights().may("unlok")


def test_an_operator_without_rights_may_do_nothing() -> None:
    assert not Operator(id="a" * 32).may("see")


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
def test_rights_cover_what_they_give_already(
    ours: dict[str, Any], others: dict[str, Any], covered: bool
) -> None:
    assert rights(**ours).covers(rights(**others)) is covered


# --- The scope ----------------------------------------------------------------------------------
def test_the_widest_scope_is_the_first(fake_keystone: FakeKeystone) -> None:
    person = holder(fake_keystone, system={"reader"}, shops={"admin"})

    assert "Sees the whole cloud. An auditor" in shown(signed_in(person).get("/"))


def test_a_scope_with_a_stronger_role_can_be_changed_to(fake_keystone: FakeKeystone) -> None:
    browser = signed_in(holder(fake_keystone, system={"reader"}, shops={"admin"}))

    assert "Act as administrator of Shops" in shown(browser.get("/"))
    browser.post("/scope/", {"scope": "shops"})
    assert "Sees the domain Shops . An administrator" in shown(browser.get("/"))


def test_the_way_back_is_there_too(fake_keystone: FakeKeystone) -> None:
    browser = signed_in(holder(fake_keystone, system={"reader"}, shops={"admin"}))
    browser.post("/scope/", {"scope": "shops"})

    assert "Act as auditor of the whole cloud" in shown(browser.get("/"))
    browser.post("/scope/", {"scope": ""})
    assert "Sees the whole cloud. An auditor" in shown(browser.get("/"))


@pytest.mark.parametrize("roles", [{"admin"}, {"helpdesk"}])
def test_a_scope_that_adds_nothing_is_not_offered(
    fake_keystone: FakeKeystone, roles: set[str]
) -> None:
    browser = signed_in(holder(fake_keystone, system=roles, shops={"helpdesk"}))

    assert "Act as" not in shown(browser.get("/"))


def test_of_two_roles_in_the_whole_cloud_the_stronger_counts(
    fake_keystone: FakeKeystone, settings: Settings
) -> None:
    settings.ADMIN_PROJECT_NAME = "cloud-admins"
    roles = {"system": {"reader"}, "project:cloud-admins": {"admin"}}
    page = shown(signed_in(holder(fake_keystone, **roles)).get("/"))

    assert "Sees the whole cloud. An administrator" in page
    assert "Act as auditor of the whole cloud" not in page


@pytest.mark.parametrize("scope", ["payments", "default", "", "' OR 1=1"])
def test_no_scope_can_be_changed_to_that_keystone_did_not_give(
    fake_keystone: FakeKeystone, scope: str
) -> None:
    browser = signed_in(holder(fake_keystone, shops={"admin"}))
    page = shown(browser.post("/scope/", {"scope": scope}, follow=True))

    assert "You are no operator there. Nothing was changed." in page
    assert "Sees the domain Shops" in page


def test_the_session_begins_anew_in_another_scope(fake_keystone: FakeKeystone) -> None:
    browser = signed_in(holder(fake_keystone, system={"reader"}, shops={"admin"}))
    session = browser.session
    session["unlocked"] = "results of the other scope"
    session.save()
    before = session_key(browser)
    browser.post("/scope/", {"scope": "shops"})

    assert session_key(browser) != before
    assert "unlocked" not in browser.session


def test_the_scope_is_not_changed_by_a_link(site: Client) -> None:
    assert site.get("/scope/").status_code == 405


def test_the_scope_is_not_changed_by_another_site(fake_keystone: FakeKeystone) -> None:
    person = holder(fake_keystone, system={"reader"}, shops={"admin"})
    browser = signed_in(person)
    browser.handler.enforce_csrf_checks = True

    assert browser.post("/scope/", {"scope": "shops"}).status_code == 403


def test_a_token_acts_in_its_own_scope_at_the_api(fake_keystone: FakeKeystone) -> None:
    person = holder(fake_keystone, system={"reader"}, shops={"admin"})
    headers = {"X-Auth-Token": fake_keystone.issue(person, "shops")}
    response = Client().get("/api/v1/accounts/of-no-one", headers=headers)

    assert response.status_code == 404
    assert len(fake_keystone.tokens) == 1  # it was not turned into another


# --- The token has the last word ----------------------------------------------------------------
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
def test_who_lost_the_role_is_signed_out_at_the_next_act(
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
def test_who_may_unlock_unlocks(fake_keystone: FakeKeystone, scope: str, roles: set[str]) -> None:
    user = make_locked_user(domain_id="shops", domain_name="Shops")
    browser = signed_in(holder(fake_keystone, **{scope: roles}))
    send(browser, user, form(browser, user))

    assert failures(user) == (0, None)


def test_who_got_a_stronger_role_since_keeps_the_session(fake_keystone: FakeKeystone) -> None:
    user = make_locked_user(domain_id="shops", domain_name="Shops")
    person = holder(fake_keystone, shops={"helpdesk"})
    browser = signed_in(person)
    fields = form(browser, user)
    person.roles["shops"] = {"admin"}
    send(browser, user, fields)

    assert failures(user) == (0, None)


# --- What is shown ------------------------------------------------------------------------------
PAGES = ["/accounts/?state=locked", "/", "/accounts/{id}/"]


@pytest.mark.parametrize("path", PAGES)
def test_an_auditor_is_shown_nothing_to_act_with(fake_keystone: FakeKeystone, path: str) -> None:
    user = make_locked_user(domain_id="shops", domain_name="Shops")
    browser = signed_in(holder(fake_keystone, system={"reader"}))
    page = browser.get(path.format(id=user.id)).content.decode()

    assert user.id in page
    assert "/unlock/" not in page
    assert 'type="checkbox"' not in page


@pytest.mark.parametrize("path", PAGES)
def test_the_help_desk_is_shown_the_unlock(fake_keystone: FakeKeystone, path: str) -> None:
    user = make_locked_user(domain_id="shops", domain_name="Shops")
    browser = signed_in(holder(fake_keystone, system={"helpdesk"}))

    assert f"/accounts/{user.id}/unlock/" in browser.get(path.format(id=user.id)).content.decode()


@pytest.mark.parametrize(
    ("scope", "where"), [("system", "on the system"), ("shops", "on the domain Shops")]
)
def test_an_auditor_is_told_what_an_unlock_takes(
    fake_keystone: FakeKeystone, scope: str, where: str
) -> None:
    browser = signed_in(holder(fake_keystone, **{scope: {"reader"}}))
    response = browser.get(f"/accounts/{'a' * 32}/unlock/")

    assert response.status_code == 403
    assert (
        "An auditor sees everything, signs reports off, and changes nothing else. This takes the "
        f"role admin or helpdesk or manager {where}. Nothing was changed." in shown(response)
    )
