"""Times, and tables of them."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

RUNS = 7


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; times in seconds."""

    what: str
    ours: float
    bare: float | None
    limit: str
    kept: bool
    unit: str = ""  # where `ours` is no time

    @property
    def cells(self) -> tuple[str, ...]:
        """As the table has them."""
        bare = "" if self.bare is None else said(self.bare)
        ratio = f"{self.ours / self.bare:.2f}" if self.bare else ""
        ours = f"{self.ours:.0f} {self.unit}" if self.unit else said(self.ours)
        return self.what, ours, bare, ratio, self.limit, "yes" if self.kept else "NO"


@dataclass(frozen=True, kw_only=True)
class Page:
    """What one page takes; times in seconds of the clock, CPU time in seconds for each page."""

    what: str
    goal: float
    ours: float
    best: float | None  # of the best known SQL
    best_database: float  # its CPU time of MariaDB
    database: float  # CPU time of MariaDB
    workers: float  # CPU time of the site's processes

    @property
    def cells(self) -> tuple[str, ...]:
        """As the table has them."""
        best = "" if self.best is None else said(self.best)
        ratio = f"{self.ours / self.best:.1f}" if self.best else ""
        met = "yes" if self.ours <= self.goal else "no"
        best_cpu = "" if self.best is None else said(self.best_database)
        cpu = (said(self.database), said(self.workers))
        return self.what, best, said(self.ours), ratio, best_cpu, *cpu, said(self.goal), met


class Work:
    """A page and its reference, run in turns: the medians, and the CPU time of each page."""

    def __init__(
        self,
        ours: Callable[[], object],
        best: Callable[[], object] | None,
        *,
        database: int,
        workers: list[int],
    ) -> None:
        times: tuple[list[float], list[float]] = ([], [])
        ours()  # warms the caches up
        in_database = in_workers = of_best = 0.0
        for _ in range(RUNS):
            before = cpu_of([database]), cpu_of(workers)
            times[0].append(once(ours))
            in_database += cpu_of([database]) - before[0]
            in_workers += cpu_of(workers) - before[1]
            if best is not None:
                idle = cpu_of([database])
                times[1].append(once(best))
                of_best += cpu_of([database]) - idle
        self.ours = statistics.median(times[0])
        self.best = statistics.median(times[1]) if best is not None else None
        self.database_cpu, self.workers_cpu = in_database / RUNS, in_workers / RUNS
        self.best_cpu = of_best / RUNS


def cpu_of(pids: list[int]) -> float:
    """Return the seconds of CPU time that processes have taken (Linux)."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


HEADS = ("what", "ours", "bare", "ratio", "limit", "kept")


def said(seconds: float) -> str:
    """As a person reads it."""
    return f"{seconds * 1000:,.0f} ms" if seconds < 10 else f"{seconds:,.1f} s"


def pair(ours: Callable[[], object], bare: Callable[[], object]) -> tuple[float, float]:
    """The medians of both, run in turns so that what else the machine does meets both alike."""
    times: tuple[list[float], list[float]] = ([], [])
    for run in range(RUNS + 1):
        for act, found in zip((ours, bare), times, strict=True):
            begun = time.perf_counter()
            act()
            if run:  # the first warms caches up
                found.append(time.perf_counter() - begun)
    return statistics.median(times[0]), statistics.median(times[1])


def say(words: str) -> None:
    """Tell whoever watches how far it is; the table alone goes to standard output."""
    sys.stderr.write(words + "\n")


def table(rows: Iterable[Row]) -> None:
    """Write the table, and each row as soon as it is known."""
    kept = []
    for row in rows:
        say("  ".join(row.cells))
        kept.append(row)
    sys.stdout.write(markdown(kept) + "\n")


def once(act: Callable[[], object]) -> float:
    """How long it takes, once."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def markdown(rows: list[Row]) -> str:
    """The table, for a terminal and for docs/performance.md."""
    return grid(HEADS, (row.cells for row in rows))


def grid(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    every = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in every)


class Memory:
    """The largest resident memory of processes while something goes on, over that of before."""

    def __init__(self, pids: list[int]) -> None:
        self.pids = pids
        self.over = 0  # bytes
        self._idle = {pid: resident(pid) for pid in pids}
        self._done = Event()
        self._watcher = Thread(target=self._watch)

    def __enter__(self) -> Memory:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            grown = (resident(pid) - self._idle[pid] for pid in self.pids)
            self.over = max(self.over, *grown)


def resident(pid: int) -> int:
    """Bytes of memory that the process has in use (Linux)."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    [line] = [line for line in text.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


def children(pid: int) -> list[int]:
    """The processes that this one has started (Linux)."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
    return [int(word) for word in text.split()]
