"""`manage.py act`: the acts that need a token, for scripts."""

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
    """An administrator of the system, whose credentials the environment has."""
    ada = fake_keystone.person()
    give(monkeypatch, fake_keystone, ada)
    return ada


def act(*words: str) -> None:
    """Run the command."""
    call_command("act", *words, "--reason", "INC-4711")


def fails(*words: str, code: int = 1) -> str:
    """What the command says at its end, which does not do it."""
    with pytest.raises(CommandError) as raised:
        act(*words)
    assert raised.value.returncode == code
    return str(raised.value)


# --- It works -----------------------------------------------------------------------------------
def test_an_account_is_disabled_and_enabled(
    ada: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    user = make_user("ann")
    act("disable", "ann")
    disabled = read(user.id).enabled
    act("enable", "ann")

    assert (disabled, read(user.id).enabled) == (False, True)
    assert [line for line in capsys.readouterr().out.splitlines() if "Trail" not in line] == [
        "ann (Default) is disabled.",
        "disable: 1 of 1 done.",
        "ann (Default) is enabled.",
        "enable: 1 of 1 done.",
    ]


def test_an_exemption_is_set_with_its_owner_and_lifted(ada: Person) -> None:
    user = make_user("ann")
    act("exempt", "ann", *GRANT)
    exempt, owner = read(user.id).exemptions, Exemption.objects.get().owner
    act("lift", "ann", "--option", LOCKOUT)

    assert (exempt, owner) == ([LOCKOUT], "network team")
    assert read(user.id).exemptions == []


def test_several_accounts_are_one_row_each(ada: Person) -> None:
    for name in ("ann", "ben"):
        make_user(name)
    act("disable", "ann", "ben")

    rows = Event.objects.values_list("target_name", "action", "outcome", "via", "initiator_id")
    assert sorted(rows) == [
        (name, "disable", "success", "command", ada.id) for name in ("ann", "ben")
    ]


def test_it_is_done_with_the_token_of_the_doer(ada: Person, fake_keystone: FakeKeystone) -> None:
    make_user("ann")
    act("disable", "ann")
    [(token, _, changes)] = fake_keystone.patches

    assert fake_keystone.tokens[token].person is ada
    assert changes == {"enabled": False}


# --- It does not --------------------------------------------------------------------------------
def test_what_does_not_fit_one_does_not_stop_the_others(
    ada: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    make_user("ann", enabled=False)
    ben = make_user("ben")
    sentence = fails("disable", "ann", "ben")

    assert sentence == "1 not done."
    assert "ann (Default): The account is disabled already." in capsys.readouterr().err
    assert not read(ben.id).enabled


def test_what_keystones_policy_forbids_does_not_stop_the_others(
    ada: Person, keystone_users: FakeUsers, capsys: pytest.CaptureFixture[str]
) -> None:
    users = [make_user("ann"), make_user("ben")]
    keystone_users.answer, keystone_users.works = error(403, "You are not authorized."), False
    fails("disable", "ann", "ben")

    assert capsys.readouterr().err.count("Keystone refused (HTTP 403): You are not") == 2
    assert [read(user.id).enabled for user in users] == [True, True]
    assert list(Event.objects.values_list("outcome", flat=True)) == ["failure"] * 2


def test_a_keystone_that_breaks_stops_the_rest(
    ada: Person, keystone_users: FakeUsers, capsys: pytest.CaptureFixture[str]
) -> None:
    make_user("ann")
    make_user("ben")
    keystone_users.answer, keystone_users.works = error(500, "oops"), False
    fails("disable", "ann", "ben")

    assert "ben (Default): not tried." in capsys.readouterr().err
    assert [event.target_name for event in Event.objects.all()] == ["ann"]


def test_ones_own_account_is_not_disabled(ada: Person) -> None:
    make_user("ada", user_id=ada.id)
    fails("disable", ada.id)

    assert read(ada.id).enabled
    assert "You cannot disable your own account" in Event.objects.get().remark


def test_the_help_desk_may_not(ada: Person) -> None:
    ada.roles["system"] = {"helpdesk"}
    make_user("ann")

    assert fails("disable", "ann").startswith("The help desk unlocks accounts")
    assert Event.objects.get().action == "deny"


# --- A look -------------------------------------------------------------------------------------
def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    ada: Person, capsys: pytest.CaptureFixture[str], fake_keystone: FakeKeystone
) -> None:
    make_locked_user("ann", enabled=False)
    make_user("ben")
    act("enable", "ann", "ben", "--dry-run")
    out = capsys.readouterr().out

    assert "ann (Default):\n  Sets enabled to true" in out
    assert "Keystone unlocks the account with it, silently: 3 failures cleared." in out
    assert "ben (Default):\n  would stay as it is. The account is neither disabled" in out
    assert fake_keystone.patches == []
    assert not Event.objects.exists()


# --- Wrong usage --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("enable", "ann", "--owner", "x"), "enable takes no --owner."),
        (("lift", "ann"), "lift needs --option."),
        (("exempt", "ann", "--option", LOCKOUT, "--owner", "x"), "exempt needs --ends-on."),
        (
            ("exempt", "ann", "--option", LOCKOUT, "--owner", "x", "--ends-on", "soon"),
            "--ends-on: the last day of the exemption, as YYYY-MM-DD.",
        ),
        (
            ("exempt", "ann", "--option", LOCKOUT, "--owner", " ", "--ends-on", ENDS_ON),
            "--owner: say who answers for the exemption: a person or a team.",
        ),
    ],
)
def test_an_option_too_many_or_too_few_is_wrong_usage(
    ada: Person, words: tuple[str, ...], said: str
) -> None:
    make_user("ann")

    assert fails(*words, code=2) == said


def test_a_reason_of_nothing_is_wrong_usage(ada: Person) -> None:
    with pytest.raises(CommandError, match="^--reason: say why") as raised:
        call_command("act", "disable", make_user("ann").id, "--reason", " ")
    assert raised.value.returncode == 2


def test_without_credentials_it_says_which_are_wanted(clock: Any) -> None:
    user: User = make_user("ann")

    assert fails("disable", "ann", code=2).endswith(
        "set OS_CLOUD, or OS_USERNAME and the other OS_* of your cloud."
    )
    assert read(user.id).enabled


def test_an_exemption_is_recorded_without_credentials(clock: Any) -> None:
    """It changes nothing in Keystone: whoever has the host may write our register."""
    make_user("ann", options={"1002": True})
    act("record", "ann", *GRANT)

    assert Exemption.objects.get().owner == "network team"
    assert Event.objects.get().initiator_type == "os"
