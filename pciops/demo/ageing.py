"""Gives the demo's accounts, and Keystone's notifications of them, their age.

Keystone's API takes no dates, so days are written into the demo's own SQLite file, in Keystone's
columns and formats, and event times into the file of notifications. Locks and notifications
themselves are real: they come from failed sign-ins a moment ago (failures.py), moved back by
minutes, or by hours for a lapsed lock.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from pciops.demo.account import DESK, POLICY, Account, History
from pciops.demo.people import ACCOUNTS, COLLEAGUES, SPRAYER, TYPIST

LAPSED: Final = timedelta(hours=5)
KEPT: Final = timedelta(days=395)  # older notifications would be removed at once
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PASSWORD_LIFE: Final = timedelta(days=int(POLICY["password_expires_days"]))
_SPRAYED: Final = timedelta(minutes=2)
_MISTYPED: Final = timedelta(minutes=41)
_LOOPBACK: Final = "127.0.0.1"  # source of the demo's own calls
_ADMINISTRATOR: Final = Account(
    domain="Default", name="admin", history=History(created=930, active=0, password=20)
)

Message = dict[str, Any]


def days_ago(account: Account, days: int, now: datetime) -> datetime:
    """Return a time that many days ago, at a time of day that depends on the account."""
    return now - timedelta(days=days, seconds=crc32(account.name.encode()) % 40_000)


def last_failure(account: Account, now: datetime) -> datetime:
    """Return the time of the last failure that counts; the attempts after it are over by now."""
    if account.history.lapsed:
        return now - LAPSED
    source = account.history.source
    ago = crc32(account.name.encode()) % (60 if source.every >= 60 else 480)  # not all at once
    return now - timedelta(seconds=ago + source.every * source.later)


# --- Accounts -----------------------------------------------------------------------------------
def age_accounts(database: Path, now: datetime, *, failed: Collection[Account] = ()) -> None:
    """Give every account that exists the age of its history.

    Args:
        failed: accounts that failed to sign in during this start.
    """
    with _open(database) as connection:
        for account in ACCOUNTS:
            user_id = _age(connection, account, now)
            if account in failed:
                connection.execute(
                    "UPDATE local_user SET failed_auth_at = ?"
                    " WHERE user_id = ? AND failed_auth_count > 0",
                    (_text(last_failure(account, now)), user_id),
                )


def keep_administrator(database: Path, now: datetime) -> None:
    """Make the administrator enabled, unlocked and not expired, whatever happened before."""
    with _open(database) as connection:
        if user_id := _age(connection, _ADMINISTRATOR, now):
            connection.execute("UPDATE user SET enabled = 1 WHERE id = ?", (user_id,))
            connection.execute(
                "UPDATE local_user SET failed_auth_count = 0, failed_auth_at = NULL"
                " WHERE user_id = ?",
                (user_id,),
            )


def failures_so_far(database: Path) -> dict[tuple[str, str], tuple[int, datetime | None]]:
    """Return the count and the time of the last failure, by domain and name of the account."""
    with _open(database) as connection:
        rows = connection.execute(
            "SELECT project.name, local_user.name, failed_auth_count, failed_auth_at"
            " FROM local_user JOIN project ON project.id = local_user.domain_id"
        ).fetchall()
    return {
        (domain, name): (
            count or 0,
            datetime.fromisoformat(last).replace(tzinfo=UTC) if last else None,
        )
        for domain, name, count, last in rows
    }


@contextmanager
def _open(database: Path) -> Iterator[sqlite3.Connection]:
    """Connect, and commit all changes or none."""
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        yield connection


def _age(connection: sqlite3.Connection, account: Account, now: datetime) -> str | None:
    """Write an account's days and return its id; None if it does not exist."""
    row = connection.execute(
        "SELECT local_user.id, local_user.user_id FROM local_user"
        " JOIN project ON project.id = local_user.domain_id"
        " WHERE project.name = ? AND local_user.name = ?",
        (account.domain, account.name),
    ).fetchone()
    if row is None:
        return None
    local_user_id, user_id = row
    history = account.history
    active = None if history.active is None else (now - timedelta(days=history.active)).date()
    connection.execute(
        "UPDATE user SET created_at = ?, last_active_at = ? WHERE id = ?",
        (_text(days_ago(account, history.created, now)), active and active.isoformat(), user_id),
    )
    _age_password(connection, account, local_user_id, now)
    if history.lapsed:
        connection.execute(
            "UPDATE local_user SET failed_auth_at = ? WHERE id = ? AND failed_auth_count > 0",
            (_text(now - LAPSED), local_user_id),
        )
    return str(user_id)


