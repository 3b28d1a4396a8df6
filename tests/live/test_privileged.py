"""Roles that a real Keystone grants, read with only the rights that `grants` gives."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from keystoneauth1 import exceptions, session
from keystoneauth1.identity import v3

from tests.support.cloud import Cloud
from tests.support.site import Site
from tests.support.visitor import Visitor, text_of

_numbers = itertools.count(1)


def kinds(site: Site, kind: str, **settings: str) -> dict[str, list[str]]:
    """Return the kinds of each account that pciops lists as being of this kind, by id."""
    result = site.manage("accounts", "--kind", kind, "--format", "json", **settings)
    assert result.code == 0, result.stderr
    return {account["id"]: account["kinds"] for account in json.loads(result.stdout)["accounts"]}


def project(cloud: Cloud, name: str = "") -> Any:
    """Return a project in Default, created if there is none of this name."""
    name = name or f"project-{next(_numbers)}"
    projects = cloud.api.projects.list(domain="default", name=name)
    return projects[0] if projects else cloud.api.projects.create(name, "default")


def target(cloud: Cloud, where: str) -> dict[str, Any]:
    """Return the target of a role assignment, as arguments of Keystone's client."""
    if where == "system":
        return {"system": "all"}
    return {"domain": "default"} if where == "domain" else {"project": project(cloud)}


@pytest.mark.parametrize("through_group", [False, True], ids=["directly", "through a group"])
@pytest.mark.parametrize("where", ["system", "domain", "project"])
def test_a_granted_role_makes_an_administrator(
    site: Site, cloud: Cloud, where: str, through_group: bool
) -> None:
    person, other = cloud.create_user("chief"), cloud.create_user()
    admin = cloud.role("admin")
    if through_group:
        group = cloud.api.groups.create(f"chiefs-{next(_numbers)}", domain="default")
        cloud.api.users.add_to_group(person.id, group)
        cloud.api.roles.grant(admin, group=group, **target(cloud, where))
    else:
        cloud.api.roles.grant(admin, user=person.id, **target(cloud, where))

    administrators = kinds(site, "administrator")

    assert administrators[person.id] == ["administrator"]
    assert cloud.admin.id in administrators
    assert other.id not in administrators


def test_a_role_counts_as_the_roles_that_it_implies(site: Site, cloud: Cloud) -> None:
    keeper, owner = cloud.role("keeper"), cloud.role("owner")
    cloud.api.inference_rules.create(owner, keeper)
    person = cloud.create_user("chief")
    cloud.api.roles.grant(owner, user=person.id, project=project(cloud))

    # By default Keystone lets no role imply `admin`.
    assert person.id in kinds(site, "administrator", PCIOPS_ADMIN_ROLES=keeper.name)
    assert person.id not in kinds(site, "administrator", PCIOPS_ADMIN_ROLES="admin")


def test_a_member_of_the_service_project_is_a_service_account(site: Site, cloud: Cloud) -> None:
    person = cloud.create_user("nova")
    service = project(cloud, "service")
    cloud.api.roles.grant(cloud.role("member"), user=person.id, project=service)

    assert kinds(site, "service")[person.id] == ["service"]


def test_the_page_of_a_service_account_shows_its_roles_and_application_credentials(
    visitor: Visitor, cloud: Cloud
) -> None:
    person = cloud.create_user("nova")
    service = project(cloud, "service")
    cloud.api.roles.grant(cloud.role("member"), user=person.id, project=service)
    credential = cloud.create_application_credential(person, service)

    page = text_of(visitor.get(f"/accounts/{person.id}/"))

    assert "member on the project service Default" in page
    assert f"{credential.name} on the project service Default" in page


@pytest.mark.parametrize(
    ("end", "works", "kept"),
    [
        ("locked", True, True),
        ("inactive", False, True),
        ("disabled", False, True),
        ("deleted", False, False),
    ],
)
def test_an_application_credential_ends_as_the_page_says(
    cloud: Cloud, end: str, works: bool, kept: bool
) -> None:
    person, own = cloud.create_user("nova"), project(cloud)
    cloud.api.roles.grant(cloud.role("member"), user=person.id, project=own)
    credential = cloud.create_application_credential(person, own)
    assert can_sign_in(cloud, credential)

    if end == "locked":
        cloud.lock(person)
    elif end == "inactive":
        cloud.make_inactive(person)
    elif end == "deleted":
        cloud.api.users.delete(person.id)
    else:
        cloud.api.users.update(person.id, enabled=False)

    assert can_sign_in(cloud, credential) is works
    rows = cloud.sql("SELECT name FROM application_credential WHERE user_id = %s", person.id)
    assert bool(rows) is kept


def can_sign_in(cloud: Cloud, credential: Any) -> bool:
    """Return whether Keystone accepts this application credential."""
    auth = v3.ApplicationCredential(
        cloud.auth_url,
        application_credential_id=credential.id,
        application_credential_secret=credential.secret,
    )
    try:
        return bool(session.Session(auth).get_token())
    except (exceptions.Unauthorized, exceptions.NotFound):
        return False


def test_locked_administrators_come_first(site: Site, cloud: Cloud) -> None:
    chief = cloud.create_operator("chief")
    cloud.lock(chief)
    later = cloud.create_locked()

    result = site.manage("accounts", "--state", "locked", "--format", "json")
    ids = [account["id"] for account in json.loads(result.stdout)["accounts"]]

    assert ids.index(chief.id) < ids.index(later.id)
