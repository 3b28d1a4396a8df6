"""Helpers for tests of the audit log: rows in the chain, forgery, processes."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine
from django.db import connection

from pciops.accounts.account import Failures
from pciops.audit import services
from pciops.audit.models import Event
from tests.factories import NOW, make_account, make_initiator

ROOT = Path(__file__).resolve().parent.parent.parent
FAILURES = Failures(failed_auth_count=3, failed_auth_at=NOW)


def open_event(**facts: Any) -> Event:
    """Open an act of olga on ann, by default an unlock, with other facts if given."""
    defaults: dict[str, Any] = {
        "action": Event.Action.UNLOCK,
        "account": make_account(),
        "precondition": FAILURES,
        "initiator": make_initiator(),
        "reason": "called",
        "identity": Event.Identity.CALLBACK,
        "now": NOW,
    }
    return services.open_event(**{**defaults, **facts})


def record(**facts: Any) -> Event:
    """Record a sign-in of olga, with other facts if given."""
    defaults: dict[str, Any] = {
        "action": Event.Action.SIGN_IN,
        "outcome": Event.Outcome.SUCCESS,
        "initiator": make_initiator(),
        "resource": "pciops",
        "now": NOW,
    }
    return services.record(**{**defaults, **facts})


def chained(number: int, *, start: datetime = NOW, step: timedelta = timedelta(days=1)) -> None:
    """Record rows a step of time apart."""
    for place in range(number):
        with time_machine.travel(start + place * step, tick=False):
            record(now=start + place * step, remark=f"number {place + 1}")


def forge(sql: str, *values: Any) -> None:
    """Change the database without pciops, as its administrator could without triggers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        cursor.execute(sql, values)
        for _, statement in triggers:
            cursor.execute(statement)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return variables for a separate process whose databases are files in the folder."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "pciops.settings",
        "PCIOPS_DATABASE_URL": f"sqlite:///{folder / 'pciops.sqlite3'}",
        "PCIOPS_KEYSTONE_DATABASE_URL": f"sqlite:///{folder / 'keystone.sqlite3'}",
        "PCIOPS_LOG_LEVEL": "ERROR",
        "PCIOPS_VAR": str(folder),
        **more,
    }


def manage(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run manage.py in a separate process."""
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


WRITER = """
import sys, django
django.setup()
from tests.audit.helpers import open_event
from pciops.audit import services
sys.stdout.write("ready\\n"); sys.stdout.flush()
sys.stdin.readline()
for number in range(int(sys.argv[1])):
    event = open_event(reason=f"{sys.argv[2]}: {number}")
    services.settle(event, "success")
"""


def write_at_once(processes: int, rows: int, *, env: dict[str, str]) -> list[str]:
    """Write rows in several processes at the same time; return the errors of each."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", WRITER, str(rows), str(number)],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    return [writer.communicate()[1] for writer in writers]
