"""Compares the consumer with a bare kombu loop that parses and acknowledges, in the same run.

    .venv/bin/python -m bench.events [--messages 100000] [--consumers 1]
        [--database sqlite|mariadb|URL]

Starts a RabbitMQ and publishes each message into two queues. The bare loop drains one of them, then
our consumer drains the other, each in its own process. Two thirds of the sign-ins are by 30
services, the others by 10,000 people; one message in a hundred is a change of an account.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from kombu import Connection, Exchange, Queue

from bench.measure import Row, markdown
from pciops.lib.numbers import counted
from tests.support.mariadb import MariaDB
from tests.support.processes import ENDS_WITH_US, ROOT
from tests.support.rabbitmq import RabbitMQ

RATIO: Final = 0.35  # of the bare loop's rate
RATE: Final = 2000  # a second, if the bare loop allows it
MEMORY: Final = 25  # MiB more than after the first tenth
BARE: Final = "bench.bare"
RECORDED: Final = ROOT / "tests" / "events" / "recorded.json"

# Both print the seconds from the connection to the last acknowledgement.
_BARE: Final = """
import json, sys, time
from kombu import Connection, Queue
url, queue, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])
received = 0
def receive(message):
    global received
    json.loads(json.loads(message.body)["oslo.message"])
    message.ack()
    received += 1
with Connection(url, heartbeat=30) as link:
    link.connect()
    begun = time.perf_counter()
    with link.Consumer(Queue(queue, no_declare=True), on_message=receive, prefetch_count=2000):
        while received < wanted:
            link.drain_events(timeout=10)
    print(json.dumps({"seconds": time.perf_counter() - begun}))
"""
_OURS: Final = """
import django; django.setup()
import json, os, sys, threading, time
from django.conf import settings
from django.utils import timezone
from bench.measure import resident
from pciops.events.intake.consumer import NotificationConsumer
wanted = int(sys.argv[1])
consumer = NotificationConsumer(settings.NOTIFICATIONS_URLS, clock=timezone.now)
def watch():
    tenth = 0
    last, since = -1, time.perf_counter()
    while consumer.recorded < wanted:
        if consumer.recorded != last:
            last, since = consumer.recorded, time.perf_counter()
        if consumer.recorded and time.perf_counter() - since > 3:
            break  # the other consumers got the rest
        if not tenth and consumer.recorded >= wanted / 10:
            tenth = resident(os.getpid())
        time.sleep(0.005)
    grown = resident(os.getpid()) - (tenth or resident(os.getpid()))
    print(json.dumps({"seconds": since - begun, "grown": grown}), flush=True)
    consumer.stop()
begun = time.perf_counter()
threading.Thread(target=watch).start()
consumer.run()
"""
# The parts of Keystone's tables that are read for names.
_KEYSTONE: Final = """
CREATE TABLE project (id VARCHAR(64) PRIMARY KEY, name, domain_id, enabled, is_domain);
CREATE TABLE user (id VARCHAR(64) PRIMARY KEY, domain_id, enabled, extra, created_at,
    last_active_at);
CREATE TABLE local_user (id INTEGER PRIMARY KEY, user_id VARCHAR(64) UNIQUE, domain_id, name,
    failed_auth_count, failed_auth_at);
CREATE TABLE nonlocal_user (domain_id, name, user_id VARCHAR(64) UNIQUE);
CREATE TABLE federated_user (id INTEGER PRIMARY KEY, user_id, display_name);
INSERT INTO project VALUES ('default', 'Default', NULL, 1, 1);
"""
_COUNT: Final = """
from django.db.models import Sum
from pciops.events.models import Activity, Attempts
print(Attempts.objects.aggregate(n=Sum("count"))["n"], Activity.objects.count(),
      Attempts.objects.count())
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--database", default="sqlite")
    parser.add_argument("--consumers", type=int, default=1)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pciops-bench-")))
        rabbit = stack.enter_context(RabbitMQ())
        environment = environment_of(folder, rabbit.url)
        if options.database == "mariadb":
            server = stack.enter_context(MariaDB())
            url = server.create_database("pciops", password="ours")  # noqa: S106 (on loopback)
            environment["PCIOPS_DATABASE_URL"] = url
        elif options.database != "sqlite":
            environment["PCIOPS_DATABASE_URL"] = options.database
        _make_keystone(folder / "keystone.sqlite3")
        manage(environment, "migrate", "-v0")
        published = _publish(rabbit.url, options.messages)
        rows = list(_measured(environment, rabbit.url, published, options.consumers))
        counts = manage(environment, "shell", "-v0", "-c", _COUNT)
    attempts, changes, kept = map(int, counts.split())
    assert attempts + changes == published, counts
    sys.stdout.write(f"{attempts} sign-ins in {kept} rows, {changes} changes\n")
    sys.stdout.write(markdown(rows) + "\n")


