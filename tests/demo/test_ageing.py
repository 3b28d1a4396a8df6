"""Days that are written into the demo's Keystone database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pciops.demo import ageing
from pciops.demo.people import ACCOUNTS

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
# The columns that the demo touches, as Keystone's migrations declare them.
SCHEMA = """
CREATE TABLE project (id TEXT, name TEXT);
CREATE TABLE user (id TEXT, enabled BOOLEAN, created_at DATETIME, last_active_at DATE);
CREATE TABLE local_user (
    id INTEGER, user_id TEXT, domain_id TEXT, name TEXT,
    failed_auth_count INTEGER, failed_auth_at DATETIME);
CREATE TABLE password (
    id INTEGER, local_user_id INTEGER, created_at DATETIME, expires_at DATETIME,
    created_at_int BIGINT, expires_at_int BIGINT);
INSERT INTO project VALUES ('default', 'Default'), ('s', 'shop'), ('c', 'corp');
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Keystone's tables with a row of every account of the demo, as it was just made."""
    path = tmp_path / "keystone.sqlite3"
    domains = {"Default": "default", "shop": "s", "corp": "c"}
    names = [("Default", "admin"), *((account.domain, account.name) for account in ACCOUNTS)]
    with sqlite3.connect(path) as connection:
        connection.executescript(SCHEMA)
        for number, (domain, name) in enumerate(names):
            user, failed = f"u{number}", "2026-11-22 11:59:00.000000"
            connection.execute("INSERT INTO user VALUES (?, 0, NULL, NULL)", (user,))
            row = (number, user, domains[domain], name, 3, failed)
            connection.execute("INSERT INTO local_user VALUES (?, ?, ?, ?, ?, ?)", row)
            connection.execute(
                "INSERT INTO password VALUES (?, ?, 'x', 'x', 1, NULL), (?, ?, 'x', 'x', 2, NULL)",
                (2 * number, number, 2 * number + 1, number),
            )
    connection.close()
    return path


@pytest.fixture
def rows(database: Path) -> Iterator[sqlite3.Connection]:
    """The tables, to be read."""
    connection = sqlite3.connect(database)
    yield connection
    connection.close()


def row_of(rows: sqlite3.Connection, name: str) -> tuple[object, ...]:
    """Enabled, last active, newest password's creation and expiry, failures and the last."""
    found: tuple[object, ...] = rows.execute(
        "SELECT enabled, last_active_at, created_at_int, expires_at_int, failed_auth_count,"
        " failed_auth_at FROM local_user JOIN user ON user.id = user_id"
        " JOIN password ON local_user_id = local_user.id"
        " WHERE name = ? ORDER BY password.id DESC",
        (name,),
    ).fetchone()
    return found


def microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def test_an_account_gets_its_days(database: Path, rows: sqlite3.Connection) -> None:
    ageing.age_accounts(database, NOW)

    _, active, created, expires, count, _ = row_of(rows, "inventory-sync")
    assert active == (date(2026, 11, 22) - timedelta(days=204)).isoformat()
    assert isinstance(created, int)
    assert isinstance(expires, int)
    age = timedelta(microseconds=microseconds(NOW) - created)
    assert timedelta(days=260) <= age < timedelta(days=261)
    assert timedelta(microseconds=expires - created) == timedelta(days=90)
    assert count == 3


def test_only_the_newest_password_ages(database: Path, rows: sqlite3.Connection) -> None:
    ageing.age_accounts(database, NOW)

    old = rows.execute("SELECT count(*) FROM password WHERE created_at_int = 1").fetchone()
    assert old == (len(ACCOUNTS) + 1,)


def test_a_password_from_before_the_rule_never_expires(
    database: Path, rows: sqlite3.Connection
) -> None:
    ageing.age_accounts(database, NOW)

    assert row_of(rows, "placement")[3] is None


def test_only_a_lapsed_lock_is_moved_back(database: Path, rows: sqlite3.Connection) -> None:
    ageing.age_accounts(database, NOW)

    assert row_of(rows, "marco.rossi")[5] == "2026-11-22 07:00:00.000000"
    assert row_of(rows, "nova")[5] == "2026-11-22 11:59:00.000000"


def test_the_administrator_can_always_sign_in(database: Path, rows: sqlite3.Connection) -> None:
    ageing.keep_administrator(database, NOW)

    enabled, active, _, expires, count, last = row_of(rows, "admin")
    assert (enabled, active, count, last) == (1, "2026-11-22", 0, None)
    assert isinstance(expires, int)
    assert expires > microseconds(NOW + timedelta(days=60))


def test_an_account_that_has_not_been_made_is_left_out(
    database: Path, rows: sqlite3.Connection
) -> None:
    rows.execute("DELETE FROM local_user WHERE name IN ('admin', 'nova')")
    rows.commit()

    ageing.keep_administrator(database, NOW)
    ageing.age_accounts(database, NOW)

    assert ("Default", "nova") not in ageing.failures_so_far(database)


def test_failures_are_read_back_with_their_time(database: Path) -> None:
    so_far = ageing.failures_so_far(database)

    assert so_far["corp", "chen.wei"] == (3, datetime(2026, 11, 22, 11, 59, tzinfo=UTC))
