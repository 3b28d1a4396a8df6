"""Keystone's own policy refuses what our settings would allow: its words, and nothing changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests

from tests.live.test_acts import LOCKOUT, act
from tests.support.cloud import Cloud, Person
from tests.support.processes import free_port
from tests.support.site import Site
from tests.support.visitor import Visitor, text_of

ROLE = "deputy"  # of which Keystone's default policy knows nothing
WORDS = "You are not authorized to perform the requested action: identity:update_user."


@pytest.fixture(scope="module")
def lenient(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The dashboard beside the other one, which takes deputies for administrators."""
    settings = {**site.settings, "PCIOPS_ADMIN_ROLES": f"admin,{ROLE}"}
    folder = tmp_path_factory.mktemp("lenient")
    with replace(site, folder=folder, settings=settings, port=free_port(), process=None) as other:
        yield other


@pytest.fixture
def deputy(cloud: Cloud) -> Person:
    """Who holds that role on the system."""
    return cloud.create_operator("deputy", role=ROLE)


def rows(cloud: Cloud, person: Person) -> list[tuple[str, str, str]]:
    """What the trail has of an account: action, outcome and remark."""
    found = cloud.database.execute(
        "SELECT action, outcome, remark FROM audit_event WHERE target_id = %s ORDER BY position",
        person.id,
        database="pciops",
    )
    return [(str(row["action"]), str(row["outcome"]), str(row["remark"])) for row in found]


def enabled(cloud: Cloud, person: Person) -> bool:
    return bool(cloud.row(person, "user")["enabled"])


@pytest.mark.parametrize("name", ["disable", "enable"])
def test_the_page_says_what_keystone_says(
    lenient: Site, cloud: Cloud, deputy: Person, name: str
) -> None:
    person = cloud.create_user(enabled=name == "disable")
    before = enabled(cloud, person)
    visitor: Visitor = lenient.visitor()
    visitor.sign_in(deputy)
    values = {"identity": "callback"} if name == "enable" else {}
    page = act(visitor, person, name, **values)
    [(action, outcome, remark)] = rows(cloud, person)

    assert page.status_code == 403
    assert f"Keystone refused (HTTP 403): {WORDS} Nothing was changed." in text_of(page)
    assert (action, outcome) == (name, "failure")
    assert remark == f"Keystone refused (HTTP 403): {WORDS.rstrip('.')}"
    assert enabled(cloud, person) is before


def test_the_api_says_what_keystone_says(lenient: Site, cloud: Cloud, deputy: Person) -> None:
    person = cloud.create_user()
    answer = requests.post(
        f"{lenient.url}/api/v1/accounts/{person.id}/disable",
        json={"reason": "INC-4711"},
        headers={"X-Auth-Token": cloud.token(deputy)},
        timeout=60,
    )

    assert answer.status_code == 403
    assert answer.json()["error"]["message"] == (
        f"Keystone refused (HTTP 403): {WORDS} Nothing was changed."
    )
    assert [row[:2] for row in rows(cloud, person)] == [("disable", "failure")]
    assert enabled(cloud, person)


def test_the_command_says_what_keystone_says(lenient: Site, cloud: Cloud, deputy: Person) -> None:
    person = cloud.create_user()
    credentials = {
        "OS_USERNAME": deputy.name,
        "OS_PASSWORD": deputy.password,
        "OS_USER_DOMAIN_NAME": deputy.domain,
    }
    result = lenient.manage("act", "disable", person.id, "--reason", "INC-4711", **credentials)

    assert result.code == 1
    assert f"Keystone refused (HTTP 403): {WORDS} Nothing was changed." in result.stderr
    assert "Traceback" not in result.stderr
    assert [row[:2] for row in rows(cloud, person)] == [("disable", "failure")]
    assert enabled(cloud, person)


# --- What it does not refuse --------------------------------------------------------------------
def test_a_command_acts_with_the_credentials_of_its_environment(site: Site, cloud: Cloud) -> None:
    operator, person = cloud.create_operator(), cloud.create_user()
    credentials = {
        "OS_USERNAME": operator.name,
        "OS_PASSWORD": operator.password,
        "OS_USER_DOMAIN_NAME": operator.domain,
        "OS_PROJECT_NAME": "",
        "OS_SYSTEM_SCOPE": "all",
    }
    result = site.manage("act", "disable", person.id, "--reason", "left us", **credentials)
    [(action, outcome, _)] = rows(cloud, person)

    assert result.code == 0, result.stderr
    assert (action, outcome) == ("disable", "success")
    assert not cloud.sign_in(person)


def test_a_command_sets_an_exemption_that_keystone_heeds(site: Site, cloud: Cloud) -> None:
    operator, person = cloud.create_operator(), cloud.create_user()
    credentials = {
        "OS_USERNAME": operator.name,
        "OS_PASSWORD": operator.password,
        "OS_USER_DOMAIN_NAME": operator.domain,
    }
    grant = ("--option", LOCKOUT, "--owner", "network team", "--ends-on", "2999-12-31")
    result = site.manage("act", "exempt", person.id, "--reason", "robot", *grant, **credentials)
    cloud.lock(person)

    assert result.code == 0, result.stderr
    assert cloud.sign_in(person)


def test_the_doctor_signs_in_with_the_credentials_of_its_environment(
    site: Site, cloud: Cloud
) -> None:
    operator = cloud.create_operator(role="reader")
    credentials = {
        "OS_USERNAME": operator.name,
        "OS_PASSWORD": operator.password,
        "OS_USER_DOMAIN_NAME": operator.domain,
    }
    result = site.manage("doctor", **credentials)

    assert (
        f"OS_USERNAME signs in {operator.name} (Default), auditor of the whole cloud by the roles "
        "reader."
    ) in result.stdout
    assert operator.password not in result.stdout + result.stderr
