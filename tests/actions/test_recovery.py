"""Acts that a crash has left pending are settled by what Keystone's database shows."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import call_command

from pciops.accounts.account import Account
from pciops.actions import recovery, register
from pciops.actions.act import Act
from pciops.actions.exempting import EXEMPT, LIFT, RECORD
from pciops.actions.models import Exemption
from pciops.actions.patch import DISABLE, ENABLE
from pciops.audit import services
from pciops.audit.chain import verify
from pciops.audit.models import Event
from pciops.keystone.models import User, UserOption
from tests.actions.acts import change, delete, make_request, read
from tests.audit.helpers import ROOT, environment, open_event
from tests.factories import NOW, POLICY, make_initiator, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

CLEARED = {"failed_auth_count": 0, "failed_auth_at": None}


def settle(after: timedelta = timedelta(minutes=2)) -> list[tuple[str, str]]:
    """Return outcome and remark of what is settled, that long after the crash."""
    settled = recovery.settle_pending(policy=POLICY, now=NOW + after)
    assert all(event.remark.startswith("settled after a crash: ") for event in settled)
    return [(event.outcome, event.remark.partition(": ")[2]) for event in settled]


# --- Unlocks ------------------------------------------------------------------------------------
@pytest.fixture
def crashed(account: Account) -> Event:
    """An unlock of the account that was begun and never settled."""
    return open_event(account=account, precondition=account.failures)


@pytest.mark.usefixtures("crashed")
@pytest.mark.parametrize(
    ("columns", "after", "outcome", "remark"),
    [
        (CLEARED, timedelta(minutes=2), "success", "shows that it was unlocked"),
        ({}, timedelta(minutes=2), "failure", "row is unchanged"),
        ({"failed_auth_count": 4}, timedelta(minutes=2), "unknown", "other failures by now"),
        (CLEARED, timedelta(hours=1), "unknown", "a sign-in may have cleared them"),
    ],
    ids=["cleared", "unchanged", "other failures", "perhaps a sign-in"],
)
def test_outcome_of_an_unlock_is_what_the_row_shows(
    account: Account, columns: dict[str, Any], after: timedelta, outcome: str, remark: str
) -> None:
    if columns:
        change(account, **columns)
    [settled] = settle(after)

    assert settled[0] == outcome
    assert remark in settled[1]


@pytest.mark.usefixtures("crashed")
def test_outcome_is_unknown_if_the_account_was_deleted(account: Account) -> None:
    delete(account)

    assert settle()[0][0] == "unknown"


@pytest.mark.usefixtures("crashed")
def test_unlock_failed_if_another_operator_has_unlocked(account: Account) -> None:
    other = open_event(
        account=account, precondition=account.failures, initiator=make_initiator("otto")
    )
    services.settle(other, Event.Outcome.SUCCESS)
    change(account, **CLEARED)

    [(outcome, remark)] = settle()
    assert (outcome, "otto (Default) unlocked" in remark) == ("failure", True)


@pytest.mark.usefixtures("crashed")
def test_outcomes_of_two_crashed_unlocks_of_one_lock_are_unknown(account: Account) -> None:
    open_event(account=account, precondition=account.failures)
    change(account, **CLEARED)

    assert settle()[0][0] == "unknown"


@pytest.mark.usefixtures("crashed")
def test_act_of_the_last_minute_stays_pending() -> None:
    assert settle(timedelta(minutes=1)) == []
    assert len(settle(timedelta(minutes=1, microseconds=1))) == 1
    assert settle() == []


def test_act_that_another_process_has_settled_does_not_stop_the_rest(
    crashed: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [Event.objects.get(), Event.objects.get()]
    monkeypatch.setattr("pciops.audit.selectors.pending", lambda before: rows)

    assert len(settle()) == 1


@pytest.mark.usefixtures("crashed")
def test_settled_act_is_in_the_hash_chain() -> None:
    settle()

    assert (verify().rows, verify().problem) == (2, "")


@pytest.mark.usefixtures("crashed")
def test_command_reports_each_settled_act(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    with time_machine.travel(NOW + timedelta(minutes=2)):
        call_command("settle_pending")

    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"unlock of ann ({account.id}): failure, settled after a crash")
    assert last == "1 act settled"


# --- Acts of Keystone's API ---------------------------------------------------------------------
LOCKOUT = "ignore_lockout_failure_attempts"
PLAIN: dict[str, Any] = {}
EXEMPTED: dict[str, Any] = {"options": {"1002": True}}
CASES = [
    pytest.param(ENABLE, {"enabled": False}, id="enable"),
    pytest.param(DISABLE, PLAIN, id="disable"),
    pytest.param(EXEMPT, PLAIN, id="exempt"),
    pytest.param(LIFT, EXEMPTED, id="lift"),
]


def crash(act: Act, facts: dict[str, Any]) -> User:
    """Begin the act, and never settle it."""
    user = make_user(**facts)
    option = LOCKOUT if "option" in act.asks else ""
    request = make_request(act, read(user.id), option=option)
    services.open_event(
        act.action,
        read(user.id),
        precondition=request.precondition,
        initiator=request.initiator,
        reason=request.reason,
        identity=request.identity,
        resource=request.resource,
        now=NOW,
    )
    return user


def carry_out(act: Act, user: User) -> None:
    """Do what Keystone did before the crash."""
    rows = UserOption.objects.using("keystone")
    if act in {ENABLE, DISABLE}:
        User.objects.using("keystone").filter(id=user.id).update(enabled=act is ENABLE)
    elif act is EXEMPT:
        rows.create(user_id=user.id, option_id="1002", option_value="true")
    else:
        rows.filter(user_id=user.id).update(option_value="false")


@pytest.mark.parametrize(("act", "facts"), CASES)
def test_unchanged_account_means_failure(act: Act, facts: dict[str, Any]) -> None:
    crash(act, facts)

    assert settle() == [("failure", "not carried out, the account is unchanged")]
    assert not Exemption.objects.exists()


@pytest.mark.parametrize(("act", "facts"), CASES)
def test_changed_account_means_success(act: Act, facts: dict[str, Any]) -> None:
    carry_out(act, crash(act, facts))

    assert settle() == [("success", "Keystone's database shows that it was done")]


def test_account_that_has_changed_otherwise_means_unknown() -> None:
    user = crash(EXEMPT, PLAIN)
    User.objects.using("keystone").filter(id=user.id).update(enabled=False)

    assert settle()[0][0] == "unknown"


def test_exemption_that_was_carried_out_is_recorded() -> None:
    user = crash(EXEMPT, PLAIN)
    carry_out(EXEMPT, user)
    settle()
    row = Exemption.objects.get()

    assert (row.user_id, row.option, row.owner) == (user.id, LOCKOUT, "network team")
    assert row.ends_on == NOW.date() + timedelta(days=30)
    assert row.event_id == Event.objects.get().pk


def test_record_that_was_not_settled_was_not_written() -> None:
    crash(RECORD, EXEMPTED)

    assert settle()[0][0] == "failure"
    [entry] = register.entries(scope=None, now=NOW)
    assert entry.status == register.ExemptionStatus.UNRECORDED


def test_outcome_of_an_act_outside_the_registry_is_unknown(account: Account) -> None:
    services.open_event(
        Event.Action.SAMPLE,
        account,
        precondition="",
        initiator=make_initiator(),
        reason="",
        identity="",
        now=NOW,
    )

    assert settle() == [("unknown", "whether it was carried out cannot be seen")]


# --- A process that is killed -------------------------------------------------------------------
CRASH = """
import os, signal, sys, django
django.setup()
from datetime import timedelta
from django.apps import apps
from django.core.management import call_command
from django.db import connections
from django.utils import timezone
call_command("migrate", verbosity=0)
with connections["keystone_unlock"].schema_editor() as editor:
    for model in apps.get_app_config("keystone").get_models():
        editor.create_model(model)
connections["keystone"] = connections["keystone_unlock"]
from pciops.actions import unlock as unlock_module
from tests import factories
from tests.actions.acts import read, unlock
now = timezone.now()
account = read(factories.make_locked_user("ann", at=now - timedelta(minutes=2)).id)
clear = unlock_module.clear_failures
def killed(*args, **failures):
    if sys.argv[1] == "after":
        clear(*args, **failures)
    os.kill(os.getpid(), signal.SIGKILL)
unlock_module.clear_failures = killed
unlock(account, now=now - timedelta(seconds=61), precondition=str(account.failures))
"""
NEXT_START = """
import django
django.setup()
from django.core.management import call_command
call_command("settle_pending")
call_command("verify_audit")
"""


@pytest.mark.parametrize(("moment", "outcome"), [("before", "failure"), ("after", "success")])
def test_act_of_a_killed_process_is_settled(tmp_path: Path, moment: str, outcome: str) -> None:
    (tmp_path / "keystone.sqlite3").touch()

    def run(code: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, *words],
            cwd=ROOT,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )

    assert run(CRASH, moment).returncode == -signal.SIGKILL
    output = run(NEXT_START).stdout
    assert f"{outcome}, settled after a crash" in output
    assert "2 rows, head" in output
