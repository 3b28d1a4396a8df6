"""Requests of acts, and changes of Keystone's rows that happen at the same time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NoReturn

import pytest
from django.db import OperationalError, connections

from pciops.accounts import selectors
from pciops.accounts.account import Account
from pciops.accounts.verdict import judge
from pciops.actions import unlock as unlock_module
from pciops.actions.act import Act, ActRequest, ActResult, Conflict
from pciops.actions.authority import Authority
from pciops.actions.unlock import UNLOCK
from pciops.audit.models import Event
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.keystone.models import LocalUser, User
from pciops.keystone.unlock import clear_failures
from tests.factories import NOW, POLICY, make_initiator

# Of an administrator of the whole cloud, and of others.
CLOUD = Authority(user_id="id of olga", administers=True, domain_id=None)


def read(user_id: str) -> Account:
    """Return the account as it is."""
    account = selectors.get(user_id, scope=None)
    assert account is not None
    return account


def make_request(act: Act, account: Account, token_id: str = "", **facts: Any) -> ActRequest:
    """Return a request of olga, who saw the account as it is given, apart from the facts given."""
    usual: dict[str, Any] = {
        "initiator": make_initiator(),
        "authority": CLOUD,
        "reason": "INC-4711",
        "identity": "callback" if "identity" in act.asks else "",
        "precondition": act.precondition(judge(account, POLICY, NOW)),
        "token_id": token_id,
    }
    if "owner" in act.asks:
        usual |= {"owner": "network team", "ends_on": NOW.date() + timedelta(days=30)}
    return ActRequest(**{**usual, **facts})


def perform(
    act: Act, account: Account, token_id: str = "", *, now: datetime = NOW, **facts: Any
) -> ActResult:
    """Perform an act for olga on the account as it is given."""
    request = make_request(act, account, token_id, **facts)
    return act.perform(judge(account, POLICY, now), request)


def unlock(account: Account, **facts: Any) -> ActResult:
    """Unlock the account for olga."""
    return perform(UNLOCK, account, **facts)


def conflict(account: Account, **facts: Any) -> Conflict:
    """Return the conflict that an unlock ends in."""
    result = unlock(account, **facts)
    assert isinstance(result, Conflict)
    return result


def change(account: Account, **columns: Any) -> None:
    """Change the account's row in Keystone's database."""
    LocalUser.objects.using("keystone").filter(user_id=account.id).update(**columns)


def delete(account: Account) -> None:
    """Delete the account in Keystone."""
    user = User.objects.using("keystone").get(id=account.id)
    local = LocalUser.objects.using("keystone").get(user_id=user.id)
    with connections["keystone"].cursor() as cursor:
        cursor.execute("DELETE FROM password WHERE local_user_id = %s", [local.pk])
        cursor.execute("DELETE FROM local_user WHERE id = %s", [local.pk])
        cursor.execute('DELETE FROM "user" WHERE id = %s', [user.id])


def before_update(
    monkeypatch: pytest.MonkeyPatch, action: Callable[[], object], *, of: Account | None = None
) -> None:
    """Call the action right before the UPDATE of an unlock, or only of this account's."""

    def late(user_id: str, **failures: Any) -> bool:
        if of is None or user_id == of.id:
            action()
        return clear_failures(user_id, **failures)

    monkeypatch.setattr(unlock_module, "clear_failures", late)


def down(*_: Any, **__: Any) -> NoReturn:
    """Raise what the driver raises when a database is away."""
    raise OperationalError(2003, "Can't connect to MySQL server")


def break_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every read of Keystone's database end in an outage."""

    def fail(user_id: str, *, scope: str | None) -> None:
        raise KeystoneDatabaseDownError("gone away")

    monkeypatch.setattr(selectors, "get", fail)


def audit_rows() -> list[tuple[str, str]]:
    """Return outcome and remark of every row of the audit log, the oldest first."""
    return list(Event.objects.order_by("event_time", "settled_at").values_list("outcome", "remark"))
