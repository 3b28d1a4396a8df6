"""Draining notifications against a bare kombu loop that parses and acknowledges, in the same run.

    .venv/bin/python -m bench.events [--messages 100000] [--consumers 1]
        [--database sqlite|mariadb|URL]

Starts a RabbitMQ, publishes each message into two queues, and lets first the bare loop and then
ours drain one each, every one in a process of its own. Two thirds of the sign-ins are by thirty
services, the others by ten thousand people; one message in a hundred is a change of an account.
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
from tests.support.mariadb import MariaDB
from tests.support.processes import ENDS_WITH_US, ROOT
from tests.support.rabbitmq import RabbitMQ

RATIO: Final = 0.35  # of the bare loop's rate
RATE: Final = 2000  # a second, where the bare loop allows it
MEMORY: Final = 25  # MiB over what it has after the first tenth
BARE: Final = "bench.bare"
RECORDED: Final = ROOT / "tests" / "events" / "recorded.json"

# Both print the seconds that they took, from their connection to their last acknowledgement.
_BARE: Final = """
import json, sys, time
from kombu import Connection, Queue
url, queue, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])
seen = 0
def take(message):
    global seen
    json.loads(json.loads(message.body)["oslo.message"])
    message.ack()
    seen += 1
with Connection(url, heartbeat=30) as link:
    link.connect()
    begun = time.perf_counter()
    with link.Consumer(Queue(queue, no_declare=True), on_message=take, prefetch_count=2000):
        while seen < wanted:
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
taker = NotificationConsumer(settings.NOTIFICATIONS_URLS, clock=timezone.now)
def watch():
    tenth = 0
    last, since = -1, time.perf_counter()
    while taker.taken < wanted:
        if taker.taken != last:
            last, since = taker.taken, time.perf_counter()
        if taker.taken and time.perf_counter() - since > 3:
            break  # the other consumers had the rest
        if not tenth and taker.taken >= wanted / 10:
            tenth = resident(os.getpid())
        time.sleep(0.005)
    grown = resident(os.getpid()) - (tenth or resident(os.getpid()))
    print(json.dumps({"seconds": since - begun, "taken": taker.taken, "grown": grown}), flush=True)
    taker.stop()
begun = time.perf_counter()
threading.Thread(target=watch).start()
taker.run()
"""
# What of Keystone's tables is asked for names.
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
        said = manage(environment, "shell", "-v0", "-c", _COUNT)
    attempts, changes, kept = map(int, said.split())
    assert attempts + changes == published, said
    sys.stdout.write(f"{attempts} sign-ins in {kept} rows, {changes} changes\n")
    sys.stdout.write(markdown(rows) + "\n")


def _measured(
    environment: dict[str, str], url: str, messages: int, consumers: int
) -> Iterator[Row]:
    bare = _run([sys.executable, "-c", _BARE, url, BARE, str(messages)], environment)["seconds"]
    share = messages // consumers
    command = [sys.executable, "-c", _OURS, str(messages if consumers == 1 else share * 2)]
    processes = [_start(command, environment) for _ in range(consumers)]
    found = [_result(process) for process in processes]
    ours = max(it["seconds"] for it in found)
    rate, wanted = messages / ours, min(RATE, RATIO * messages / bare)
    yield Row(
        what=f"{messages:,} notifications by {consumers} consumer{'s' * (consumers > 1)}",
        ours=ours,
        bare=bare,
        limit=f"{RATIO} of the bare loop's rate ({messages / bare:,.0f}/s), and {RATE:,}/s",
        kept=bare / ours >= RATIO and rate >= wanted,
    )
    yield Row(what="rate", ours=rate, bare=None, limit=f"{RATE}/s", kept=rate >= RATE, unit="/s")
    grown = max(it["grown"] for it in found) / 2**20
    yield Row(
        what="memory gained after the first tenth",
        ours=grown,
        bare=None,
        limit=f"{MEMORY} MiB",
        kept=grown <= MEMORY,
        unit="MiB",
    )


def _make_keystone(path: Path) -> None:
    """The accounts that sign in."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript(_KEYSTONE)
        ids = [(f"{who:032x}", who) for who in (*range(30), *range(100, 10_100))]
        database.executemany(
            "INSERT INTO user VALUES (?, 'default', 1, '{}', NULL, NULL)", [(it[0],) for it in ids]
        )
        database.executemany(
            "INSERT INTO local_user VALUES (NULL, ?, 'default', 'user-' || ?, 0, NULL)", ids
        )
        database.commit()


def _publish(url: str, messages: int) -> int:
    """Into both queues; Keystone's exchange as Keystone makes it."""
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
    """Within an hour, each another event."""
    recorded = json.loads(RECORDED.read_text())
    dice = random.Random(7)
    begun = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    for number in range(messages):
        kind = "sign_in" if dice.random() < 0.9 else "wrong_password"
        if dice.random() < 0.01:
            kind = "user_updated"
        message = json.loads(json.loads(recorded[kind][0])["oslo.message"])
        service = dice.random() < 0.66
        who = dice.randrange(30) if service else 100 + dice.randrange(10_000)
        payload = message["payload"]
        payload["id"] = str(uuid.UUID(int=dice.getrandbits(128)))
        payload["eventTime"] = (begun + timedelta(hours=number / messages)).isoformat()
        payload["initiator"]["user_id"] = f"{who:032x}"
        payload["initiator"]["username"] = f"user-{who}"
        payload["initiator"]["host"]["address"] = f"10.0.{who // 250}.{who % 250}"
        yield json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(message)})


def environment_of(folder: Path, url: str) -> dict[str, str]:
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
    words, _ = process.communicate(timeout=600)
    assert process.returncode == 0
    found: dict[str, float] = json.loads(words)
    return found


if __name__ == "__main__":
    main()
