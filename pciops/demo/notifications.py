"""Gives the notifications of the demo's own doings their age, as ageing.py gives it the accounts.

They are real: Keystone has sent each of them a moment ago. Only when they happened is changed, so
that a script has failed every minute and a guesser every two seconds, as in life.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pciops.demo.account import Account, Source
from pciops.demo.ageing import last_failure, moment
from pciops.demo.people import SPRAYER, TYPIST

KEPT: Final = timedelta(days=395)  # what is older would be removed at once
_SPRAYED: Final = timedelta(minutes=2)
_MISTYPED: Final = timedelta(minutes=41)
_OURS: Final = "127.0.0.1"

Message = dict[str, Any]


def age(
    path: Path, accounts: Mapping[str, Account], failed: Collection[Account], now: datetime
) -> None:
    """Change the instants in this file, which Keystone only appends to.

    Args:
        accounts: by id.
        failed: those whose failures are of this start.
    """
    messages = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    series: dict[str, list[Message]] = defaultdict(list)
    kept = []
    for message in messages:
        if name := _series(message, accounts, failed):
            series[name].append(message)
        elif at := _made(message, accounts, now):
            if at < now - KEPT:
                continue
            message["payload"]["eventTime"] = at.isoformat()
        kept.append(message)
    ends = _ends(failed, now)
    for name, found in series.items():
        end, every = ends(name)
        for number, message in enumerate(reversed(found)):
            message["payload"]["eventTime"] = (end - number * every).isoformat()
    # In place: Keystone has it open.
    path.write_text("".join(f"{json.dumps(message)}\n" for message in kept), encoding="utf-8")


def _series(message: Message, accounts: Mapping[str, Account], failed: Collection[Account]) -> str:
    """Which tries this one belongs to; "" for none."""
    if message["event_type"] != "identity.authenticate":
        return ""
    source, account = _source(message), accounts.get(_doer(message))
    if source == SPRAYER.address:
        return SPRAYER.address
    if source == _OURS or account is None:
        return ""
    return account.name if account in failed or account.name == TYPIST else ""


def _ends(
    failed: Collection[Account], now: datetime
) -> Callable[[str], tuple[datetime, timedelta]]:
    """When each series ended, and how far its tries are apart."""
    ends = {account.name: _end(account, now) for account in failed}
    ends[SPRAYER.address] = (now - _SPRAYED, timedelta(seconds=SPRAYER.every))
    ends.setdefault(TYPIST, (now - _MISTYPED, timedelta(seconds=14)))
    return ends.__getitem__


def _end(account: Account, now: datetime) -> tuple[datetime, timedelta]:
    source: Source = account.history.source
    every = timedelta(seconds=source.every)
    return last_failure(account, now) + source.later * every, every


def _made(message: Message, accounts: Mapping[str, Account], now: datetime) -> datetime | None:
    """When the account was made that this is about, where it was part of its making."""
    payload, kind = message["payload"], message["event_type"]
    user_id = {
        "identity.user.created": payload.get("resource_info"),
        "identity.role_assignment.created": payload.get("user"),
        "identity.application_credential.created": _doer(message),
        "identity.authenticate": _doer(message) if _source(message) == _OURS else None,
    }.get(kind)
    account = accounts.get(str(user_id))
    return moment(account, account.history.created, now) if account else None


def _source(message: Message) -> str:
    return str(message["payload"]["initiator"].get("host", {}).get("address", ""))


def _doer(message: Message) -> str:
    return str(message["payload"]["initiator"].get("user_id", ""))
