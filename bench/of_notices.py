"""What bench.notices measures; Django is set up when this is imported."""

from __future__ import annotations

import os
import smtplib
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pymysql
from django.conf import settings
from django.utils import timezone
from pymysql.cursors import SSCursor

from bench.cloud import KEYSTONES, OURS, Bench
from bench.measure import Memory, Row, once, say
from pciops.accounts.policy import policy
from pciops.lib import upsert
from pciops.notices import plan, rendering, rules
from pciops.notices.mail import message
from pciops.notices.models import Notice
from tests.support.processes import ENDS_WITH_US, ROOT, free_port, wait_until

FROM: Final = "pciops@cloud.example"
MEMORY: Final = 60  # MiB over idle
NOTICE, AGAIN = 200, 15  # µs for each notice that is planned, and seconds if none is new

# Accepts everything and keeps nothing.
_SINK: Final = """
import asyncio, sys
from aiosmtpd.smtp import SMTP
class Sink:
    async def handle_DATA(self, server, session, envelope):
        return "250 taken"
async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Sink()), "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()
asyncio.run(main())
"""
_WORKER: Final = """
import django; django.setup()
import time
from django.utils import timezone
from pciops.accounts.policy import policy
from pciops.notices import rules, send
print("ready", flush=True)
input()
begun = time.process_time()
send.send_due(policy=policy.current(), book=rules.current(), clock=timezone.now)
print(time.process_time() - begun)
"""


def measured(bench: Bench, *, mails: int, parts: Collection[str]) -> Iterator[Row]:
    """The lines of the table, as they come; each commit is on disk, as MariaDB does it untold."""
    bench.server.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1")
    if "planning" in parts:
        yield from _planning(bench)
    else:
        _let_all_be_due(bench)
    if "sending" in parts:
        yield from _sending(bench, mails)


def _let_all_be_due(bench: Bench) -> None:
    """Every local user has an address, and a password that expires in two days."""
    bench.server.execute(
        "UPDATE password SET expires_at_int = (UNIX_TIMESTAMP() + 2 * 86400) * 1000000,"
        " expires_at = UTC_TIMESTAMP() + INTERVAL 2 DAY, created_at_int = LEAST(created_at_int,"
        " (UNIX_TIMESTAMP() - 86400 * 30) * 1000000);"
        "UPDATE user SET enabled = 1, last_active_at = UTC_DATE(),"
        """ extra = CONCAT('{"email": "user', LEFT(id, 12), '@example.org"}');"""
        "DELETE FROM user_option",
        database="keystone",
    )
    plan.by_date(policy=policy.current(), book=rules.current(), now=timezone.now())


# --- Planning ----------------------------------------------------------------------------------
def _planning(bench: Bench) -> Iterator[Row]:
    now, rule, book = timezone.now(), policy.current(), rules.current()
    _bare_read(bench)  # warms the caches up
    read = once(lambda: _bare_read(bench))
    with Memory([os.getpid()]) as memory:
        ours = once(lambda: plan.by_date(policy=rule, book=book, now=now))
    rows = Notice.objects.count()
    inserts = once(lambda: _bare_inserts(bench))
    yield Row(
        what=f"planning, {rows:,} notices due",
        ours=ours,
        bare=read + inserts,
        limit=f"{NOTICE} µs a notice: {ours / rows * 1e6:.0f} µs",
        kept=ours <= NOTICE * rows / 1e6,
    )
    again = once(lambda: plan.by_date(policy=rule, book=book, now=now))
    assert Notice.objects.count() == rows
    kept = again <= AGAIN
    yield Row(what="planning again", ours=again, bare=read, limit=f"{AGAIN} s", kept=kept)
    reviewed = once(lambda: plan.review(policy=rule, book=book, now=now))
    yield Row(what="review of all that waits", ours=reviewed, bare=None, limit="", kept=True)
    mib = memory.over / 2**20
    yield Row(
        what="memory of the planning",
        ours=mib,
        bare=None,
        limit=f"{MEMORY} MiB",
        kept=mib <= MEMORY,
        unit="MiB",
    )


