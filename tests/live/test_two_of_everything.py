"""Two of each process, three nodes of each server: each is killed in turn, and nothing is lost.

It takes minutes, most of them to start processes, so it runs only if TEST_LONG=yes is set.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from tests.events.messages import sign_in
from tests.notices.smtp_server import SmtpServer, smtp_server_running
from tests.support.cloud import ATTEMPTS, Cloud
from tests.support.doubled import Doubled, Process, doubled
from tests.support.processes import wait_until
from tests.support.rabbitmq import publish
from tests.support.site import manage
from tests.support.visitor import Visitor

ACCOUNTS: Final = 60
PAUSE: Final = 2  # seconds for which a process or node is down, and after which the next follows
CUT_PAGES: Final = 2  # pages that were being written when their server was killed
VERBS: Final = ("claimed ", "finished ")
MINUTELY: Final = ("events.hidden_unlocks", "events.storms", "notices.locks")

pytestmark = pytest.mark.skipif(
    os.environ.get("TEST_LONG") != "yes", reason="It takes minutes: it runs with TEST_LONG=yes"
)
PAGES: Final = ("/", "/accounts/?state=locked", "/activity/", "/policy/")


@dataclass
class Phase:
    """What clients saw while one part was down and just after it had come back."""

    killed: str
    pages: int = 0
    errors: Counter[str] = field(default_factory=Counter)  # of pages
    acts: Counter[bool] = field(default_factory=Counter)  # sign-ins and unlocks, done or not
    notifications: int = 0


class Load:
    """Operators who look at pages, sign in, and unlock; and a Keystone that publishes.

    Attributes:
        codes: the status of the answer to each unlock, by account; 0 for no answer.
    """

    def __init__(self, installation: Doubled, cloud: Cloud) -> None:
        self.phases = [Phase("nothing")]
        self.codes: dict[str, int] = {}
        self.signed_in = 1
        self.faults: list[Exception] = []
        self._installation = installation
        self._operator = cloud.create_operator("alice")
        self._headers = {"X-Auth-Token": cloud.token(self._operator)}
        self._locked = [cloud.create_user(f"locked{n}").id for n in range(ACCOUNTS)]
        cloud.sql(
            "UPDATE local_user SET failed_auth_count = %s, failed_auth_at = UTC_TIMESTAMP()"
            " WHERE user_id IN %s",
            ATTEMPTS,
            self._locked,
        )
        self._reader = Visitor(installation.url)
        assert "Sign out" in self._reader.sign_in(self._operator).text
        self._over = threading.Event()

    @property
    def published(self) -> int:
        return sum(phase.notifications for phase in self.phases)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let all of them work inside this block."""
        steps = ((self._read, 0.5), (self._sign_in, 5.0), (self._unlock, 1.5), (self._publish, 0.5))
        threads = [threading.Thread(target=self._repeat, args=step) for step in steps]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _repeat(self, step: Callable[[int], None], pause: float) -> None:
        number = 0
        try:
            while not self._over.wait(pause):
                step(number)
                number += 1
        except Exception as error:  # the test raises it
            self.faults.append(error)

    def _read(self, number: int) -> None:
        path = PAGES[number % len(PAGES)]
        problem = ""
        try:
            page = self._reader.get(path)
        except requests.RequestException as error:
            problem = type(error).__name__
        else:
            if page.status_code != 200 or "Sign out" not in page.text:
                problem = str(page.status_code)
        phase = self.phases[-1]
        phase.pages += 1
        if problem:
            phase.errors[problem] += 1

    def _sign_in(self, number: int) -> None:
        try:
            done = "Sign out" in Visitor(self._installation.url).sign_in(self._operator).text
        except (requests.RequestException, AssertionError):  # no answer, or no form
            done = False
        self.phases[-1].acts[done] += 1
        self.signed_in += done

    def _unlock(self, number: int) -> None:
        if number >= ACCOUNTS:
            return
        user_id = self._locked[number]
        url = f"{self._installation.url}/api/v1/accounts/{user_id}/unlock"
        body = {"reason": "Called back", "identity": "callback"}
        try:
            answer = requests.post(url, json=body, headers=self._headers, timeout=60)
        except requests.RequestException:
            self.codes[user_id] = 0
        else:
            self.codes[user_id] = answer.status_code
        self.phases[-1].acts[self.codes[user_id] == 200] += 1

    def _publish(self, number: int) -> None:
        bodies = [sign_in(at=datetime.now(UTC), address=f"10.0.0.{number % 9}") for _ in range(3)]
        publish(self._installation.broker_url, bodies)
        self.phases[-1].notifications += len(bodies)


@pytest.fixture
def mailbox() -> Iterator[SmtpServer]:
    """An SMTP server."""
    with smtp_server_running() as server:
        yield server


@pytest.fixture
def installation(mailbox: SmtpServer, tmp_path: Path) -> Iterator[Doubled]:
    """An installation that sends emails there."""
    settings = {
        "PCIOPS_EMAIL_URL": f"smtp://127.0.0.1:{mailbox.port}?tls=none",
        "PCIOPS_MAIL_FROM": "pciops@cloud.example",
    }
    with doubled(tmp_path, settings) as installation:
        yield installation


