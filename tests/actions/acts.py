"""What the tests of an unlock share: doing it, and doing something else meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from pciops.accounts import selectors
from pciops.accounts.account import Account
from pciops.accounts.verdict import judge
from pciops.actions import unlock as action
from pciops.actions.act import Act, ActRequest, ConflictError
from pciops.audit.models import Event
from pciops.keystone.models import LocalUser, User
from pciops.keystone.unlock import clear_failures
from tests.factories import NOW, POLICY, make_initiator


def read(user_id: str) -> Account:
    """The account as it is."""
    found = selectors.get(user_id, scope=None)
    assert found is not None
    return found


def unlock(account: Account, **facts: Any) -> Event:
    """Unlock as olga, who saw the account as it is given, apart from the facts given."""
    usual: dict[str, Any] = {
        "seen": account.failures,
        "policy": POLICY,
        "initiator": make_initiator(),
        "reason": "called",
        "identity": Event.Identity.CALLBACK,
        "now": NOW,
    }
    return action.unlock(account, **{**usual, **facts})


def order(act: Act, account: Account, token_id: str = "", **facts: Any) -> ActRequest:
    """An order of olga, who saw the account as it is given, apart from the facts given."""
    usual: dict[str, Any] = {
        "initiator": make_initiator(),
        "reason": "INC-4711",
        "identity": "callback" if "identity" in act.asks else "",
        "seen": act.seen(judge(account, POLICY, NOW)),
        "policy": POLICY,
        "now": NOW,
        "token_id": token_id,
    }
    if "owner" in act.asks:
        usual |= {"owner": "network team", "ends_on": NOW.date() + timedelta(days=30)}
    return ActRequest(**{**usual, **facts})


def refused(account: Account, **facts: Any) -> ConflictError:
    """The conflict that an unlock ends in."""
    with pytest.raises(ConflictError) as raised:
        unlock(account, **facts)
    return raised.value


def change(account: Account, **columns: Any) -> None:
    """Change the row of an account behind everybody's back."""
    LocalUser.objects.using("keystone").filter(user_id=account.id).update(**columns)


def delete(account: Account) -> None:
    """Delete the account in Keystone."""
    user = User.objects.using("keystone").get(id=account.id)
    local = LocalUser.objects.using("keystone").get(user_id=user.id)
    with connections["keystone"].cursor() as cursor:
        cursor.execute("DELETE FROM password WHERE local_user_id = %s", [local.pk])
        cursor.execute("DELETE FROM local_user WHERE id = %s", [local.pk])
        cursor.execute('DELETE FROM "user" WHERE id = %s', [user.id])


def first(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let somebody act in the moment between an operator's look and the UPDATE."""

    def late(user_id: str, **failures: Any) -> bool:
        act()
        return clear_failures(user_id, **failures)

    monkeypatch.setattr(action, "clear_failures", late)


def trail() -> list[tuple[str, str]]:
    """Outcome and remark of every row, oldest first."""
    return list(Event.objects.order_by("event_time", "settled_at").values_list("outcome", "remark"))
