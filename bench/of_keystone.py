"""What bench.keystone measures; Django is set up when this is imported."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.browsing import browsing
from bench.cloud import Bench
from bench.measure import children, say
from pciops.keystone import benchmark, client, clouds
from pciops.keystone.benchmark import BenchmarkSize, Measurement
from tests.support.processes import running, wait_until

LEVELS: Final = (0, 10, 100, 1000)  # revocation events
# As Keystone 30 writes them: RevokeEvent of keystone.models.revoke_model.
EVENTS: Final = {
    "ended sessions of accounts": """
        INSERT INTO revocation_event (user_id, issued_before, revoked_at)
        SELECT MD5(CONCAT('user', seq)), UTC_TIMESTAMP(), UTC_TIMESTAMP() FROM seq_1_to_{number}""",
    "sign-outs, two events each": """
        INSERT INTO revocation_event (audit_id, audit_chain_id, issued_before, revoked_at)
        SELECT IF(seq % 2, LEFT(MD5(seq), 22), NULL), IF(seq % 2, NULL, LEFT(MD5(seq - 1), 22)),
          UTC_TIMESTAMP(), UTC_TIMESTAMP() FROM seq_1_to_{number}""",
}
JOBS: Final = ("census", "planning", "report")
# Where pciops' own processes run. Threads of the lowest priority on all cores would still delay a
# server that waits for its database many times in each request.
CORE: Final = max(os.sched_getaffinity(0))
# All that the worker does with Keystone's tables, one after the other without a pause.
_WORK: Final = """
import django; django.setup()
import itertools, sys
from django.utils import timezone
from pciops.accounts.census import census
from pciops.accounts.policy import policy
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.notices import plan, rules
from pciops.reports import weeks
from pciops.reports.build import build
from pciops.reports.sources import CloudSources
def count(now):
    census.keep(census.count(policy=policy.current(), now=now))
def plan_notices(now):
    plan.by_date(policy=policy.current(), book=rules.current(), now=now)
def build_report(now):
    build(weeks.last_ended(now), cloud=CloudSources(now=now)).tables.close()
jobs = {"census": count, "planning": plan_notices, "report": build_report}
first = int(sys.argv[1])
for number in itertools.count(first):
    name = list(jobs)[number % len(jobs)]
    try:
        jobs[name](timezone.now())
    except KeystoneDatabaseDownError:
        name = f"{name} without an answer"
    print(name, flush=True)
"""


@dataclass(frozen=True, kw_only=True)
class Busy:
    """What pciops does while it is busy."""

    sessions: list[str]  # of the operators
    think: float  # seconds between two pages of an operator
    nice: int  # of pciops' own processes


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One measurement with pciops off and busy: medians of the rounds."""

    name: str
    off: float  # requests a second
    busy: float
    off_p95: float  # seconds
    busy_p95: float
    errors: int

    @property
    def ratio(self) -> float:
        return self.busy / self.off


def connect_as_operator(bench: Bench) -> None:
    """Put the operator's credentials into the environment, where a command has them."""
    os.environ.update(
        OS_USERNAME=bench.operator.name,
        OS_PASSWORD=bench.operator.password,
        OS_USER_DOMAIN_NAME=bench.operator.domain,
        OS_SYSTEM_SCOPE="all",
    )


def compared(bench: Bench, size: BenchmarkSize, busy: Busy, rounds: int) -> list[Compared]:
    """Measure with pciops off and busy in turns."""
    found: dict[str, dict[str, list[Measurement]]] = {"off": {}, "busy": {}}
    _set_apart(bench, busy.nice)
    _run(BenchmarkSize(serial=20, tokens=20, validations=20, concurrency=2))  # warms caches up
    for number in range(rounds):
        for way in ("off", "busy"):
            with _busy(bench, busy, number) if way == "busy" else ExitStack():
                for name, measurement in _run(size).items():
                    found[way].setdefault(name, []).append(measurement)
                    say(f"round {number + 1}, {way}: {name}: {measurement.per_second:.1f}/s")
    return [_compared(name, found["off"][name], found["busy"][name]) for name in found["off"]]


def _compared(name: str, off: list[Measurement], busy: list[Measurement]) -> Compared:
    return Compared(
        name=name,
        off=_rate(off),
        busy=_rate(busy),
        off_p95=_p95(off),
        busy_p95=_p95(busy),
        errors=sum(measurement.errors for measurement in [*off, *busy]),
    )


