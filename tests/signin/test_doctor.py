"""The doctor's look at the credentials with which commands act."""

from __future__ import annotations

import pytest
from django.test import Client

from pciops.lib.doctor import CheckLevel
from pciops.signin import doctor
from tests.fake_keystone import FakeKeystone
from tests.signin.credentials import give
from tests.signin.credentials import without_clouds as without_clouds

pytestmark = pytest.mark.usefixtures("without_clouds")


def found() -> tuple[CheckLevel, str]:
    """The one finding."""
    [finding] = doctor.credentials()
    return finding.level, f"{finding.sentence} {finding.remedy}".strip()


def test_without_credentials_nobody_is_asked(fake_keystone: FakeKeystone) -> None:
    level, sentence = found()

    assert (level, fake_keystone.asked.total()) == (CheckLevel.OK, 0)
    assert "commands act as the operating-system user" in sentence


def test_it_says_who_signs_in_and_with_which_roles(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone
) -> None:
    give(monkeypatch, fake_keystone, fake_keystone.person(roles={"system": {"admin", "reader"}}))

    assert found() == (
        CheckLevel.OK,
        "OS_USERNAME signs in ada (Default), administrator of the whole cloud by the roles admin, "
        "reader.",
    )
    assert fake_keystone.password_tries == {"ada": 1}


def test_credentials_that_keystone_refuses_are_a_problem_without_a_secret(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone
) -> None:
    give(monkeypatch, fake_keystone, fake_keystone.person())
    monkeypatch.setenv("OS_PASSWORD", "hunter2")
    level, sentence = found()

    assert level is CheckLevel.PROBLEM
    assert sentence.startswith("Keystone refused what OS_USERNAME names")
    assert "hunter2" not in sentence


def test_a_variable_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone
) -> None:
    monkeypatch.setenv("OS_CLOUD", "mycloud")
    level, sentence = found()

    assert level is CheckLevel.PROBLEM
    assert sentence.startswith("OS_CLOUD is 'mycloud', and there is no clouds.yaml.")


def test_somebody_without_a_role_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone
) -> None:
    give(monkeypatch, fake_keystone, fake_keystone.person(roles={"system": {"member"}}))

    assert found()[1].startswith("OS_USERNAME signs in, without a role here: that takes admin")


@pytest.mark.django_db(databases=["default", "keystone"])
def test_the_status_page_signs_nobody_in(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone, site: Client
) -> None:
    """Loaded three times with a wrong password it would lock the account."""
    give(monkeypatch, fake_keystone, fake_keystone.person("robot"))
    site.get("/status/")

    assert fake_keystone.password_tries["robot"] == 0