# Everything that a notice is made of, of those whose dates lie in the ranges; no rule is checked.
_READ: Final = (
    "SELECT u.id, l.name, l.domain_id, d.name, u.extra, u.enabled, u.created_at, u.last_active_at,"
    " l.failed_auth_count, l.failed_auth_at, p.created_at_int, p.expires_at_int,"
    " (SELECT GROUP_CONCAT(option_id, option_value) FROM user_option o WHERE o.user_id = u.id)"
)
_BARE: Final = (
    f"{_READ} FROM password p JOIN local_user l ON l.id = p.local_user_id JOIN user u"
    " ON u.id = l.user_id LEFT JOIN project d ON d.id = u.domain_id WHERE"
    " p.expires_at_int BETWEEN (UNIX_TIMESTAMP() - 7 * 86400) * 1000000"
    " AND (UNIX_TIMESTAMP() + 14 * 86400) * 1000000",
    f"{_READ} FROM user u JOIN local_user l ON l.user_id = u.id JOIN password p"
    " ON p.local_user_id = l.id LEFT JOIN project d ON d.id = u.domain_id WHERE"
    " u.last_active_at BETWEEN UTC_DATE() - INTERVAL 89 DAY AND UTC_DATE() - INTERVAL 83 DAY"
    " AND NOT EXISTS (SELECT 1 FROM password n WHERE n.local_user_id = l.id"
    " AND n.created_at_int > p.created_at_int)",
)


def _bare_read(bench: Bench) -> int:
    connection = _connection(bench, "keystone", KEYSTONES)
    number = 0
    with connection, connection.cursor(SSCursor) as cursor:
        for statement in _BARE:
            cursor.execute(statement)
            number += sum(1 for _ in cursor)
    return number


def _bare_inserts(bench: Bench) -> None:
    """The rows that are there, once more into a table of the same shape."""
    connection = _connection(bench, "pciops", OURS)
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare LIKE notices_notice")
        cursor.execute("SELECT * FROM notices_notice")
        rows = list(cursor.fetchall())
        places = ", ".join(["%s"] * len(rows[0]))
        for start in range(0, len(rows), upsert.ROWS):
            cursor.executemany(
                f"INSERT INTO bare VALUES ({places})", rows[start : start + upsert.ROWS]
            )
            connection.commit()
        cursor.execute("DROP TABLE bare")


def _connection(bench: Bench, name: str, password: str) -> pymysql.Connection[Any]:
    return pymysql.connect(
        host="127.0.0.1", port=bench.server.port, user=name, password=password, database=name
    )


# --- Sending -----------------------------------------------------------------------------------
def _sending(bench: Bench, mails: int) -> Iterator[Row]:
    """One worker, and two, between two bare loops: their mean is what counts."""
    ids = list(Notice.objects.filter(status="planned").values_list("pk", flat=True)[: 2 * mails])
    assert len(ids) == 2 * mails, f"only {len(ids):,} notices are due"
    halves = ids[:mails], ids[mails:]
    settings.MAIL_FROM = FROM
    mail = _mail()
    times, costs = [], []
    with _sink() as (port, sink):
        others = _Others(bench, sink)

        def bare_loop() -> float:
            begun = time.process_time()
            took = once(lambda: _bare_loop(port, mail, mails))
            costs.append(("the bare loop", others.with_(time.process_time() - begun)))
            return took

        before = bare_loop()
        for half, workers in zip(halves, (1, 2), strict=True):
            _choose(half)
            others.forget()
            took, cpu = _workers(bench, port, workers)
            times.append(took)
            costs.append((f"{workers} worker{'s' * (workers > 1)}", others.with_(cpu)))
            assert not Notice.objects.filter(status="planned").exists()
        others.forget()
        after = bare_loop()
    bare = (before + after) / 2
    say(f"the bare loop took {before:.1f} s before, {after:.1f} s after")
    for workers, took, share in zip((1, 2), times, (0.25, 0.3), strict=True):
        rate = bare / took
        yield Row(
            what=f"{mails:,} emails by {workers} worker{'s' * (workers > 1)}",
            ours=took,
            bare=bare,
            limit=f"{share} of the bare loop's rate: {rate:.2f}",
            kept=rate >= share,
        )
    for whose, parts in costs:
        yield Row(
            what=f"CPU time of an email of {whose}",
            ours=sum(parts.values()) / mails * 1e6,
            bare=None,
            limit=", ".join(f"{who} {cpu / mails * 1e6:.0f}" for who, cpu in parts.items()),
            kept=True,
            unit="µs",
        )