def with_events(
    bench: Bench, size: BenchmarkSize, rounds: int
) -> dict[str, dict[int, tuple[float, float]]]:
    """Return validations a second, one at a time and several, by kind and number of events.

    The events are newer than the tokens: Keystone does not read older ones.
    """
    sessions = [clouds.session_from_environment() for _ in range(size.concurrency)]
    found: dict[tuple[str, int], list[tuple[Measurement, Measurement]]] = defaultdict(list)
    for _ in range(rounds):
        for kind, statement in EVENTS.items():
            for number in LEVELS:
                asking = client.issue(sessions[0])
                _, tokens = benchmark.create(sessions, size.validated)
                bench.server.execute("DELETE FROM revocation_event", database="keystone")
                if number:
                    bench.server.execute(statement.format(number=number), database="keystone")
                one = benchmark.validate(sessions[:1], asking, tokens[: size.serial])
                many = benchmark.validate(sessions, asking, tokens[size.serial :])
                say(f"{number} {kind}: {one.per_second:.1f}/s, {many.per_second:.1f}/s")
                assert not one.errors + many.errors
                found[kind, number].append((one, many))
    bench.server.execute("DELETE FROM revocation_event", database="keystone")
    return {
        kind: {
            number: (
                _rate([one for one, _ in found[kind, number]]),
                _rate([many for _, many in found[kind, number]]),
            )
            for number in LEVELS
        }
        for kind in EVENTS
    }


def _run(size: BenchmarkSize) -> dict[str, Measurement]:
    def name(measurement: Measurement) -> str:
        several = measurement.concurrency
        return f"{measurement.what}, {f'{several} at once' if several > 1 else 'one at a time'}"

    return {name(found): found for found in benchmark.run(clouds.session_from_environment, size)}


def _rate(measurements: list[Measurement]) -> float:
    return statistics.median(measurement.per_second for measurement in measurements)


def _p95(measurements: list[Measurement]) -> float:
    known = [measurement.p95 for measurement in measurements if measurement.p95 is not None]
    return statistics.median(known)  # which raises an error if there are none


@contextmanager
def _busy(bench: Bench, busy: Busy, number: int) -> Iterator[None]:
    """Let operators browse and a worker work inside this block, each time from another job on."""
    log = bench.site.folder / f"jobs-{number}"
    env = {
        **bench.site.environment,
        "DJANGO_SETTINGS_MODULE": "pciops.settings",
        "PCIOPS_LOG_LEVEL": "WARNING",
    }
    apart = ["taskset", "--cpu-list", str(CORE), "nice", "-n", str(busy.nice)]
    work = [*apart, sys.executable, "-c", _WORK, number % len(JOBS)]
    with (
        running(work, env=env, log=log) as jobs,
        browsing(bench.site.url, busy.sessions, think=busy.think, nice=busy.nice) as browsed,
    ):
        time.sleep(busy.think)  # until they all browse
        begun = time.monotonic()
        yield
        seconds = time.monotonic() - begun
        assert jobs.process.poll() is None, jobs.output
    done = jobs.output.splitlines()
    wait_until(lambda: _idle(bench), "MariaDB has ended the statements of pciops")
    say(
        f"meanwhile: {browsed.pages} pages in {seconds + busy.think:.0f} s,"
        f" {sum(sum(kinds.values()) for kinds in browsed.errors.values())} errors;"
        f" jobs done: {', '.join(done) or 'none'}"
    )


def _idle(bench: Bench) -> bool:
    """Return whether no statement goes on but Keystone's, and nothing is rolled back."""
    [row] = bench.server.execute(
        "SELECT (SELECT COUNT(*) FROM information_schema.processlist"
        " WHERE command = 'Query' AND user NOT IN ('root', 'keystone'))"
        " + (SELECT COUNT(*) FROM information_schema.innodb_trx) AS number"
    )
    return not row["number"]


def _set_apart(bench: Bench, nice: int) -> None:
    """Lower the priority of the site's processes on one core, thread by thread as Linux does."""
    master = bench.site.server.process.pid
    for pid in (master, *children(master)):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {CORE})
            os.setpriority(os.PRIO_PROCESS, int(thread.name), nice)
