"""Keystone's users for tests: a PATCH changes the tables as Keystone's own model does.

The rules are those of User.enabled and update_user in keystone.identity.backends;
tests/live/test_acts.py compares them with a real Keystone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from pciops.accounts import selectors
from pciops.accounts.states import DISABLED, INACTIVE
from pciops.accounts.verdict import judge
from pciops.keystone import options
from pciops.keystone.models import LocalUser, User, UserOption
from tests.factories import POLICY
from tests.fake_keystone import Answer, FakeKeystone

IDS = {name: option for option, name in options.EXEMPTIONS.items()}


@dataclass
class FakeUsers:
    """The effect of a PATCH, with hooks for tests."""

    before: Callable[[], object] | None = None  # called between the read and the change
    answer: Answer | None = None  # instead of 200
    works: bool = True  # whether the tables are changed

    def patch(self, user_id: str, changes: dict[str, Any]) -> Answer | None:
        """Handle a PATCH, in the thread of the server."""
        if self.before:
            self.before()
        if self.works:
            _change(user_id, changes)
        return self.answer


def _change(user_id: str, changes: dict[str, Any]) -> None:
    account = selectors.get(user_id, scope=None)
    assert account is not None
    states = judge(account, POLICY, timezone.now()).states
    enabled = changes.get("enabled", DISABLED not in states and INACTIVE not in states)
    users = User.objects.using("keystone").filter(id=user_id)
    users.update(enabled=enabled)
    if enabled:
        users.update(last_active_at=timezone.now().date())
        local = LocalUser.objects.using("keystone").filter(user_id=user_id)
        local.update(failed_auth_count=0, failed_auth_at=None)
    for name, value in changes.get("options", {}).items():
        rows = UserOption.objects.using("keystone")
        with connections["keystone"].cursor() as cursor:
            cursor.execute(
                "DELETE FROM user_option WHERE user_id = %s AND option_id = %s",
                [user_id, IDS[name]],
            )
        if value is not None:
            rows.create(user_id=user_id, option_id=IDS[name], option_value=json.dumps(value))


@contextmanager
def shared_connection(alias: str) -> Iterator[Callable[[], None]]:
    """Let another thread use this thread's connection while this one waits."""
    connection = connections[alias]
    connection.inc_thread_sharing()

    def use() -> None:
        connections[alias] = connection

    try:
        yield use
    finally:
        connection.dec_thread_sharing()


@pytest.fixture
def keystone_users(fake_keystone: FakeKeystone, db: None) -> Iterator[FakeUsers]:
    """Users that the fake Keystone changes."""
    users = FakeUsers()
    with shared_connection("keystone") as use, shared_connection("default") as use_ours:

        def on_patch(user_id: str, changes: dict[str, Any]) -> Answer | None:
            use()
            use_ours()
            return users.patch(user_id, changes)

        fake_keystone.on_patch = on_patch
        yield users
