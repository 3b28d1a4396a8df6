"""An act that a crash has left pending is settled by what Keystone's database shows."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command

from pciops.accounts.account import Account
from pciops.actions import recovery
from pciops.audit import services
from pciops.audit.chain import verify
from pciops.audit.models import Event
from tests.actions.acts import change, delete
from tests.audit.helpers import ROOT, environment, manage, open_event
from tests.factories import NOW, POLICY, make_initiator

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

CLEARED = {"failed_auth_count": 0, "failed_auth_at": None}


@pytest.fixture
def crashed(account: Account) -> Event:
    """An unlock of the account that was begun and never settled."""
    return open_event(account=account, precondition=account.failures)


def settle(after: timedelta = timedelta(minutes=2)) -> list[tuple[str, str]]:
    """Outcome and remark of what is settled, that long after the crash."""
    settled = recovery.settle_pending(policy=POLICY, now=NOW + after)
    return [(event.outcome, event.remark) for event in settled]


def test_a_row_without_failures_shows_that_it_was_unlocked(
    account: Account, crashed: Event
) -> None:
    change(account, **CLEARED)

    assert settle() == [
        ("success", "settled after a crash: Keystone's row shows that it was unlocked")
    ]


def test_an_unchanged_row_shows_that_it_was_not_carried_out(crashed: Event) -> None:
    assert settle() == [
        ("failure", "settled after a crash: not carried out, Keystone's row is unchanged")
    ]


def test_other_failures_show_nothing(account: Account, crashed: Event) -> None:
    change(account, failed_auth_count=4)

    assert settle() == [
        ("unknown", "settled after a crash: Keystone's row has other failures by now")
    ]


def test_an_account_that_is_gone_shows_nothing(account: Account, crashed: Event) -> None:
    delete(account)

    assert settle()[0][0] == "unknown"


def test_what_a_sign_in_may_have_cleared_is_unknown(account: Account, crashed: Event) -> None:
    change(account, **CLEARED)

    assert settle(timedelta(hours=1))[0][0] == "unknown"


def test_what_another_operator_unlocked_this_act_did_not(account: Account, crashed: Event) -> None:
    other = open_event(
        account=account, precondition=account.failures, initiator=make_initiator("otto")
    )
    services.settle(other, Event.Outcome.SUCCESS)
    change(account, **CLEARED)

    assert settle() == [
        (
            "failure",
            "settled after a crash: not carried out, otto (Default) unlocked the account",
        )
    ]


def test_of_two_crashed_acts_nobody_knows_which_it_was(account: Account, crashed: Event) -> None:
    open_event(account=account, precondition=account.failures)
    change(account, **CLEARED)

    assert settle()[0][0] == "unknown"


def test_an_act_of_the_last_minute_may_be_under_way(crashed: Event) -> None:
    assert settle(timedelta(minutes=1)) == []
    assert len(settle(timedelta(minutes=1, microseconds=1))) == 1


def test_an_act_is_settled_only_once(crashed: Event) -> None:
    settle()

    assert settle() == []


def test_whoever_comes_second_goes_on_with_the_others(
    account: Account, crashed: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [Event.objects.get(), Event.objects.get()]
    monkeypatch.setattr("pciops.audit.selectors.pending", lambda before: found)

    assert len(settle()) == 1


def test_what_is_settled_so_is_in_the_chain(crashed: Event) -> None:
    settle()

    assert (verify().rows, verify().problem) == (1, "")


def test_the_command_says_what_it_settled(
    account: Account, crashed: Event, capsys: pytest.CaptureFixture[str]
) -> None:
    with time_machine.travel(NOW + timedelta(minutes=2)):
        call_command("settle_pending")

    assert capsys.readouterr().out == (
        f"unlock of ann ({account.id}): failure, settled after a crash: not carried out, "
        "Keystone's row is unchanged\n1 act settled\n"
    )


CRASH = """
import os, signal, sys, django
django.setup()
from datetime import timedelta
from django.apps import apps
from django.db import connections
from django.utils import timezone
with connections["keystone_unlock"].schema_editor() as editor:
    for model in apps.get_app_config("keystone").get_models():
        editor.create_model(model)
connections["keystone"] = connections["keystone_unlock"]
from pciops.actions import unlock as action
from tests import factories
from tests.actions.acts import read, unlock
now = timezone.now()
account = read(factories.make_locked_user("ann", at=now - timedelta(minutes=2)).id)
clear = action.clear_failures
def killed(*args, **failures):
    if sys.argv[1] == "after":
        clear(*args, **failures)
    os.kill(os.getpid(), signal.SIGKILL)
action.clear_failures = killed
unlock(account, now=now - timedelta(seconds=61))
"""


@pytest.mark.parametrize(
    ("moment", "expected"),
    [("before", "failure, settled after a crash"), ("after", "success, settled after a crash")],
)
def test_a_process_that_was_killed_in_the_midst_of_an_act(
    tmp_path: Path, moment: str, expected: str
) -> None:
    (tmp_path / "keystone.sqlite3").touch()
    env = environment(tmp_path)
    assert manage("migrate", "--verbosity", "0", env=env).returncode == 0
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CRASH, moment], cwd=ROOT, env=env, check=False
    )

    assert done.returncode == -signal.SIGKILL
    assert expected in manage("settle_pending", env=env).stdout
    assert "1 row, head" in manage("verify_audit", env=env).stdout
