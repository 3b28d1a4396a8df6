"""Kills consumers and RabbitMQ at random while notifications arrive, and counts the recorded ones.

    .venv/bin/python -m bench.chaos_events [--kills 20] [--transient]
        [--database sqlite|mariadb|URL]

Starts a RabbitMQ and two consumers, and publishes continuously. Each message is repeated until
RabbitMQ has confirmed it, so after a restart some are delivered twice. Consumers are killed
(SIGKILL) and started again; after a third of the kills RabbitMQ is restarted, after two thirds it
is killed.

At the end each event must have been counted once. With `--transient` a restart of RabbitMQ removes
the exchange, as it does Keystone's unless `amqp_durable_queues` is on. Messages that Keystone then
publishes before a consumer is back are lost; their number is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from kombu import Connection, Exchange
from kombu.exceptions import OperationalError

from bench.events import RECORDED, environment_of, manage
from tests.support.mariadb import MariaDB
from tests.support.processes import ENDS_WITH_US, ROOT
from tests.support.rabbitmq import RabbitMQ

CONSUMERS: Final = 2
PATIENCE: Final = 120  # seconds
_COUNT: Final = """
import json
from django.db.models import Sum
from pciops.events.models import Attempts
rows = Attempts.objects.values_list("address").annotate(number=Sum("count"))
print(json.dumps(dict(rows)))
"""


class Publisher(threading.Thread):
    """Publishes as Keystone does, and counts the messages by address.

    Attributes:
        sent: confirmed by RabbitMQ, and in a queue.
        lost: confirmed, and in no queue.
        unsure: the same at a repetition; the first message may have been recorded.
        repeated: number of repetitions after a lost confirmation.
    """

    def __init__(self, url: str, *, durable: bool) -> None:
        super().__init__()
        self.sent: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.unsure: Counter[str] = Counter()
        self.repeated = 0
        self.over = threading.Event()
        self._url = url
        self._waiting: tuple[str, str] | None = None  # address and body, not confirmed
        self._in_no_queue = False
        self._exchange = Exchange("keystone", "topic", durable=durable)
        self._recorded = json.loads(RECORDED.read_text())["wrong_password"][0]

    def run(self) -> None:
        while not self.over.is_set():
            link = Connection(
                self._url, connect_timeout=2, transport_options={"confirm_publish": True}
            )
            try:
                self._publish(link)
            except (*link.connection_errors, OperationalError, AttributeError):
                time.sleep(0.1)
            finally:
                link.collect()

    def _publish(self, link: Connection) -> None:
        channel = link.default_channel
        self._exchange(channel).declare()
        producer = link.Producer(
            channel, exchange=self._exchange, auto_declare=False, on_return=self._returned
        )
        while not self.over.is_set():
            again = self._waiting is not None
            self.repeated += again
            address, body = self._waiting = self._waiting or self._next()
            self._in_no_queue = False
            producer.publish(body, "notifications.info", mandatory=True, timeout=5)
            if self._in_no_queue and not again:
                self.lost[address] += 1
            elif not self._in_no_queue:
                self.sent[address] += 1
            else:
                self.unsure[address] += 1
            self._waiting = None

    def _returned(self, *_: object) -> None:
        self._in_no_queue = True

    def _next(self) -> tuple[str, str]:
        message = json.loads(json.loads(self._recorded)["oslo.message"])
        address = f"10.0.0.{random.randrange(50)}"
        payload = message["payload"]
        payload["id"] = str(uuid.uuid4())
        payload["eventTime"] = datetime.now(UTC).isoformat()
        payload["initiator"]["host"]["address"] = address
        return address, json.dumps({"oslo.message": json.dumps(message)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--database", default="sqlite")
    parser.add_argument("--transient", action="store_true")
    options = parser.parse_args()
    random.seed(4711)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pciops-chaos-")))
        rabbit = stack.enter_context(RabbitMQ())
        environment = environment_of(folder, rabbit.url)
        if options.database == "mariadb":
            server = stack.enter_context(MariaDB())
            url = server.create_database("pciops", password="ours")  # noqa: S106 (on loopback)
            environment["PCIOPS_DATABASE_URL"] = url
        elif options.database != "sqlite":
            environment["PCIOPS_DATABASE_URL"] = options.database
        manage(environment, "migrate", "-v0")
        sys.exit(_chaos(rabbit, environment, options.kills, durable=not options.transient))


def _chaos(rabbit: RabbitMQ, environment: dict[str, str], kills: int, *, durable: bool) -> int:
    publisher = Publisher(rabbit.url, durable=durable)
    with Connection(rabbit.url) as link:
        Exchange("keystone", "topic", durable=durable)(link.default_channel).declare()
    consumers = [_consumer(environment) for _ in range(CONSUMERS)]
    while not _is_bound(rabbit.url):
        time.sleep(0.5)
    publisher.start()
    try:
        for number in range(kills):
            time.sleep(random.uniform(1, 3))
            victim = random.randrange(CONSUMERS)
            assert consumers[victim].poll() is None, "a consumer ended by itself"
            consumers[victim].kill()
            consumers[victim].wait()
            consumers[victim] = _consumer(environment)
            _say(f"killed {number + 1}; {publisher.sent.total()} published")
            if number == kills // 3:
                rabbit.restart()
            elif number == 2 * kills // 3:
                rabbit.restart(signal.SIGKILL)
        time.sleep(3)
    finally:
        publisher.over.set()
        publisher.join()
    kept = _settled(environment, publisher.sent.total())
    for consumer in consumers:
        consumer.send_signal(signal.SIGTERM)
    codes = [consumer.wait() for consumer in consumers]
    missing = publisher.sent - kept
    extra = kept - publisher.sent - publisher.unsure
    _say(f"{kills} kills, 2 restarts of RabbitMQ; {publisher.sent.total()} events published")
    _say(
        f"{publisher.repeated} of them at least twice; {publisher.lost.total()} before we were back"
    )
    _say(f"lost {missing.total()}, counted twice {extra.total()}; consumers ended with {codes}")
    return 0 if not missing and not extra and not any(codes) else 1


def _is_bound(url: str) -> bool:
    """Return whether the queue has a consumer."""
    with Connection(url) as link:
        try:
            queue = link.default_channel.queue_declare("pciops.notifications", passive=True)
        except link.channel_errors:
            return False
        return bool(queue.consumer_count)


def _settled(environment: dict[str, str], wanted: int) -> Counter[str]:
    """Return the recorded events when their number no longer changes."""
    deadline, last = datetime.now(UTC) + timedelta(seconds=PATIENCE), Counter[str]()
    while datetime.now(UTC) < deadline:
        kept = Counter(json.loads(manage(environment, "shell", "-v0", "-c", _COUNT)))
        if kept == last and kept.total() >= wanted:
            return kept
        last = kept
        time.sleep(1)
    return last


def _consumer(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*ENDS_WITH_US, sys.executable, "manage.py", "consume_events"],
        cwd=ROOT,
        env={**environment, "PCIOPS_LOG_LEVEL": os.environ.get("PCIOPS_LOG_LEVEL", "ERROR")},
    )


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")


if __name__ == "__main__":
    main()