def _age_password(
    connection: sqlite3.Connection, account: Account, local_user_id: int, now: datetime
) -> None:
    """Write the times of the newest password, in both forms that Keystone stores."""
    history = account.history
    created = days_ago(account, history.password, now)
    expires = created + _PASSWORD_LIFE if history.expires else None
    connection.execute(
        "UPDATE password SET created_at = ?, created_at_int = ?, expires_at = ?, expires_at_int = ?"
        " WHERE id = (SELECT id FROM password WHERE local_user_id = ?"
        " ORDER BY created_at_int DESC, id DESC LIMIT 1)",
        (
            _text(created),
            _microseconds(created),
            expires and _text(expires),
            expires and _microseconds(expires),
            local_user_id,
        ),
    )


def _text(time: datetime) -> str:
    """Return the time as SQLAlchemy writes a naive UTC datetime into SQLite."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)


# --- Notifications ------------------------------------------------------------------------------
def age_notifications(
    path: Path, accounts: Mapping[str, Account], failed: Collection[Account], now: datetime
) -> None:
    """Change the event times in this file, so that attempts follow each other at their pace.

    Args:
        accounts: by id.
        failed: accounts that failed to sign in during this start.
    """
    messages = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    series: dict[str, list[Message]] = defaultdict(list)
    kept = []
    for message in messages:
        if name := _series(message, accounts, failed):
            series[name].append(message)
        elif signed_in_at := _signed_in_at(message, accounts, now):
            message["payload"]["eventTime"] = signed_in_at.isoformat()
        elif made_at := _made_at(message, accounts, now):
            if made_at < now - KEPT:
                continue
            message["payload"]["eventTime"] = made_at.isoformat()
        kept.append(message)
    paces = _paces(failed, now)
    for name, attempts in series.items():
        end, every = paces[name]
        for number, message in enumerate(reversed(attempts)):
            message["payload"]["eventTime"] = (end - number * every).isoformat()
    # In place: Keystone has the file open and appends to it.
    path.write_text("".join(f"{json.dumps(message)}\n" for message in kept), encoding="utf-8")


def _series(message: Message, accounts: Mapping[str, Account], failed: Collection[Account]) -> str:
    """Return the series of attempts that the message belongs to; "" for none."""
    if message["event_type"] != "identity.authenticate":
        return ""
    address, account = _address(message), accounts.get(_initiator_id(message))
    if address == SPRAYER.address:
        return SPRAYER.address
    if address == _LOOPBACK or account is None:
        return ""
    return account.name if account in failed or account.name == TYPIST else ""


def _paces(failed: Collection[Account], now: datetime) -> dict[str, tuple[datetime, timedelta]]:
    """Return the end of each series, and the time between its attempts."""
    paces = {
        SPRAYER.address: (now - _SPRAYED, timedelta(seconds=SPRAYER.every)),
        TYPIST: (now - _MISTYPED, timedelta(seconds=14)),
    }
    for account in failed:
        every = timedelta(seconds=account.history.source.every)
        end = last_failure(account, now) + account.history.source.later * every
        paces[account.name] = (end, every)
    return paces


def _signed_in_at(
    message: Message, accounts: Mapping[str, Account], now: datetime
) -> datetime | None:
    """Return when a colleague signed in from the office; None for all other messages."""
    account = accounts.get(_initiator_id(message))
    if account is None or account.name not in COLLEAGUES or _address(message) != DESK.address:
        return None
    return now - timedelta(days=account.history.active or 0, minutes=52)


def _made_at(message: Message, accounts: Mapping[str, Account], now: datetime) -> datetime | None:
    """Return when the account was made, if the message is part of that; else None."""
    payload = message["payload"]
    user_id = {
        "identity.user.created": payload.get("resource_info"),
        "identity.role_assignment.created": payload.get("user"),
        "identity.application_credential.created": _initiator_id(message),
        "identity.authenticate": _initiator_id(message) if _address(message) == _LOOPBACK else None,
    }.get(message["event_type"])
    account = accounts.get(str(user_id))
    return days_ago(account, account.history.created, now) if account else None


def _address(message: Message) -> str:
    return str(message["payload"]["initiator"].get("host", {}).get("address", ""))


def _initiator_id(message: Message) -> str:
    return str(message["payload"]["initiator"].get("user_id", ""))