def rows(installation: Doubled, sql: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query to pciops' own database."""
    found = installation.nodes[1].execute(sql, database="pciops")
    return [tuple(row.values()) for row in found]


def recorded(installation: Doubled) -> int:
    """Return the number of notifications that were recorded."""
    [(number,)] = rows(installation, "SELECT SUM(count) FROM events_attempts")
    return int(number or 0)


def kill_each(installation: Doubled, load: Load) -> None:
    """Kill each process and one node of each server, and start it again after some seconds."""
    node, broker = installation.nodes[0], installation.brokers[0]
    parts: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
        name: (process.kill, partial(restart, process))
        for name, process in installation.processes.items()
    }
    parts["database node"] = (node.kill, node.start)
    parts["RabbitMQ node"] = (lambda: broker.stop(signal.SIGKILL), broker.start)
    for name, (kill, start) in parts.items():
        time.sleep(PAUSE)
        load.phases.append(Phase(name))
        kill()
        time.sleep(PAUSE)
        start()
    time.sleep(PAUSE)


def restart(process: Process) -> None:
    """Start it again and wait until it works."""
    process.start()
    process.wait()


def test_nothing_is_lost_or_done_twice_while_each_part_is_killed(
    installation: Doubled, mailbox: SmtpServer
) -> None:
    url = f"{installation.url}/healthz"
    wait_until(lambda: requests.get(url, timeout=30).ok, "HAProxy has found the web servers")
    cloud = Cloud(installation.keystone, installation.nodes[1])
    load = Load(installation, cloud)
    began = datetime.now(UTC)
    with load.running():
        kill_each(installation, load)
    ended = datetime.now(UTC)
    with suppress(TimeoutError):  # the comparison says more
        wait_until(lambda: recorded(installation) >= load.published, "all are recorded")
    settled = manage(installation.env, "settle_pending")
    verified = manage(installation.env, "verify_audit")
    show(load, ended - began)

    assert load.faults == []
    assert recorded(installation) == load.published
    assert (settled.code, verified.code) == (0, 0), settled.stderr + verified.stderr
    check_acts(installation, load)
    check_jobs(installation, began, ended)
    check_emails(installation, mailbox)
    assert sum(phase.errors.total() for phase in load.phases) <= CUT_PAGES


def show(load: Load, took: timedelta) -> None:
    """Print the table of docs/operations.md."""
    sys.stdout.write(f"\n{took.total_seconds():.0f} s, {load.published} notifications\n")
    for phase in load.phases:
        errors = f"{phase.errors.total()} {dict(phase.errors)}"
        sys.stdout.write(
            f"| {phase.killed} | {phase.pages} | {errors} | {phase.acts.total()} |"
            f" {phase.acts[False]} | {phase.notifications} |\n"
        )


def check_acts(installation: Doubled, load: Load) -> None:
    """Check that the audit log has what the answers said, and what Keystone's rows show."""
    unlocks = rows(
        installation,
        "SELECT target_id, outcome FROM audit_event WHERE action = 'unlock' ORDER BY event_time",
    )
    answered = {user_id for user_id, code in load.codes.items() if code == 200}
    [(signed_in,)] = rows(
        installation,
        "SELECT COUNT(*) FROM audit_event WHERE action = 'authenticate' AND outcome = 'success'",
    )
    unlocked = rows(
        installation,
        "SELECT user_id, '' FROM keystone.local_user WHERE failed_auth_count = 0"
        " AND user_id IN (SELECT target_id FROM audit_event WHERE action = 'unlock')",
    )
    succeeded = [user_id for user_id, outcome in unlocks if outcome == "success"]

    assert len(set(succeeded)) == len(succeeded)
    assert answered <= set(succeeded) <= load.codes.keys()
    # An act that was cut off is settled by Keystone's row, or pending for another minute.
    assert {user_id for user_id, _ in unlocked} - set(succeeded) <= load.codes.keys() - answered
    assert load.signed_in <= signed_in


def check_jobs(installation: Doubled, began: datetime, ended: datetime) -> None:
    """Check that each slot of a job was claimed and finished once."""
    workers = [
        installation.processes[name].output.splitlines() for name in ("worker 1", "worker 2")
    ]
    lines = Counter(line for output in workers for line in output if line.startswith(VERBS))
    claimed = {line.partition(" ")[2] for line in lines if line.startswith("claimed")}
    finished = {line.partition(" ")[2] for line in lines if line.startswith("finished")}
    minute = began.replace(second=0, microsecond=0)
    due = []
    while (minute := minute + timedelta(minutes=1)) < ended - timedelta(seconds=30):
        due += [f"{job} {minute.isoformat()}" for job in MINUTELY]
    sys.stdout.write(f"slots claimed {len(claimed)}, finished {len(finished)}, due {len(due)}\n")

    assert {line: number for line, number in lines.items() if number > 1} == {}
    assert finished
    assert set(due) <= claimed
    assert len(claimed - finished) <= 2  # of the two workers that were killed


def check_emails(installation: Doubled, mailbox: SmtpServer) -> None:
    """Check that each notice was sent once."""
    [(sent,)] = rows(installation, "SELECT COUNT(*) FROM notices_notice WHERE status = 'sent'")
    ids = Counter(str(email["Message-ID"]) for email in mailbox.mails)
    sys.stdout.write(f"notices sent {sent}, emails {ids.total()}\n")

    assert sent == len(ids) == ids.total()
