"""An unlock that the database refused, or whose answer was lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError

from pciops.accounts import selectors
from pciops.accounts.account import Account
from pciops.actions import unlock as action
from pciops.actions.act import ActFailedError
from pciops.audit import services
from pciops.keystone.database import KeystoneDatabaseDownError
from tests.actions.acts import change, delete, first, read, trail, unlock

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

LOST = OperationalError(2013, "Lost connection to MySQL server during query")


def break_update(
    monkeypatch: pytest.MonkeyPatch, error: Exception, *, before: Callable[[], object] = str
) -> None:
    """Let the UPDATE end in an error, after something happened to the row."""

    def fail(user_id: str, **failures: Any) -> bool:
        before()
        raise error

    monkeypatch.setattr(action, "clear_failures", fail)


def break_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every read of Keystone's database end in an outage."""

    def fail(user_id: str, *, scope: str | None) -> None:
        raise KeystoneDatabaseDownError("gone away")

    monkeypatch.setattr(selectors, "get", fail)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OperationalError(1142, "UPDATE command denied to user"), "UPDATE command denied to user"),
        (OperationalError(1205, "Lock wait timeout exceeded"), "Lock wait timeout exceeded"),
        (InterfaceError("connection already closed"), "connection already closed"),
    ],
    ids=["denied", "timeout", "closed"],
)
def test_an_update_that_the_database_refused_is_a_failure(
    account: Account, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    break_update(monkeypatch, error)
    with pytest.raises(ActFailedError) as raised:
        unlock(account)

    assert str(raised.value) == f"Keystone's database refused: {reason}. Nothing was changed."
    assert trail() == [("failure", reason)]


@pytest.mark.parametrize(
    "columns",
    [{"failed_auth_count": 0, "failed_auth_at": None}, {"failed_auth_count": 4}],
    ids=["cleared, perhaps by us", "changed"],
)
def test_an_answer_that_was_lost_is_unknown_where_the_row_has_changed(
    account: Account, monkeypatch: pytest.MonkeyPatch, columns: dict[str, Any]
) -> None:
    break_update(monkeypatch, LOST, before=lambda: change(account, **columns))
    with pytest.raises(ActFailedError, match="Whether the account was unlocked is not known"):
        unlock(account)

    assert trail() == [("unknown", "Lost connection to MySQL server during query")]


def test_an_answer_that_was_lost_is_unknown_where_the_row_cannot_be_read(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_update(monkeypatch, LOST)
    break_reads(monkeypatch)
    with pytest.raises(ActFailedError, match="Whether the account was unlocked is not known"):
        unlock(account)

    assert trail() == [("unknown", "Lost connection to MySQL server during query")]


def test_an_answer_that_was_lost_is_unknown_where_the_account_is_gone(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_update(monkeypatch, LOST, before=lambda: delete(account))
    with pytest.raises(ActFailedError):
        unlock(account)

    assert trail()[0][0] == "unknown"


def test_a_conflict_whose_cause_cannot_be_read_does_not_stay_pending(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The UPDATE said that it changed nothing; only the reason for that is not known."""
    first(monkeypatch, lambda: change(account, failed_auth_count=4))
    break_reads(monkeypatch)
    with pytest.raises((KeystoneDatabaseDownError, ActFailedError)):
        unlock(account)

    assert [outcome for outcome, _ in trail()] == ["failure"]


def test_an_act_whose_intent_cannot_be_written_is_not_done(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **facts: object) -> None:
        raise OperationalError("the trail's disk is full")

    monkeypatch.setattr(services, "open_event", fail)
    with pytest.raises(OperationalError):
        unlock(account)

    assert read(account.id) == account
