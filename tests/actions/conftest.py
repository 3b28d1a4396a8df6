"""A locked account, and nobody to wait for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pciops.accounts.account import Account
from tests.actions.acts import read
from tests.factories import NOW, make_locked_user


@pytest.fixture
def account() -> Account:
    """An account that is locked."""
    return read(make_locked_user("ann", at=NOW - timedelta(minutes=2)).id)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is a moment away from settling an act."""
    monkeypatch.setattr("pciops.actions.unlock.time.sleep", lambda seconds: None)
