"""An unlock while our own database, where the trail is, does not answer."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from pciops.accounts.account import Account
from pciops.actions import unlock as action
from pciops.audit.models import Event
from pciops.audit.services import AuditLogError
from pciops.keystone.unlock import clear_failures
from tests.actions.acts import read, unlock

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def down(*_: Any, **__: Any) -> NoReturn:
    """What the driver raises."""
    raise OperationalError(2003, "Can't connect to MySQL server")


@pytest.fixture
def no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our database takes no row."""
    monkeypatch.setattr(Event, "save", down)


@pytest.fixture
def no_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our database goes away after the UPDATE in Keystone's."""

    def clear(user_id: str, **failures: Any) -> bool:
        done = clear_failures(user_id, **failures)
        monkeypatch.setattr(Event.objects, "filter", down)
        return done

    monkeypatch.setattr(action, "clear_failures", clear)


@pytest.mark.usefixtures("no_row")
def test_without_a_row_in_the_trail_nothing_is_unlocked(account: Account) -> None:
    with pytest.raises(AuditLogError):
        unlock(account)

    assert read(account.id).failures == account.failures


@pytest.mark.usefixtures("no_row")
def test_the_sentence_says_that_nothing_was_changed(account: Account) -> None:
    with pytest.raises(AuditLogError, match=r"does not answer\. Nothing was changed"):
        unlock(account)


@pytest.mark.usefixtures("no_outcome")
def test_an_outcome_that_cannot_be_written_leaves_the_row_pending(account: Account) -> None:
    with pytest.raises(AuditLogError):
        unlock(account)

    assert Event.objects.get().outcome == Event.Outcome.PENDING


@pytest.mark.usefixtures("no_outcome")
def test_the_sentence_says_that_the_act_may_have_been_done(account: Account) -> None:
    with pytest.raises(AuditLogError, match=r"may have been done \(success\)"):
        unlock(account)


@pytest.mark.usefixtures("no_row")
def test_the_command_ends_with_the_sentence(account: Account) -> None:
    with pytest.raises(CommandError, match="pciops' own database does not answer"):
        call_command("unlock", account.id, reason="worst day")
