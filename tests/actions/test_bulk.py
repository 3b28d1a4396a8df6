"""Several unlocks: each ends by itself, and what fails for one ends the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError

from pciops.accounts import selectors
from pciops.accounts.account import Account
from pciops.actions import unlock as action
from pciops.actions.bulk import Choice, Outcome, Result, unlock_all
from pciops.audit.models import Event
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.keystone.unlock import clear_failures
from tests.actions.acts import change, delete, read, trail
from tests.actions.test_trail_down import down
from tests.factories import NOW, POLICY, make_initiator, make_locked_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture
def three() -> list[Account]:
    """Ann, Ben and Cat, who are locked."""
    at = NOW - timedelta(minutes=2)
    return [read(make_locked_user(name, at=at).id) for name in ("ann", "ben", "cat")]


def unlocks(accounts: list[Account]) -> Iterator[Result]:
    """Unlocks of them all by olga, who saw them as they are given."""
    return unlock_all(
        [Choice(account=account, seen=account.failures) for account in accounts],
        policy=POLICY,
        initiator=make_initiator(),
        reason="called",
        identity=Event.Identity.CALLBACK,
        now=NOW,
    )


def unlock(accounts: list[Account]) -> list[Result]:
    """Unlock them all."""
    return list(unlocks(accounts))


def outcomes(results: list[Result]) -> list[str]:
    """How each ended, in order."""
    return [result.outcome.value for result in results]


def locked(accounts: list[Account]) -> list[str]:
    """The names of those whose failures are still there."""
    return [account.name for account in accounts if read(account.id).failed_auth_count]


def break_update(
    monkeypatch: pytest.MonkeyPatch, broken: Account, act: Callable[[], object]
) -> None:
    """Let something happen instead of the UPDATE of one of them."""

    def clear(user_id: str, **failures: Any) -> bool:
        if user_id == broken.id:
            act()
        return clear_failures(user_id, **failures)

    monkeypatch.setattr(action, "clear_failures", clear)


# --- It works -----------------------------------------------------------------------------------
def test_all_are_unlocked(three: list[Account]) -> None:
    assert outcomes(unlock(three)) == ["unlocked"] * 3
    assert locked(three) == []


def test_each_has_a_row_of_its_own_in_the_trail(three: list[Account]) -> None:
    unlock(three)

    assert set(Event.objects.values_list("target_id", "outcome", "reason", "identity")) == {
        (account.id, "success", "called", "callback") for account in three
    }


def test_a_result_names_its_account_and_its_act(three: list[Account]) -> None:
    [result] = unlock(three[:1])

    assert result == Result(
        account_id=three[0].id,
        name="ann",
        domain_name="Default",
        outcome=Outcome.UNLOCKED,
        event_id=Event.objects.get().id,
    )


def test_accounts_that_are_not_chosen_stay_locked(three: list[Account]) -> None:
    unlock(three[::2])

    assert locked(three) == ["ben"]


def test_no_account_is_no_act() -> None:
    assert unlock([]) == []


def test_an_act_begins_when_its_result_is_asked_for(three: list[Account]) -> None:
    next(unlocks(three))

    assert locked(three) == ["ben", "cat"]


# --- A conflict ---------------------------------------------------------------------------------
def test_a_conflict_in_the_middle_does_not_stop_the_others(three: list[Account]) -> None:
    change(three[1], failed_auth_count=4)

    assert outcomes(unlock(three)) == ["unlocked", "conflict", "unlocked"]
    assert locked(three) == ["ben"]


def test_a_conflict_is_explained(three: list[Account]) -> None:
    change(three[1], failed_auth_count=0, failed_auth_at=None)

    assert unlock(three)[1].sentence == (
        "The account is not locked. A sign-in or another tool has cleared its failures."
    )


def test_a_conflict_is_a_failure_in_the_trail(three: list[Account]) -> None:
    change(three[1], failed_auth_count=4)
    unlock(three)

    assert sorted(outcome for outcome, _ in trail()) == ["failure", "success", "success"]


def test_an_account_that_was_deleted_does_not_stop_the_others(three: list[Account]) -> None:
    delete(three[0])
    results = unlock(three)

    assert outcomes(results) == ["conflict", "unlocked", "unlocked"]
    assert results[0].sentence == "The account was deleted in Keystone."


def test_a_second_time_changes_nothing(three: list[Account]) -> None:
    unlock(three)
    results = unlock(three)

    assert outcomes(results) == ["conflict"] * 3
    assert all("olga (Default) unlocked it on" in result.sentence for result in results)


# --- A failure ----------------------------------------------------------------------------------
def test_an_update_that_is_refused_ends_the_rest(
    three: list[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_update(monkeypatch, three[1], down)
    results = unlock(three)

    assert outcomes(results) == ["unlocked", "failed", "not_tried"]
    assert results[1].sentence == (
        "Keystone's database refused: Can't connect to MySQL server. Nothing was changed."
    )
    assert locked(three) == ["ben", "cat"]


def test_what_was_not_tried_is_not_in_the_trail(
    three: list[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_update(monkeypatch, three[0], down)
    unlock(three)

    assert [event.target_name for event in Event.objects.all()] == ["ann"]


def test_a_trail_that_takes_no_row_ends_the_rest(
    three: list[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Event.save

    def fill(event: Event, **options: Any) -> None:
        if event.target_name == "ben":
            raise OperationalError("the trail's disk is full")
        save(event, **options)

    monkeypatch.setattr(Event, "save", fill)
    results = unlock(three)

    assert outcomes(results) == ["unlocked", "failed", "not_tried"]
    assert "Nothing was changed: there is no act without a row" in results[1].sentence
    assert locked(three) == ["ben", "cat"]


def test_a_trail_that_goes_away_after_the_update_says_that_it_may_be_done(
    three: list[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    break_update(monkeypatch, three[1], lambda: monkeypatch.setattr(Event.objects, "filter", down))
    results = unlock(three)

    assert outcomes(results) == ["unlocked", "failed", "not_tried"]
    assert "may have been done (success)" in results[1].sentence


def test_a_trail_that_goes_away_within_a_conflict_ends_the_rest(
    three: list[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    def clear_and_lose() -> None:
        change(three[1], failed_auth_count=0, failed_auth_at=None)
        monkeypatch.setattr(Event.objects, "filter", down)

    break_update(monkeypatch, three[1], clear_and_lose)
    results = unlock(three)

    assert outcomes(results) == ["unlocked", "failed", "not_tried"]
    assert "may have been done (failure)" in results[1].sentence


def test_a_conflict_that_cannot_be_looked_up_ends_the_rest(
    three: list[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(user_id: str, *, scope: str | None) -> None:
        raise KeystoneDatabaseDownError("gone away")

    change(three[1], failed_auth_count=4)
    monkeypatch.setattr(selectors, "get", fail)
    results = unlock(three)

    assert outcomes(results) == ["unlocked", "failed", "not_tried"]
    assert results[1].sentence == (
        "Keystone's database does not answer: gone away. Nothing was changed."
    )
