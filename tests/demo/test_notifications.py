"""The age of what the demo's Keystone has notified of the demo's own doings."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pciops.demo import notifications
from pciops.demo.account import DESK, Account
from pciops.demo.ageing import LAPSED, last_failure, moment
from pciops.demo.people import ACCOUNTS, SPRAYER, STALE, TYPIST
from pciops.events.intake import cadf
from pciops.events.intake.cadf import SignIn

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NAMED = {account.name: account for account in ACCOUNTS}
IDS = {f"id of {account.name}": account for account in ACCOUNTS}


def tried(name: str, address: str, *, kind: str = "identity.authenticate", **more: Any) -> str:
    """A line as Keystone writes it, of a moment ago."""
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
    """When each of these has happened, in the demo's words."""
    path = tmp_path / "lines"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    notifications.age(path, IDS, failed, NOW)
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [datetime.fromisoformat(message["payload"]["eventTime"]) for message in found]


def test_a_script_has_failed_every_minute(tmp_path: Path) -> None:
    stale = NAMED["billing-sync"]
    number = stale.history.failures + STALE.later
    lines = [tried("billing-sync", STALE.address) for _ in range(number)]
    times = aged(tmp_path, *lines, failed=(stale,))
    every = {later - earlier for earlier, later in zip(times, times[1:], strict=False)}

    assert every == {timedelta(seconds=STALE.every)}
    assert NOW - timedelta(minutes=1) < times[-1] <= NOW
    assert times[stale.history.failures - 1] == last_failure(stale, NOW)


def test_failures_of_an_earlier_start_stay_where_they_are(tmp_path: Path) -> None:
    assert aged(tmp_path, tried("billing-sync", STALE.address)) == [NOW]


def test_a_lapsed_lock_is_hours_old(tmp_path: Path) -> None:
    lapsed = NAMED["marco.rossi"]
    [at] = aged(tmp_path, tried("marco.rossi", DESK.address), failed=(lapsed,))

    assert at == NOW - LAPSED


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account.name[:30])
def test_no_lock_is_so_old_that_it_ends_before_it_is_seen(account: Account) -> None:
    if not account.history.lapsed:
        assert last_failure(account, NOW) >= NOW - timedelta(minutes=10)


def test_a_spray_goes_over_accounts_and_names_of_nobody(tmp_path: Path) -> None:
    lines = [tried("lucas.meyer", SPRAYER.address), tried("nobody", SPRAYER.address)]
    first, second = aged(tmp_path, *lines)

    assert second - first == timedelta(seconds=SPRAYER.every)
    assert second < NOW


def test_who_mistypes_is_done_with_it(tmp_path: Path) -> None:
    first, second, third = aged(tmp_path, *[tried(TYPIST, DESK.address)] * 3)

    assert first < second < third < NOW - timedelta(minutes=30)


def test_an_account_was_made_on_its_day(tmp_path: Path) -> None:
    account = NAMED["chen.wei"]
    made = tried("admin", "127.0.0.1", kind="identity.user.created", resource_info="id of chen.wei")
    granted = tried(
        "admin", "127.0.0.1", kind="identity.role_assignment.created", user="id of chen.wei"
    )

    assert aged(tmp_path, made, granted) == [moment(account, account.history.created, NOW)] * 2


def test_what_would_be_too_old_to_be_kept_is_left_out(tmp_path: Path) -> None:
    made = tried("admin", "127.0.0.1", kind="identity.user.created", resource_info="id of nova")

    assert aged(tmp_path, made) == []


def test_what_keystone_wrote_can_be_read_as_a_notification() -> None:
    read = cadf.parse(tried("nova", "10.20.3.14"))

    assert isinstance(read, SignIn)
    assert (read.user_id, read.address) == ("id of nova", "10.20.3.14")
