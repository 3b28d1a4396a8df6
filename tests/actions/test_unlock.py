"""An unlock: one guarded UPDATE, one row in the audit log, and a result for every end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError

from pciops.accounts.account import Account, Failures
from pciops.actions import unlock as unlock_module
from pciops.actions.act import Done, Refused, Unknown
from pciops.audit import services
from pciops.audit.models import Event
from pciops.audit.services import AuditLogError
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.keystone.models import LocalUser
from pciops.keystone.unlock import clear_failures
from tests.actions.acts import (
    audit_rows,
    before_update,
    break_reads,
    change,
    conflict,
    delete,
    down,
    read,
    unlock,
)
from tests.factories import MICROSECOND, NOW, make_initiator, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

CLEARED: dict[str, Any] = {"failed_auth_count": 0, "failed_auth_at": None}
LOCKED_AGAIN = "locked again after you opened the form"
LAPSED = "The lock has already ended"
NOT_LOCKED = "A sign-in or another tool has cleared"
BY_FIRST = "first (Default) unlocked it on"


def begin(account: Account, name: str = "first") -> Event:
    """Begin an unlock by another operator, without an outcome so far."""
    return services.open_event(
        Event.Action.UNLOCK,
        account,
        precondition=account.failures,
        initiator=make_initiator(name),
        reason="INC-4711",
        identity=Event.Identity.CALLBACK,
        now=NOW,
    )


# --- Done ---------------------------------------------------------------------------------------
def test_unlock_clears_the_failures_and_is_one_row_in_the_audit_log(account: Account) -> None:
    result = unlock(account)

    assert isinstance(result, Done)
    assert result.event.outcome == Event.Outcome.SUCCESS
    assert read(account.id).failures == Failures(**CLEARED)
    assert audit_rows() == [("success", "")]


def test_audit_log_has_initiator_reason_and_precondition(account: Account) -> None:
    row = Event.objects.get(pk=unlock(account).event.pk)

    assert (row.initiator, row.reason, row.identity) == ("olga (Default)", "INC-4711", "callback")
    assert (row.target_id, row.precondition) == (account.id, "3@2026-11-22T14:00:11+00:00")


def test_intent_is_in_the_audit_log_before_the_update(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    before: list[tuple[str, str]] = []
    before_update(monkeypatch, lambda: before.extend(audit_rows()))
    unlock(account)

    assert before == [("pending", "")]


def test_lock_without_a_time_is_unlocked_too() -> None:
    account = read(make_user(failed_auth_count=3, failed_auth_at=None).id)

    assert isinstance(unlock(account), Done)


# --- Conflict -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "failures",
    [
        Failures(failed_auth_count=4, failed_auth_at=NOW - timedelta(minutes=2)),
        Failures(failed_auth_count=3, failed_auth_at=NOW - timedelta(minutes=2) - MICROSECOND),
        Failures(failed_auth_count=3, failed_auth_at=None),
    ],
    ids=["count", "time", "no time"],
)
def test_lock_with_other_failures_stays(account: Account, failures: Failures) -> None:
    result = conflict(account, precondition=str(failures))

    assert LOCKED_AGAIN in result.sentence
    assert result.fits
    assert read(account.id) == account


@pytest.mark.parametrize(
    ("count", "at", "sentence"),
    [(3, NOW - timedelta(seconds=1800), LAPSED), (2, NOW, NOT_LOCKED)],
    ids=["lapsed", "not locked"],
)
def test_account_that_is_not_locked_is_not_changed(count: int, at: datetime, sentence: str) -> None:
    account = read(make_user(failed_auth_count=count, failed_auth_at=at).id)
    result = conflict(account)

    assert sentence in result.sentence
    assert not result.fits
    assert read(account.id) == account


def test_second_operator_is_told_who_was_first(account: Account) -> None:
    unlock(account, initiator=make_initiator("first"), now=NOW - timedelta(seconds=30))
    result = conflict(read(account.id), precondition=str(account.failures))

    assert f"{BY_FIRST} 22 Nov 2026, 14:01:41 UTC" in result.sentence


def test_unlock_of_more_failures_is_named_too(account: Account) -> None:
    change(account, failed_auth_count=4, failed_auth_at=NOW - timedelta(minutes=1))
    unlock(read(account.id), initiator=make_initiator("first"))

    result = conflict(read(account.id), precondition=str(account.failures))
    assert BY_FIRST in result.sentence


@pytest.mark.parametrize("at", [NOW + timedelta(days=21), None], ids=["later", "without a time"])
def test_unlock_of_an_earlier_lock_is_not_named(account: Account, at: datetime | None) -> None:
    unlock(account, initiator=make_initiator("first"))
    failures = Failures(failed_auth_count=3, failed_auth_at=at)

    now = NOW + timedelta(days=21, hours=1)
    result = conflict(read(account.id), precondition=str(failures), now=now)
    assert NOT_LOCKED in result.sentence


def test_late_unlocks_of_others_do_not_hide_who_was_first(account: Account) -> None:
    unlock(account, initiator=make_initiator("first"), now=NOW - timedelta(seconds=30))
    late = read(account.id)
    begin(late, "another who is late")

    assert BY_FIRST in conflict(late).sentence


def test_unlock_that_is_still_under_way_is_named(account: Account) -> None:
    begin(account)
    change(account, **CLEARED)

    result = conflict(read(account.id), precondition=str(account.failures))
    assert "first (Default) started to unlock it on 22 Nov 2026, 14:02:11 UTC" in result.sentence


def test_conflict_waits_for_an_unlock_that_is_settled_in_a_moment(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = begin(account)
    change(account, **CLEARED)
    monkeypatch.setattr(
        "pciops.actions.unlock.time.sleep",
        lambda seconds: services.settle(event, Event.Outcome.SUCCESS),
    )

    result = conflict(read(account.id), precondition=str(account.failures))
    assert BY_FIRST in result.sentence


@pytest.mark.parametrize(
    ("columns", "sentence", "locked"),
    [
        (CLEARED, NOT_LOCKED, False),
        ({"failed_auth_count": 1, "failed_auth_at": NOW}, NOT_LOCKED, False),
        ({"failed_auth_count": 4, "failed_auth_at": NOW}, LOCKED_AGAIN, True),
        ({"failed_auth_at": NOW}, LOCKED_AGAIN, True),
        ({"failed_auth_at": None}, LOCKED_AGAIN, True),
        ({"failed_auth_at": NOW - timedelta(hours=1)}, LAPSED, False),
    ],
    ids=["cleared", "failed again", "count", "time", "no time", "lapsed"],
)
def test_row_that_changes_before_the_update_stays_as_it_became(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    columns: dict[str, Any],
    sentence: str,
    locked: bool,
) -> None:
    before_update(monkeypatch, lambda: change(account, **columns))
    result = conflict(account)

    assert sentence in result.sentence
    assert result.fits == locked
    assert result.verdict is not None
    assert result.verdict.account == read(account.id)
    assert result.event.outcome == Event.Outcome.FAILURE
    assert audit_rows() == [("failure", result.sentence)]
    row = LocalUser.objects.get(user_id=account.id)
    assert {name: getattr(row, name) for name in columns} == columns


def test_only_one_of_two_operators_at_once_succeeds(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other() -> None:
        monkeypatch.setattr(unlock_module, "clear_failures", clear_failures)
        unlock(account, initiator=make_initiator("first"))

    before_update(monkeypatch, other)
    result = conflict(account)

    assert f"{BY_FIRST} 22 Nov 2026, 14:02:11 UTC." in result.sentence
    assert sorted(outcome for outcome, _ in audit_rows()) == ["failure", "success"]


def test_deleted_account_is_a_conflict_without_an_account(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_update(monkeypatch, lambda: delete(account))
    result = conflict(account)

    assert "deleted" in result.sentence
    assert (result.verdict, result.fits) == (None, False)
    assert audit_rows() == [("failure", result.sentence)]


def test_conflict_that_cannot_be_read_is_settled_as_a_failure(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_update(monkeypatch, lambda: change(account, failed_auth_count=4))
    break_reads(monkeypatch)
    with pytest.raises(KeystoneDatabaseDownError):
        unlock(account)

    assert audit_rows() == [("failure", "gone away")]


# --- Errors of Keystone's database --------------------------------------------------------------
LOST = OperationalError(2013, "Lost connection to MySQL server during query")


def break_update(
    monkeypatch: pytest.MonkeyPatch, error: Exception, *, before: Callable[[], object] = str
) -> None:
    """Let the UPDATE raise an error, after something has happened to the row."""

    def fail(user_id: str, **failures: Any) -> bool:
        before()
        raise error

    monkeypatch.setattr(unlock_module, "clear_failures", fail)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OperationalError(1142, "UPDATE command denied to user"), "UPDATE command denied to user"),
        (OperationalError(1205, "Lock wait timeout exceeded"), "Lock wait timeout exceeded"),
        (InterfaceError("connection already closed"), "connection already closed"),
    ],
    ids=["denied", "timeout", "closed"],
)
def test_update_that_the_database_refuses_is_a_failure(
    account: Account, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    break_update(monkeypatch, error)
    result = unlock(account)

    assert isinstance(result, Refused)
    assert (result.status, result.only_here) == (503, False)
    assert f"{reason}. Nothing was changed" in result.sentence
    assert audit_rows() == [("failure", reason)]


@pytest.mark.parametrize("case", ["cleared", "changed", "deleted", "unreadable"])
def test_lost_answer_is_unknown_unless_the_row_is_unchanged(
    account: Account, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    changes: dict[str, Callable[[], object]] = {
        "cleared": lambda: change(account, **CLEARED),
        "changed": lambda: change(account, failed_auth_count=4),
        "deleted": lambda: delete(account),
        "unreadable": lambda: break_reads(monkeypatch),
    }
    break_update(monkeypatch, LOST, before=changes[case])
    result = unlock(account)

    assert isinstance(result, Unknown)
    assert result.status == 503
    assert "doesn't know" in result.sentence
    assert audit_rows() == [("unknown", "Lost connection to MySQL server during query")]


# --- Errors of our own database -----------------------------------------------------------------
def test_without_a_row_in_the_audit_log_nothing_is_unlocked(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Event, "save", down)
    with pytest.raises(AuditLogError, match="Nothing was changed"):
        unlock(account)
    with pytest.raises(CommandError, match="own database does not answer"):
        call_command("unlock", account.id, reason="worst day")

    assert read(account.id) == account


def test_outcome_that_cannot_be_written_leaves_the_row_pending(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_update(monkeypatch, lambda: monkeypatch.setattr(Event.objects, "filter", down))
    with pytest.raises(AuditLogError, match=r"may have been done \(success\)"):
        unlock(account)

    assert Event.objects.get().outcome == Event.Outcome.PENDING
    assert read(account.id).failures == Failures(**CLEARED)
