"""An unlock: one act, one row in the trail."""

from __future__ import annotations

import pytest

from pciops.accounts.account import Account, Failures
from pciops.audit.models import Event
from tests.actions.acts import first, read, trail, unlock
from tests.factories import make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

Outcome = Event.Outcome


def test_an_unlock_clears_the_failures(account: Account) -> None:
    unlock(account)

    assert read(account.id).failures == Failures(failed_auth_count=0, failed_auth_at=None)


def test_an_unlock_is_one_row_in_the_trail(account: Account) -> None:
    event = unlock(account)

    assert event.outcome == Outcome.SUCCESS
    assert trail() == [("success", "")]


def test_the_trail_names_who_why_and_what_was_seen(account: Account) -> None:
    row = Event.objects.get(pk=unlock(account).pk)

    assert (row.initiator, row.reason, row.identity) == ("olga (Default)", "called", "callback")
    assert (row.target_id, row.precondition) == (account.id, "3@2026-11-22T14:00:11+00:00")


def test_the_intent_is_in_the_trail_before_the_update(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    before: list[tuple[str, str]] = []
    first(monkeypatch, lambda: before.extend(trail()))
    unlock(account)

    assert before == [("pending", "")]


def test_a_lock_without_an_instant_is_unlocked_too() -> None:
    account = read(make_user(failed_auth_count=3, failed_auth_at=None).id)

    assert unlock(account).outcome == Outcome.SUCCESS
