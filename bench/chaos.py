"""Kills workers at random while notices go out, and counts who got what.

    .venv/bin/python -m bench.chaos [--users 15500] [--kills 20]

Starts what bench.pages does, a RabbitMQ, an SMTP server that takes its time, and three Celery
workers. Their messages come every second, as from many beats at once. While they send, one of them
is killed (SIGKILL) and started anew again and again; the SMTP server and RabbitMQ are stopped for
ten seconds each. In the end everybody who was due must have their mail.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from bench.cloud import Bench, running
from bench.fill import Size
from bench.measure import say
from tests.support.processes import ENDS_WITH_US, ROOT, free_port
from tests.support.rabbitmq import RabbitMQ

WORKERS: Final = 3
AWAY: Final = 10  # seconds
PAUSE: Final = 0.12  # that the SMTP server takes for a mail, so that they are not all sent at once
PATIENCE: Final = 600
LEASE: Final = 15  # seconds instead of ten minutes, so that it is over while one waits
_WORKER: Final = f"""
import sys
from datetime import timedelta
from pciops.celery import app
from pciops.notices import claims, send
claims.LEASE, send.MARGIN, send.BATCH = timedelta(seconds={LEASE}), timedelta(seconds=8), 50
app.worker_main(["worker", "--pool", "solo", "--without-gossip", "--without-mingle",
    "--without-heartbeat"])
"""
_TELL: Final = """
from pciops.celery import app
import sys
from kombu.exceptions import OperationalError
from pciops.notices import tasks
for line in sys.stdin:
    try:
        tasks.send_due.apply_async(expires=30, retry=False)
    except OperationalError as error:  # as a beat, which says the same again a minute later
        print(error, flush=True)
"""


@dataclass
class Box:
    """Counts the mails that it has taken, which is when it has said so."""

    seen: Counter[str] = field(default_factory=Counter)  # Message-ID → how often
    people: Counter[str] = field(default_factory=Counter)

    async def handle_EHLO(  # noqa: N802 (aiosmtpd's own name)
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """aiosmtpd asks here; most servers offer this."""
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_DATA(  # noqa: N802 (aiosmtpd's own name)
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """aiosmtpd asks here."""
        await asyncio.sleep(PAUSE)
        content = envelope.content
        head = (content if isinstance(content, bytes) else b"").partition(b"\r\n\r\n")[0]
        lines = head.decode().split("\r\n")
        self.seen[next(line for line in lines if line.startswith("Message-ID: "))] += 1
        self.people[envelope.rcpt_tos[0]] += 1
        return "250 taken"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", type=int, default=15_500)
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    random.seed(4711)
    with running(Size(users=options.users), say) as bench, RabbitMQ() as broker:
        sys.exit(_chaos(bench, broker, options.kills))


def _chaos(bench: Bench, broker: RabbitMQ, kills: int) -> int:
    port, box = free_port(), Box()
    bench.site.settings |= {
        "PCIOPS_BROKER_URL": broker.url,
        "PCIOPS_EMAIL_URL": f"smtp://127.0.0.1:{port}?tls=none",
        "PCIOPS_MAIL_FROM": "pciops@cloud.example",
        "PCIOPS_NOTICE_RATE": "1000000",
    }
    planned = bench.site.manage(
        *("shell", "-c"), "from pciops.notices import tasks; tasks.plan_by_date()"
    )
    assert planned.code == 0, planned.stderr
    due, begun = _count(bench, "planned"), time.monotonic()
    say(f"{due} notices are due")
    with _told(bench):
        _kill(bench, broker, box, port, kills, due)
    took, sent = time.monotonic() - begun, _count(bench, "sent")
    twice = sum(number - 1 for number in box.seen.values())
    more = sum((box.people - _owed(bench)).values())
    for line in (
        f"due {due}, sent by our table {sent}, arrived {len(box.seen)} in {took:.0f} s",
        f"{kills} kills; lost {due - len(box.seen)}",
        f"came twice: {twice} by Message-ID; {more} mails more than people were to get",
    ):
        sys.stdout.write(line + "\n")
    return 0 if len(box.seen) == due == sent and twice <= kills else 1


def _kill(bench: Bench, broker: RabbitMQ, box: Box, port: int, kills: int, due: int) -> None:
    """Let workers send until nothing is left, and nobody be in peace meanwhile."""
    smtp = _open(box, port)
    workers = [_worker(bench) for _ in range(WORKERS)]
    outages = {kills // 3: "smtp", 2 * kills // 3: "broker"}
    for number in range(kills):
        time.sleep(random.uniform(2, 6))
        victim = random.randrange(WORKERS)
        assert workers[victim].poll() is None, "a worker ended by itself"
        workers[victim].kill()
        workers[victim].wait()
        workers[victim] = _worker(bench)
        say(f"killed {number + 1}; {len(box.seen)} of {due} have arrived")
        if outages.get(number) == "smtp":
            smtp.stop()
            time.sleep(AWAY)
            smtp = _open(box, port)
            say("the SMTP server was away")
        elif outages.get(number) == "broker":
            broker.stop()
            time.sleep(AWAY)
            broker.start()
            say("RabbitMQ was away")
    begun = time.monotonic()
    while _count(bench, "planned") + _count(bench, "claimed"):
        assert time.monotonic() - begun < PATIENCE, "it does not come to an end"
        time.sleep(1)
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    for worker in workers:
        worker.wait()
    smtp.stop()


def _open(box: Box, port: int) -> Controller:
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    return controller


def _worker(bench: Bench) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*ENDS_WITH_US, sys.executable, "-c", _WORKER],
        cwd=ROOT,
        env={**bench.site.environment, "PCIOPS_LOG_LEVEL": "WARNING"},
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


@contextmanager
def _told(bench: Bench) -> Iterator[None]:
    """A message every second."""
    process = subprocess.Popen(
        [*ENDS_WITH_US, sys.executable, "-c", _TELL],
        cwd=ROOT,
        env=bench.site.environment,
        stdin=subprocess.PIPE,
        stdout=sys.stderr,
    )
    over = threading.Event()

    def tell(pipe: Any) -> None:
        while not over.wait(1):
            pipe.write(b"\n")
            pipe.flush()
        pipe.close()

    thread = threading.Thread(target=tell, args=(process.stdin,))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        process.wait()


def _owed(bench: Bench) -> Counter[str]:
    """Address → how many notices it was to get."""
    rows = bench.server.execute(
        "SELECT email, COUNT(*) AS number FROM notices_notice WHERE status = 'sent' GROUP BY email",
        database="pciops",
    )
    return Counter({str(row["email"]): int(row["number"]) for row in rows})


def _count(bench: Bench, status: str) -> int:
    [row] = bench.server.execute(
        "SELECT COUNT(*) AS number FROM notices_notice WHERE status = %s", status, database="pciops"
    )
    return int(row["number"])


if __name__ == "__main__":
    main()
