"""Roles that a real Keystone grants, read with no more than the rights that `grants` gives."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from keystoneauth1 import exceptions, session
from keystoneauth1.identity import v3
from keystoneclient.v3 import client

from tests.support.cloud import Cloud, Person
from tests.support.site import Site
from tests.support.visitor import Visitor, text_of

_numbers = itertools.count(1)


def of_kind(site: Site, kind: str, **settings: str) -> dict[str, list[str]]:
    """The kinds of all whom pciops lists as being of this one, by id."""
    result = site.manage("accounts", "--kind", kind, "--format", "json", **settings)
    assert result.code == 0, result.stderr
    return {account["id"]: account["kinds"] for account in json.loads(result.stdout)["accounts"]}


def role(cloud: Cloud, name: str) -> Any:
    """A role of Keystone's, or a new one of a name that starts like this."""
    found = [role for role in cloud.api.roles.list() if role.name == name]
    return found[0] if found else cloud.api.roles.create(f"{name}-{next(_numbers)}")


def project(cloud: Cloud, name: str = "") -> Any:
    """A project in Default."""
    name = name or f"project-{next(_numbers)}"
    found = cloud.api.projects.list(domain="default", name=name)
    return found[0] if found else cloud.api.projects.create(name, "default")


def place(cloud: Cloud, where: str) -> dict[str, Any]:
    """Where a role is to be granted, in the words of Keystone's client."""
    if where == "system":
        return {"system": "all"}
    return {"domain": "default"} if where == "domain" else {"project": project(cloud)}


@pytest.mark.parametrize("through_group", [False, True], ids=["directly", "through a group"])
@pytest.mark.parametrize("where", ["system", "domain", "project"])
def test_a_role_that_keystone_grants_makes_an_administrator(
    site: Site, cloud: Cloud, where: str, through_group: bool
) -> None:
    person, other = cloud.create_user("chief"), cloud.create_user()
    admin = role(cloud, "admin")
    if through_group:
        group = cloud.api.groups.create(f"chiefs-{next(_numbers)}", domain="default")
        cloud.api.users.add_to_group(person.id, group)
        cloud.api.roles.grant(admin, group=group, **place(cloud, where))
    else:
        cloud.api.roles.grant(admin, user=person.id, **place(cloud, where))

    found = of_kind(site, "administrator")

    assert found[person.id] == ["administrator"]
    assert cloud.admin.id in found
    assert other.id not in found


def test_a_role_that_implies_another_counts_as_that(site: Site, cloud: Cloud) -> None:
    keeper, owner = role(cloud, "keeper"), role(cloud, "owner")
    cloud.api.inference_rules.create(owner, keeper)
    person = cloud.create_user("chief")
    cloud.api.roles.grant(owner, user=person.id, project=project(cloud))

    # Keystone by itself lets no role imply `admin`.
    assert person.id in of_kind(site, "administrator", PCIOPS_ADMIN_ROLES=keeper.name)
    assert person.id not in of_kind(site, "administrator", PCIOPS_ADMIN_ROLES="admin")


def test_a_member_of_the_service_project_is_a_service_account(site: Site, cloud: Cloud) -> None:
    person = cloud.create_user("nova")
    cloud.api.roles.grant(role(cloud, "member"), user=person.id, project=project(cloud, "service"))

    assert of_kind(site, "service")[person.id] == ["service"]


def test_the_page_of_a_service_account_shows_its_roles_and_application_credentials(
    visitor: Visitor, cloud: Cloud
) -> None:
    person = cloud.create_user("nova")
    service = project(cloud, "service")
    cloud.api.roles.grant(role(cloud, "member"), user=person.id, project=service)
    own = signed_in(cloud, person, service.id)
    own.application_credentials.create("compute-node")

    page = text_of(visitor.get(f"/accounts/{person.id}/"))

    assert "member on the project service Default" in page
    assert "compute-node on the project service Default" in page


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
    person, target = cloud.create_user("nova"), project(cloud)
    cloud.api.roles.grant(role(cloud, "member"), user=person.id, project=target)
    made = signed_in(cloud, person, target.id).application_credentials.create("compute-node")
    assert let_in(cloud, made)

    if end == "locked":
        cloud.lock(person)
    elif end == "inactive":
        cloud.sql("UPDATE user SET last_active_at = '2020-01-01' WHERE id = %s", person.id)
    elif end == "deleted":
        cloud.api.users.delete(person.id)
    else:
        cloud.api.users.update(person.id, enabled=False)

    assert let_in(cloud, made) is works
    rows = cloud.sql("SELECT name FROM application_credential WHERE user_id = %s", person.id)
    assert bool(rows) is kept


def let_in(cloud: Cloud, credential: Any) -> bool:
    """Whether Keystone lets in who has this application credential."""
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


def signed_in(cloud: Cloud, person: Person, project_id: str) -> Any:
    """Keystone's client as this person on a project."""
    auth = v3.Password(
        cloud.auth_url,
        username=person.name,
        password=person.password,
        user_domain_name=person.domain,
        project_id=project_id,
    )
    return client.Client(session=session.Session(auth), endpoint_override=cloud.auth_url)
