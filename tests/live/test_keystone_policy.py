"""Keystone's own policy refuses what pciops' settings allow: its message, and nothing changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import requests
from django.utils import timezone

from tests.live.test_acts import LOCKOUT
from tests.support.cloud import Cloud, Person
from tests.support.processes import free_port
from tests.support.site import Site
from tests.support.visitor import text_of

ROLE = "deputy"  # unknown to Keystone's default policy
REFUSED = "Keystone refused (HTTP 403): "
MESSAGE = "You are not authorized to perform the requested action: identity:update_user"


@pytest.fixture(scope="module")
def lenient(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A second dashboard, which takes deputies for administrators."""
    settings = {
        **site.settings,
        "PCIOPS_ADMIN_ROLES": f"admin,{ROLE}",
        "PCIOPS_EVIDENCE_KEY_FILE": str(site.folder / "evidence_key"),  # of every machine
    }
    folder = tmp_path_factory.mktemp("lenient")
    with replace(site, folder=folder, settings=settings, port=free_port()) as other:
        yield other


@pytest.fixture(scope="module")
def deputy(cloud: Cloud) -> Person:
    """A user with that role on the system."""
    return cloud.create_operator("deputy", role=ROLE)


def credentials_of(person: Person) -> dict[str, str]:
    """Return the environment of a command that signs in as this person."""
    return {
        "OS_USERNAME": person.name,
        "OS_PASSWORD": person.password,
        "OS_USER_DOMAIN_NAME": person.domain,
    }


def audit_rows(cloud: Cloud, person: Person) -> list[tuple[str, str, str]]:
    """Return action, outcome and remark of each row about an account in the audit log."""
    rows = cloud.database.execute(
        "SELECT action, outcome, remark FROM audit_event WHERE target_id = %s"
        " AND action <> 'begin/act' ORDER BY position",
        person.id,
        database="pciops",
    )
    return [(str(row["action"]), str(row["outcome"]), str(row["remark"])) for row in rows]


def enabled(cloud: Cloud, person: Person) -> bool:
    return bool(cloud.row(person, "user")["enabled"])


@pytest.mark.parametrize("name", ["disable", "enable"])
def test_the_page_shows_keystones_message(
    lenient: Site, cloud: Cloud, deputy: Person, name: str
) -> None:
    person = cloud.create_user(enabled=name == "disable")
    before = enabled(cloud, person)
    visitor = lenient.visitor()
    visitor.sign_in(deputy)
    values = {"identity": "callback"} if name == "enable" else {}
    page = visitor.act(person, name, **values)

    assert page.status_code == 403
    assert f"{REFUSED}{MESSAGE}." in text_of(page)
    assert audit_rows(cloud, person) == [(name, "failure", f"{REFUSED}{MESSAGE}")]
    assert enabled(cloud, person) is before


def test_the_api_returns_keystones_message(lenient: Site, cloud: Cloud, deputy: Person) -> None:
    person = cloud.create_user()
    answer = requests.post(
        f"{lenient.url}/api/v1/accounts/{person.id}/disable",
        json={"reason": "INC-4711"},
        headers={"X-Auth-Token": cloud.token(deputy)},
        timeout=60,
    )

    assert answer.status_code == 403
    assert f"{REFUSED}{MESSAGE}." in answer.json()["error"]["message"]
    assert [row[:2] for row in audit_rows(cloud, person)] == [("disable", "failure")]
    assert enabled(cloud, person)


def test_the_command_prints_keystones_message(lenient: Site, cloud: Cloud, deputy: Person) -> None:
    person = cloud.create_user()
    act = ("act", "disable", person.id, "--reason", "INC-4711")
    result = lenient.manage(*act, **credentials_of(deputy))

    assert result.code == 1
    assert f"{REFUSED}{MESSAGE}." in result.stderr
    assert "Traceback" not in result.stderr
    assert [row[:2] for row in audit_rows(cloud, person)] == [("disable", "failure")]
    assert enabled(cloud, person)


# --- Commands with the right credentials --------------------------------------------------------
def test_a_command_acts_with_the_credentials_of_its_environment(
    site: Site, cloud: Cloud, operator: Person
) -> None:
    person = cloud.create_user()
    scope = {"OS_PROJECT_NAME": "", "OS_SYSTEM_SCOPE": "all"}
    act = ("act", "disable", person.id, "--reason", "left us")
    result = site.manage(*act, **credentials_of(operator), **scope)

    assert result.code == 0, result.stderr
    assert [row[:2] for row in audit_rows(cloud, person)] == [("disable", "success")]
    assert not cloud.sign_in(person)


def test_a_command_sets_an_exemption_that_keystone_applies(
    site: Site, cloud: Cloud, operator: Person
) -> None:
    person = cloud.create_user()
    ends_on = (timezone.now() + timedelta(days=30)).date().isoformat()
    grant = ("--option", LOCKOUT, "--owner", "network team", "--ends-on", ends_on)
    act = ("act", "exempt", person.id, "--reason", "robot", *grant)
    result = site.manage(*act, **credentials_of(operator))
    cloud.lock(person)

    assert result.code == 0, result.stderr
    assert cloud.sign_in(person)


def test_the_doctor_signs_in_with_the_credentials_of_its_environment(
    site: Site, cloud: Cloud
) -> None:
    auditor = cloud.create_operator(role="reader")
    result = site.manage("doctor", **credentials_of(auditor))

    assert f"OS_USERNAME signs in {auditor.name} (Default), auditor" in result.stdout
    assert auditor.password not in result.stdout + result.stderr
