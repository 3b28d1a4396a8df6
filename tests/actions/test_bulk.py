"""Several unlocks: each has its own result, and a failure of one ends the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from pciops.accounts.account import Account
from pciops.accounts.verdict import judge
from pciops.actions.bulk import BulkOutcome, BulkResult, perform_all
from pciops.actions.unlock import UNLOCK
from pciops.audit.models import Event
from tests.actions.acts import (
    audit_rows,
    before_update,
    break_reads,
    change,
    delete,
    down,
    make_request,
    read,
)
from tests.factories import NOW, POLICY, make_locked_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

CLEARED: dict[str, Any] = {"failed_auth_count": 0, "failed_auth_at": None}


@pytest.fixture
def three() -> list[Account]:
    """Ann, Ben and Cat, who are locked."""
    at = NOW - timedelta(minutes=2)
    return [read(make_locked_user(name, at=at).id) for name in ("ann", "ben", "cat")]


def unlocks(accounts: list[Account]) -> Iterator[BulkResult]:
    """Yield the results of unlocking the accounts as they are given."""
    return perform_all(
        UNLOCK,
        [(judge(account, POLICY, NOW), make_request(UNLOCK, account)) for account in accounts],
    )


def outcomes(results: list[BulkResult]) -> list[str]:
    return [result.outcome.value for result in results]


def locked(accounts: list[Account]) -> list[str]:
    """Return the names of the accounts that still have failures."""
    return [account.name for account in accounts if read(account.id).failed_auth_count]


# --- Done ---------------------------------------------------------------------------------------
def test_all_are_unlocked_each_with_its_own_row(three: list[Account]) -> None:
    results = list(unlocks(three))

    assert outcomes(results) == ["unlocked"] * 3
    assert locked(three) == []
    assert set(Event.objects.values_list("target_id", "outcome", "reason", "identity")) == {
        (account.id, "success", "INC-4711", "callback") for account in three
    }


def test_result_has_its_account_and_event(three: list[Account]) -> None:
    [result] = unlocks(three[:1])

    assert result == BulkResult(
        account=three[0],
        outcome=BulkOutcome.UNLOCKED,
        event_id=Event.objects.get().id,
    )


def test_accounts_that_are_not_selected_stay_locked(three: list[Account]) -> None:
    list(unlocks(three[::2]))

    assert locked(three) == ["ben"]


def test_no_account_is_no_act() -> None:
    assert list(unlocks([])) == []


def test_act_begins_when_its_result_is_asked_for(three: list[Account]) -> None:
    next(unlocks(three))

    assert locked(three) == ["ben", "cat"]


# --- A conflict ---------------------------------------------------------------------------------
@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(
    ("alter", "sentence"),
    [
        (lambda account: change(account, failed_auth_count=4), "locked again"),
        (lambda account: change(account, **CLEARED), "A sign-in or another tool"),
        (delete, "deleted"),
    ],
    ids=["locked again", "cleared", "deleted"],
)
def test_conflict_is_explained_and_does_not_stop_the_others(
    three: list[Account], number: int, alter: Callable[[Account], None], sentence: str
) -> None:
    alter(three[number])
    results = list(unlocks(three))

    assert [result.outcome == "conflict" for result in results].index(True) == number
    assert outcomes(results).count("unlocked") == 2
    assert sentence in results[number].sentence
    assert sorted(outcome for outcome, _ in audit_rows()) == ["failure", "success", "success"]


def test_second_time_changes_nothing(three: list[Account]) -> None:
    list(unlocks(three))
    results = list(unlocks(three))

    assert outcomes(results) == ["conflict"] * 3
    assert all("olga (Default) unlocked it on" in result.sentence for result in results)


# --- A failure ----------------------------------------------------------------------------------
def refuse_update(monkeypatch: pytest.MonkeyPatch, account: Account) -> None:
    before_update(monkeypatch, down, of=account)


def refuse_row(monkeypatch: pytest.MonkeyPatch, account: Account) -> None:
    save = Event.save

    def fill(event: Event, **options: Any) -> None:
        if event.target_name == account.name:
            raise OperationalError("the disk of the audit log is full")
        save(event, **options)

    monkeypatch.setattr(Event, "save", fill)


def lose_outcome(monkeypatch: pytest.MonkeyPatch, account: Account) -> None:
    before_update(
        monkeypatch, lambda: monkeypatch.setattr(Event.objects, "filter", down), of=account
    )


def lose_conflict(monkeypatch: pytest.MonkeyPatch, account: Account) -> None:
    def clear_and_lose() -> None:
        change(account, **CLEARED)
        monkeypatch.setattr(Event.objects, "filter", down)

    before_update(monkeypatch, clear_and_lose, of=account)


def hide_conflict(monkeypatch: pytest.MonkeyPatch, account: Account) -> None:
    change(account, failed_auth_count=4)
    break_reads(monkeypatch)


@pytest.mark.parametrize(
    ("fail", "sentence", "rows", "still_locked"),
    [
        (refuse_update, "Can't connect to MySQL server. Nothing was changed", 2, ["ben", "cat"]),
        (
            refuse_row,
            "Nothing was changed: pciops does nothing that it can't record",
            1,
            ["ben", "cat"],
        ),
        (lose_outcome, "may have been done (success)", 2, ["cat"]),
        (lose_conflict, "may have been done (failure)", 2, ["cat"]),
        (hide_conflict, "gone away. Nothing was changed", 2, ["ben", "cat"]),
    ],
)
def test_failure_of_one_ends_the_rest(
    three: list[Account],
    monkeypatch: pytest.MonkeyPatch,
    fail: Callable[[pytest.MonkeyPatch, Account], None],
    sentence: str,
    rows: int,
    still_locked: list[str],
) -> None:
    fail(monkeypatch, three[1])
    results = list(unlocks(three))
    monkeypatch.undo()

    assert outcomes(results) == ["unlocked", "failed", "not_tried"]
    assert sentence in results[1].sentence
    assert locked(three) == still_locked
    assert Event.objects.count() == rows