def _choose(ids: list[Any]) -> None:
    """Let these notices be due, and no others."""
    Notice.objects.filter(status="planned").update(status="given_up")
    for start in range(0, len(ids), 1000):
        Notice.objects.filter(pk__in=ids[start : start + 1000]).update(status="planned")


class _Others:
    """CPU time, user's and system's, of those who serve the senders."""

    def __init__(self, bench: Bench, sink: _Process) -> None:
        database = bench.server.process
        assert database
        self._processes = {"SMTP server": sink, "databases": _Process(database.pid)}
        self.forget()

    def forget(self) -> None:
        """Count from now on."""
        self._begun = {who: process.seconds for who, process in self._processes.items()}

    def with_(self, senders: float) -> dict[str, float]:
        """Of each, with that of the senders."""
        used = {who: one.seconds - self._begun[who] for who, one in self._processes.items()}
        return {"sender": senders, **used}


@dataclass(frozen=True)
class _Process:
    pid: int

    @property
    def seconds(self) -> float:
        """CPU time that it has used (Linux)."""
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _sink() -> Iterator[tuple[int, _Process]]:
    port = free_port()
    process = subprocess.Popen([*ENDS_WITH_US, sys.executable, "-c", _SINK, str(port)])
    try:
        wait_until(lambda: _answers(port), "the SMTP server answers", process)
        yield port, _Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        smtplib.SMTP("127.0.0.1", port, timeout=5).quit()
    except OSError:
        return False
    return True


def _mail() -> bytes:
    """One as ours are."""
    notice, now = Notice.objects.filter(status="planned")[0], timezone.now()
    return message.build(
        rendering.render_notice(
            notice, policy=policy.current(), rules=rules.current().default, now=now
        ),
        message_id=notice.message_id,
        to="ann@example.org",
        reply_to="",
        now=now,
    )


def _bare_loop(port: int, mail: bytes, mails: int) -> None:
    """The same mail again and again over one connection, as the standard library does it."""
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        for _ in range(mails):
            smtp.sendmail(FROM, ["ann@example.org"], mail)


def _workers(bench: Bench, port: int, number: int) -> tuple[float, float]:
    """How long so many processes take for all that is due, once they are up; their CPU time."""
    environment = {
        **bench.site.environment,
        "DJANGO_SETTINGS_MODULE": "pciops.settings",
        "PCIOPS_EMAIL_URL": f"smtp://127.0.0.1:{port}?tls=none",
        "PCIOPS_MAIL_FROM": FROM,
        "PCIOPS_NOTICE_RATE": "1000000",
    }
    processes = [
        subprocess.Popen(
            [*ENDS_WITH_US, sys.executable, "-c", _WORKER],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(number)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
    begun = time.perf_counter()
    for process in processes:
        assert process.stdin
        process.stdin.write(b"\n")
        process.stdin.close()
    for process in processes:
        assert process.wait() == 0
    took = time.perf_counter() - begun
    return took, sum(float(process.stdout.read()) for process in processes if process.stdout)
