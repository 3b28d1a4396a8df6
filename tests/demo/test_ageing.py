"""The demo writes ages into Keystone's database and into its notifications."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pciops.demo import ageing
from pciops.demo.account import DESK, Account
from pciops.demo.ageing import LAPSED, days_ago, last_failure
from pciops.demo.people import ACCOUNTS, SPRAYER, STALE, TYPIST
from pciops.events.intake import cadf
from pciops.events.intake.cadf import SignIn

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
    """Keystone's tables with a new row for every account of the demo."""
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
    """A connection to those tables."""
    connection = sqlite3.connect(database)
    yield connection
    connection.close()


def row_of(rows: sqlite3.Connection, name: str) -> tuple[object, ...]:
    """Return enabled, last activity, creation and expiry of the newest password, failures."""
    row: tuple[object, ...] = rows.execute(
        "SELECT enabled, last_active_at, created_at_int, expires_at_int, failed_auth_count,"
        " failed_auth_at FROM local_user JOIN user ON user.id = user_id"
        " JOIN password ON local_user_id = local_user.id"
        " WHERE name = ? ORDER BY password.id DESC",
        (name,),
    ).fetchone()
    return row


def microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def test_an_account_gets_the_days_of_its_history(database: Path, rows: sqlite3.Connection) -> None:
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


def test_a_password_older_than_the_policy_does_not_expire(
    database: Path, rows: sqlite3.Connection
) -> None:
    ageing.age_accounts(database, NOW)

    assert row_of(rows, "placement")[3] is None


def test_only_a_lapsed_lock_is_moved_back(database: Path, rows: sqlite3.Connection) -> None:
    ageing.age_accounts(database, NOW)

    assert row_of(rows, "marco.rossi")[5] == "2026-11-22 07:00:00.000000"
    assert row_of(rows, "nova")[5] == "2026-11-22 11:59:00.000000"


def test_keep_administrator_enables_and_unlocks(database: Path, rows: sqlite3.Connection) -> None:
    ageing.keep_administrator(database, NOW)

    enabled, active, _, expires, count, last = row_of(rows, "admin")
    assert (enabled, active, count, last) == (1, "2026-11-22", 0, None)
    assert isinstance(expires, int)
    assert expires > microseconds(NOW + timedelta(days=60))


def test_missing_accounts_are_skipped(database: Path, rows: sqlite3.Connection) -> None:
    rows.execute("DELETE FROM local_user WHERE name IN ('admin', 'nova')")
    rows.commit()

    ageing.keep_administrator(database, NOW)
    ageing.age_accounts(database, NOW)

    assert ("Default", "nova") not in ageing.failures_so_far(database)


def test_failures_so_far_have_their_time(database: Path) -> None:
    so_far = ageing.failures_so_far(database)

    assert so_far["corp", "chen.wei"] == (3, datetime(2026, 11, 22, 11, 59, tzinfo=UTC))


# --- Notifications ------------------------------------------------------------------------------
NAMED = {account.name: account for account in ACCOUNTS}
IDS = {f"id of {account.name}": account for account in ACCOUNTS}


def attempt(name: str, address: str, *, kind: str = "identity.authenticate", **more: Any) -> str:
    """Return a line as Keystone writes it, of a moment ago."""
    initiator = {"user_id": f"id of {name}", "host": {"address": address, "agent": "x"}}
    payload = {
        "id": f"{name} {address} {kind} {more}",
        "typeURI": "http://schemas.dmtf.org/cloud/audit/1.0/event",
        "eventTime": NOW.isoformat(),
        "outcome": "failure",
        "initiator": initiator,
        **more,
    }
    return json.dumps({"event_type": kind, "payload": payload})


def aged(tmp_path: Path, *lines: str, failed: tuple[Account, ...] = ()) -> list[datetime]:
    """Return the event times of these lines after the ageing."""
    path = tmp_path / "lines"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    ageing.age_notifications(path, IDS, failed, NOW)
    messages = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [datetime.fromisoformat(message["payload"]["eventTime"]) for message in messages]


def test_attempts_of_a_script_are_a_minute_apart(tmp_path: Path) -> None:
    stale = NAMED["billing-sync"]
    number = stale.history.failures + STALE.later
    lines = [attempt("billing-sync", STALE.address) for _ in range(number)]
    times = aged(tmp_path, *lines, failed=(stale,))
    every = {later - earlier for earlier, later in zip(times, times[1:], strict=False)}

    assert every == {timedelta(seconds=STALE.every)}
    assert NOW - timedelta(minutes=1) < times[-1] <= NOW
    assert times[stale.history.failures - 1] == last_failure(stale, NOW)


def test_failures_of_an_earlier_start_keep_their_time(tmp_path: Path) -> None:
    assert aged(tmp_path, attempt("billing-sync", STALE.address)) == [NOW]


def test_a_lapsed_lock_is_hours_old(tmp_path: Path) -> None:
    lapsed = NAMED["marco.rossi"]
    [at] = aged(tmp_path, attempt("marco.rossi", DESK.address), failed=(lapsed,))

    assert at == NOW - LAPSED


def test_colleagues_signed_in_on_their_last_day(tmp_path: Path) -> None:
    [at] = aged(tmp_path, attempt("sofia.garcia", DESK.address, outcome="success"))

    assert at.date() == (NOW - timedelta(days=NAMED["sofia.garcia"].history.active or 0)).date()


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.name[:30])
def test_locks_are_recent_unless_they_lapsed(account: Account) -> None:
    if not account.history.lapsed:
        assert last_failure(account, NOW) >= NOW - timedelta(minutes=10)


def test_spraying_covers_accounts_and_unknown_names(tmp_path: Path) -> None:
    lines = [attempt("lucas.meyer", SPRAYER.address), attempt("nobody", SPRAYER.address)]
    first, second = aged(tmp_path, *lines)

    assert second - first == timedelta(seconds=SPRAYER.every)
    assert second < NOW


def test_typing_errors_are_over(tmp_path: Path) -> None:
    first, second, third = aged(tmp_path, *[attempt(TYPIST, DESK.address)] * 3)

    assert first < second < third < NOW - timedelta(minutes=30)


def test_an_account_is_created_on_its_day(tmp_path: Path) -> None:
    account = NAMED["chen.wei"]
    made = attempt(
        "admin", "127.0.0.1", kind="identity.user.created", resource_info="id of chen.wei"
    )
    granted = attempt(
        "admin", "127.0.0.1", kind="identity.role_assignment.created", user="id of chen.wei"
    )

    assert aged(tmp_path, made, granted) == [days_ago(account, account.history.created, NOW)] * 2


def test_notifications_older_than_the_retention_are_removed(tmp_path: Path) -> None:
    made = attempt("admin", "127.0.0.1", kind="identity.user.created", resource_info="id of nova")

    assert aged(tmp_path, made) == []


def test_the_lines_are_notifications() -> None:
    read = cadf.parse(attempt("nova", "10.20.3.14"))

    assert isinstance(read, SignIn)
    assert (read.user_id, read.address) == ("id of nova", "10.20.3.14")
