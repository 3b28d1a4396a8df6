"""The command `act`: all acts but the unlock, for scripts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command

from pciops.actions.models import Exemption
from pciops.audit.models import Event
from pciops.keystone.models import User
from tests.actions.acts import read
from tests.factories import NOW, make_locked_user, make_user
from tests.fake_keystone import FakeKeystone, Person, error
from tests.fake_users import FakeUsers
from tests.fake_users import keystone_users as keystone_users
from tests.signin.credentials import give
from tests.signin.credentials import without_clouds as without_clouds

pytestmark = [
    pytest.mark.django_db(databases=["default", "keystone"]),
    pytest.mark.usefixtures("without_clouds"),
]

LOCKOUT = "ignore_lockout_failure_attempts"
ENDS_ON = (NOW + timedelta(days=30)).date().isoformat()
GRANT = ("--option", LOCKOUT, "--owner", "network team", "--ends-on", ENDS_ON)


@pytest.fixture
def ada(
    monkeypatch: pytest.MonkeyPatch,
    fake_keystone: FakeKeystone,
    keystone_users: FakeUsers,
    clock: time_machine.Traveller,
) -> Person:
    """An administrator of the system, with credentials in the environment."""
    ada = fake_keystone.person()
    give(monkeypatch, fake_keystone, ada)
    return ada


def act(*words: str) -> None:
    """Run the command."""
    call_command("act", *words, "--reason", "INC-4711")


def fails(*words: str, code: int = 1) -> str:
    """Return the error that the command ends with."""
    with pytest.raises(CommandError) as raised:
        act(*words)
    assert raised.value.returncode == code
    return str(raised.value)


# --- Done ---------------------------------------------------------------------------------------
def test_account_is_disabled_and_enabled(ada: Person, capsys: pytest.CaptureFixture[str]) -> None:
    user = make_user("ann")
    act("disable", "ann")
    disabled = read(user.id).enabled
    act("enable", "ann")

    assert (disabled, read(user.id).enabled) == (False, True)
    assert [line for line in capsys.readouterr().out.splitlines() if "Audit log" not in line] == [
        "ann (Default) is disabled.",
        "disable: 1 of 1 done.",
        "ann (Default) is enabled.",
        "enable: 1 of 1 done.",
    ]


def test_exemption_is_set_with_its_owner_and_lifted(ada: Person) -> None:
    user = make_user("ann")
    act("exempt", "ann", *GRANT)
    exempt, owner = read(user.id).exemptions, Exemption.objects.get().owner
    act("lift", "ann", "--option", LOCKOUT)

    assert (exempt, owner) == ([LOCKOUT], "network team")
    assert read(user.id).exemptions == []


def test_each_account_has_its_own_row_and_patch_with_the_operators_token(
    ada: Person, fake_keystone: FakeKeystone
) -> None:
    for name in ("ann", "ben"):
        make_user(name)
    act("disable", "ann", "ben")

    rows = Event.objects.values_list("target_name", "action", "outcome", "via", "initiator_id")
    assert sorted(rows) == [
        (name, "disable", "success", "command", ada.id) for name in ("ann", "ben")
    ]
    assert [changes for _, _, changes in fake_keystone.patches] == [{"enabled": False}] * 2
    assert {fake_keystone.tokens[token].person.id for token, _, _ in fake_keystone.patches} == {
        ada.id
    }


# --- Not done -----------------------------------------------------------------------------------
def test_account_that_the_act_does_not_fit_does_not_stop_the_others(
    ada: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    make_user("ann", enabled=False)
    ben = make_user("ben")
    sentence = fails("disable", "ann", "ben")

    assert sentence == "1 not done."
    assert "ann (Default): The account is already disabled." in capsys.readouterr().err
    assert not read(ben.id).enabled


def test_refusal_of_one_account_does_not_stop_the_others(
    ada: Person, keystone_users: FakeUsers, capsys: pytest.CaptureFixture[str]
) -> None:
    users = [make_user("ann"), make_user("ben")]
    keystone_users.answer, keystone_users.works = error(403, "You are not authorized."), False
    fails("disable", "ann", "ben")

    assert capsys.readouterr().err.count("Keystone refused (HTTP 403): You are not") == 2
    assert [read(user.id).enabled for user in users] == [True, True]
    assert list(Event.objects.values_list("outcome", flat=True)) == ["failure"] * 2


def test_outage_of_keystone_stops_the_rest(
    ada: Person, keystone_users: FakeUsers, capsys: pytest.CaptureFixture[str]
) -> None:
    make_user("ann")
    make_user("ben")
    keystone_users.answer, keystone_users.works = error(500, "oops"), False
    fails("disable", "ann", "ben")

    assert "ben (Default): not attempted." in capsys.readouterr().err
    assert [event.target_name for event in Event.objects.all()] == ["ann"]


def test_operators_cannot_disable_themselves(ada: Person) -> None:
    make_user("ada", user_id=ada.id)
    fails("disable", ada.id)

    assert read(ada.id).enabled
    assert "your own account" in Event.objects.get().remark


def test_help_desk_is_refused(ada: Person) -> None:
    ada.roles["system"] = {"helpdesk"}
    make_user("ann")

    assert fails("disable", "ann").startswith("The help desk")
    assert Event.objects.get().action == "deny"


# --- Dry run ------------------------------------------------------------------------------------
def test_dry_run_shows_the_effects_and_does_nothing(
    ada: Person, capsys: pytest.CaptureFixture[str], fake_keystone: FakeKeystone
) -> None:
    make_locked_user("ann", enabled=False)
    make_user("ben")
    act("enable", "ann", "ben", "--dry-run")
    out = capsys.readouterr().out

    assert "ann (Default):\n  Sets enabled to true" in out
    assert "notice: 3 failures cleared" in out
    assert "ben (Default):\n  would not change" in out
    assert fake_keystone.patches == []
    assert not Event.objects.exists()


# --- Wrong usage --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("enable", "ann", "--owner", "x"), "enable takes no --owner."),
        (("lift", "ann"), "lift needs --option."),
        (("exempt", "ann", "--option", LOCKOUT, "--owner", "x"), "exempt needs --ends-on."),
        (
            ("exempt", "ann", "--option", LOCKOUT, "--owner", "x", "--ends-on", "soon"),
            "--ends-on: ",
        ),
        (
            ("exempt", "ann", "--option", LOCKOUT, "--owner", " ", "--ends-on", ENDS_ON),
            "--owner: ",
        ),
        (("disable", "ann", "--reason", " "), "--reason: "),
    ],
)
def test_wrong_options_are_wrong_usage(ada: Person, words: tuple[str, ...], problem: str) -> None:
    make_user("ann")

    with pytest.raises(CommandError) as raised:
        call_command("act", "--reason", "INC-4711", *words)
    assert str(raised.value).startswith(problem)
    assert raised.value.returncode == 2


def test_missing_credentials_are_wrong_usage(clock: Any) -> None:
    user: User = make_user("ann")

    assert "Set OS_CLOUD" in fails("disable", "ann", code=2)
    assert read(user.id).enabled


def test_exemption_is_recorded_without_credentials(clock: Any) -> None:
    """Recording changes nothing in Keystone, so a user of the host may do it."""
    make_user("ann", options={"1002": True})
    act("record", "ann", *GRANT)

    assert Exemption.objects.get().owner == "network team"
    assert Event.objects.get().initiator_type == "os"
