"""A locked account, a token of an administrator, and no waiting."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pciops.accounts.account import Account
from tests.actions.acts import read
from tests.factories import NOW, make_locked_user
from tests.fake_keystone import FakeKeystone
from tests.fake_keystone import fake_keystone as fake_keystone
from tests.fake_users import keystone_users as keystone_users
from tests.signin.visit import clock as clock


@pytest.fixture
def account() -> Account:
    """A locked account."""
    return read(make_locked_user("ann", at=NOW - timedelta(minutes=2)).id)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pciops.actions.unlock.time.sleep", lambda seconds: None)
    monkeypatch.setattr("pciops.actions.patch.time.sleep", lambda seconds: None)


@pytest.fixture
def admin(fake_keystone: FakeKeystone) -> str:
    """A token of an administrator."""
    return fake_keystone.issue(fake_keystone.person(), "system")
