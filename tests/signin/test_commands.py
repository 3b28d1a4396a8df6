"""Commands with the credentials of OS_*: their operator, rights, and refusals."""

from __future__ import annotations

import os
import pwd
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from pciops.audit.models import Event
from tests.factories import make_locked_user
from tests.fake_keystone import FakeKeystone, serving
from tests.signin.credentials import give
from tests.signin.credentials import without_clouds as without_clouds
from tests.web.unlocking import failures

pytestmark = [
    pytest.mark.django_db(databases=["default", "keystone"]),
    pytest.mark.usefixtures("without_clouds"),
]


def run(*words: str) -> None:
    """Run the unlock command."""
    call_command("unlock", *words, "--reason", "called")


def refused(*words: str) -> str:
    """Return the error of a command that does nothing."""
    with pytest.raises(CommandError) as raised:
        run(*words)
    assert raised.value.returncode == 1
    return str(raised.value)


def person(monkeypatch: pytest.MonkeyPatch, keystone: FakeKeystone, **facts: Any) -> Any:
    """Make the person whose credentials the environment has."""
    made = keystone.person(**facts)
    give(monkeypatch, keystone, made)
    return made


# --- The operator -------------------------------------------------------------------------------
def test_operator_is_the_person_of_the_credentials(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone
) -> None:
    ada = person(monkeypatch, fake_keystone)
    monkeypatch.delenv("SUDO_UID", raising=False)
    run(make_locked_user("ann").id)

    event = Event.objects.get()
    assert (event.initiator_type, event.initiator_id, event.via) == ("keystone", ada.id, "command")
    assert event.initiator == "ada (Default)"
    name = pwd.getpwuid(os.getuid()).pw_name
    assert event.initiator_agent == f"operating-system user {name}"
    assert fake_keystone.password_tries == {"ada": 1}


def test_without_credentials_keystone_is_not_asked(fake_keystone: FakeKeystone) -> None:
    run(make_locked_user("ann").id)

    assert Event.objects.get().initiator_type == "os"
    assert not fake_keystone.asked


def test_credentials_can_be_ignored_during_an_outage(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone
) -> None:
    person(monkeypatch, fake_keystone)
    fake_keystone.fail(500)
    run(make_locked_user("ann").id, "--without-keystone")

    assert Event.objects.get().initiator_type == "os"
    assert not fake_keystone.asked


# --- Rights -------------------------------------------------------------------------------------
def test_help_desk_may_unlock(monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone) -> None:
    person(monkeypatch, fake_keystone, roles={"system": {"helpdesk"}})
    user = make_locked_user("ann")
    run(user.id)

    assert failures(user) == (0, None)


def test_auditor_may_not_unlock_and_the_refusal_is_in_the_audit_log(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone
) -> None:
    person(monkeypatch, fake_keystone, roles={"system": {"reader"}})
    sentence = refused(make_locked_user("ann").id)

    event = Event.objects.get()
    assert sentence.startswith("An auditor")
    assert (event.action, event.outcome, event.via) == ("deny", "failure", "command")
    assert (event.initiator_name, event.resource) == ("ada", "manage.py unlock")


@pytest.mark.parametrize("by_id", [True, False])
def test_account_of_another_domain_does_not_exist(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone, by_id: bool
) -> None:
    person(monkeypatch, fake_keystone, domain_id="shops", roles={"shops": {"admin"}})
    foreign = make_locked_user("ann")

    assert "There is no account" in refused(foreign.id if by_id else "ann")
    assert failures(foreign)[0] == 3


def test_rights_are_confirmed_before_each_account(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone
) -> None:
    ada = person(monkeypatch, fake_keystone)
    users = [make_locked_user("ann"), make_locked_user("ben")]
    save = Event.save

    def save_and_revoke(event: Event, **options: Any) -> None:
        save(event, **options)
        ada.roles["system"] = {"reader"}

    monkeypatch.setattr(Event, "save", save_and_revoke)
    sentence = refused(*(user.id for user in users))

    assert "lost its role" in sentence
    assert [failures(user)[0] for user in users] == [0, 3]


# --- Credentials that are refused ---------------------------------------------------------------
def test_wrong_password_is_explained_without_the_password(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone
) -> None:
    person(monkeypatch, fake_keystone)
    monkeypatch.setenv("OS_PASSWORD", "hunter2")
    user = make_locked_user("ann")
    sentence = refused(user.id)

    assert sentence.startswith("Keystone refused OS_USERNAME")
    assert "--without-keystone" in sentence
    assert "hunter2" not in sentence
    assert failures(user)[0] == 3


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"expired": True}, "has expired"),
        ({"second_factor": True}, "second factor"),
        ({"roles": {"system": {"member"}}}, "but has no role here"),
    ],
)
def test_right_password_that_is_not_enough_is_explained(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone, facts: Any, words: str
) -> None:
    person(monkeypatch, fake_keystone, **facts)

    assert words in refused(make_locked_user("ann").id)


def test_outage_of_keystone_is_explained(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone
) -> None:
    person(monkeypatch, fake_keystone)
    fake_keystone.fail(500)

    assert "HTTP 500" in refused(make_locked_user("ann").id)


def test_token_of_another_cloud_is_refused(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone, settings: Settings
) -> None:
    person(monkeypatch, fake_keystone)
    ours = FakeKeystone()
    with serving(ours):
        settings.OS_AUTH_URL = ours.url
        sentence = refused(make_locked_user("ann").id)

    assert f"another Keystone than {ours.url}" in sentence


def test_incomplete_credentials_are_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, fake_keystone: FakeKeystone
) -> None:
    person(monkeypatch, fake_keystone)
    monkeypatch.delenv("OS_PASSWORD")

    with pytest.raises(CommandError, match=r"^OS_PASSWORD is missing") as raised:
        run(make_locked_user("ann").id)
    assert raised.value.returncode == 2