def _measured(
    environment: dict[str, str], url: str, messages: int, consumers: int
) -> Iterator[Row]:
    bare = _run([sys.executable, "-c", _BARE, url, BARE, str(messages)], environment)["seconds"]
    share = messages // consumers
    command = [sys.executable, "-c", _OURS, str(messages if consumers == 1 else share * 2)]
    processes = [_start(command, environment) for _ in range(consumers)]
    results = [_result(process) for process in processes]
    ours = max(result["seconds"] for result in results)
    rate, wanted = messages / ours, min(RATE, RATIO * messages / bare)
    yield Row(
        what=f"{messages:,} notifications by {counted(consumers, 'consumer')}",
        ours=ours,
        bare=bare,
        limit=f"{RATIO} of the bare loop's rate ({messages / bare:,.0f}/s), and {RATE:,}/s",
        kept=bare / ours >= RATIO and rate >= wanted,
    )
    yield Row(what="rate", ours=rate, bare=None, limit=f"{RATE}/s", kept=rate >= RATE, unit="/s")
    grown = max(result["grown"] for result in results) / 2**20
    yield Row(
        what="memory gained after the first tenth",
        ours=grown,
        bare=None,
        limit=f"{MEMORY} MiB",
        kept=grown <= MEMORY,
        unit="MiB",
    )


def _make_keystone(path: Path) -> None:
    """Make the accounts that sign in."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript(_KEYSTONE)
        ids = [(f"{number:032x}", number) for number in (*range(30), *range(100, 10_100))]
        database.executemany(
            "INSERT INTO user VALUES (?, 'default', 1, '{}', NULL, NULL)",
            [(user_id,) for user_id, _ in ids],
        )
        database.executemany(
            "INSERT INTO local_user VALUES (NULL, ?, 'default', 'user-' || ?, 0, NULL)", ids
        )
        database.commit()


def _publish(url: str, messages: int) -> int:
    """Publish into both queues, through an exchange as Keystone declares it."""
    exchange = Exchange("keystone", "topic", durable=False)
    with Connection(url) as link:
        channel = link.default_channel
        for name in (BARE, "pciops.notifications"):
            limits: dict[str, Any] = {}
            if name != BARE:
                limits = {
                    "x-max-length": 10_000_000,
                    "x-max-length-bytes": 10_000_000 * 4096,
                    "x-overflow": "drop-head",
                }
            queue = Queue(name, exchange, "notifications.info", queue_arguments=limits)
            queue(channel).declare()
        producer = link.Producer(channel, exchange=exchange, auto_declare=False)
        for body in _bodies(messages):
            producer.publish(body, "notifications.info", content_type="application/json")
    return messages


def _bodies(messages: int) -> Iterator[str]:
    """Yield different events within an hour."""
    recorded = json.loads(RECORDED.read_text())
    choice = random.Random(7)
    begun = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    for number in range(messages):
        kind = "sign_in" if choice.random() < 0.9 else "wrong_password"
        if choice.random() < 0.01:
            kind = "user_updated"
        message = json.loads(json.loads(recorded[kind][0])["oslo.message"])
        service = choice.random() < 0.66
        user = choice.randrange(30) if service else 100 + choice.randrange(10_000)
        payload = message["payload"]
        payload["id"] = str(uuid.UUID(int=choice.getrandbits(128)))
        payload["eventTime"] = (begun + timedelta(hours=number / messages)).isoformat()
        payload["initiator"]["user_id"] = f"{user:032x}"
        payload["initiator"]["username"] = f"user-{user}"
        payload["initiator"]["host"]["address"] = f"10.0.{user // 250}.{user % 250}"
        yield json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(message)})


def environment_of(folder: Path, url: str) -> dict[str, str]:
    """Return the environment of pciops with its files in this folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PCIOPS_")}
    return {
        **kept,
        "DJANGO_SETTINGS_MODULE": "pciops.settings",
        "OS_AUTH_URL": "http://127.0.0.1:1/v3",
        "PCIOPS_HTTPS": "no",
        "PCIOPS_KEYSTONE_DATABASE_URL": f"sqlite:///{folder}/keystone.sqlite3",
        "PCIOPS_NOTIFICATIONS_QUEUE_LENGTH": "10000000",
        "PCIOPS_NOTIFICATIONS_URL": url,
        "PCIOPS_POLICY_LOCKOUT_FAILURE_ATTEMPTS": "6",
        "PCIOPS_SECRET_KEY": "of the measurement, and as long as the real ones have to be",
        "PCIOPS_VAR": str(folder),
    }


def manage(environment: dict[str, str], *words: str) -> str:
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def _start(command: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*ENDS_WITH_US, *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )


def _run(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    return _result(_start(command, environment))


def _result(process: subprocess.Popen[str]) -> dict[str, float]:
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    result: dict[str, float] = json.loads(output)
    return result


if __name__ == "__main__":
    main()
