"""Gives the demo's accounts their age: the one thing that cannot be done through Keystone's API.

Nobody can wait ninety days for a demo, and Keystone takes no date from outside. So days are
written into the demo's own SQLite file, in Keystone's columns and formats. Locks are not: those
are made by real failed sign-ins (failures.py), and moved back by minutes; a lapsed one by hours.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zlib import crc32

from pciops.demo.account import POLICY, Account, History
from pciops.demo.people import ACCOUNTS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAPSED = timedelta(hours=5)
_PASSWORD_LIFE = timedelta(days=int(POLICY["password_expires_days"]))
_ADMINISTRATOR = Account(
    domain="Default", name="admin", history=History(created=930, active=0, password=20)
)


def age_accounts(database: Path, now: datetime, *, failed: Collection[Account] = ()) -> None:
    """Give every account that has been made the age that its history tells, counted from now.

    Args:
        failed: those whose failures are of this start.
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


def last_failure(account: Account, now: datetime) -> datetime:
    """When the last failure was that counts; the tries after it are over by now."""
    if account.history.lapsed:
        return now - LAPSED
    source = account.history.source
    ago = crc32(account.name.encode()) % (60 if source.every >= 60 else 480)  # not all at once
    return now - timedelta(seconds=ago + source.every * source.later)


def keep_administrator(database: Path, now: datetime) -> None:
    """Open the demo's own way in, whatever has been tried at it: enabled, unlocked, not expired."""
    with _open(database) as connection:
        if user_id := _age(connection, _ADMINISTRATOR, now):
            connection.execute("UPDATE user SET enabled = 1 WHERE id = ?", (user_id,))
            connection.execute(
                "UPDATE local_user SET failed_auth_count = 0, failed_auth_at = NULL"
                " WHERE user_id = ?",
                (user_id,),
            )


def failures_so_far(database: Path) -> dict[tuple[str, str], tuple[int, datetime | None]]:
    """The count of failed sign-ins and the last of each account, by domain and name."""
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
    """A connection whose work is done as a whole or not at all."""
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        yield connection


def _age(connection: sqlite3.Connection, account: Account, now: datetime) -> str | None:
    """Write one account's days; returns its id, None where it has not been made yet."""
    found = connection.execute(
        "SELECT local_user.id, local_user.user_id FROM local_user"
        " JOIN project ON project.id = local_user.domain_id"
        " WHERE project.name = ? AND local_user.name = ?",
        (account.domain, account.name),
    ).fetchone()
    if found is None:
        return None
    local_user_id, user_id = found
    history = account.history
    active = None if history.active is None else (now - timedelta(days=history.active)).date()
    connection.execute(
        "UPDATE user SET created_at = ?, last_active_at = ? WHERE id = ?",
        (_text(moment(account, history.created, now)), active and active.isoformat(), user_id),
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
    """Newest password: each of its times is kept twice, the number being the one that counts."""
    history = account.history
    created = moment(account, history.password, now)
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


def moment(account: Account, days: int, now: datetime) -> datetime:
    """So many days ago, at a time of day that is the account's own: not all were made at once."""
    return now - timedelta(days=days, seconds=crc32(account.name.encode()) % 40_000)


def _text(moment: datetime) -> str:
    """As SQLAlchemy writes a naive UTC datetime into SQLite."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
