"""The doctor's check of the credentials with which commands act."""

from __future__ import annotations

import pytest
from django.test import Client

from pciops.lib.doctor import CheckLevel
from pciops.signin import doctor
from tests.fake_keystone import FakeKeystone
from tests.signin.credentials import give
from tests.signin.credentials import without_clouds as without_clouds

pytestmark = pytest.mark.usefixtures("without_clouds")


def finding() -> tuple[CheckLevel, str]:
    """Return level and text of the only finding."""
    [only] = doctor.credentials()
    return only.level, f"{only.sentence} {only.remedy}".strip()


def test_without_credentials_keystone_is_not_asked(fake_keystone: FakeKeystone) -> None:
    level, sentence = finding()

    assert (level, fake_keystone.asked.total()) == (CheckLevel.OK, 0)
    assert "Commands act as the operating-system user" in sentence


def test_finding_names_the_operator_and_the_roles(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone
) -> None:
    give(monkeypatch, fake_keystone, fake_keystone.person(roles={"system": {"admin", "reader"}}))

    level, sentence = finding()
    assert level is CheckLevel.OK
    assert "ada (Default), administrator of the entire cloud by the roles admin, reader" in sentence
    assert fake_keystone.password_tries == {"ada": 1}


def test_refused_credentials_are_a_problem_without_a_secret(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone
) -> None:
    give(monkeypatch, fake_keystone, fake_keystone.person())
    monkeypatch.setenv("OS_PASSWORD", "hunter2")
    level, sentence = finding()

    assert level is CheckLevel.PROBLEM
    assert sentence.startswith("Keystone refused OS_USERNAME")
    assert "hunter2" not in sentence


def test_missing_clouds_file_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone
) -> None:
    monkeypatch.setenv("OS_CLOUD", "mycloud")
    level, sentence = finding()

    assert level is CheckLevel.PROBLEM
    assert sentence.startswith("OS_CLOUD is 'mycloud', but there is no clouds.yaml.")


def test_person_without_a_role_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone
) -> None:
    give(monkeypatch, fake_keystone, fake_keystone.person(roles={"system": {"member"}}))

    assert finding()[0] is CheckLevel.PROBLEM
    assert finding()[1].startswith("OS_USERNAME signs in, but has no role here")


@pytest.mark.django_db(databases=["default", "keystone"])
def test_status_page_does_not_sign_in(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone, site: Client
) -> None:
    """A wrong password would lock the account after a few loads of the page."""
    give(monkeypatch, fake_keystone, fake_keystone.person("robot"))
    site.get("/status/")

    assert fake_keystone.password_tries["robot"] == 0
