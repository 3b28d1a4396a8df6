"""Many operators who browse at once: the times of their pages, and what failed.

    .venv/bin/python -m bench.load [--users 1000000] [--operators 50] [--seconds 120] [--think 15]

Starts what bench.pages does: the site runs in gunicorn as docs/install.md says. After them come
operators who have the overview open, which refreshes itself, and what that costs MariaDB.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator

from bench.browsing import Browsed, browsing, signed_in
from bench.cloud import Bench, running
from bench.fill import Size
from bench.measure import cpu_of, grid, said, say
from pciops.keystone.benchmark import percentile

HEADS = ("page", "pages", "median", "95th percentile", "longest", "errors")
HEADS_OF_REFRESHING = ("the overview refreshes", *HEADS[1:], "pages a second", "MariaDB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", type=int, default=Size().users)
    parser.add_argument("--operators", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--think", type=float, default=15, help="seconds between two pages")
    parser.add_argument("--refreshing", type=int, default=20, help="operators with an overview")
    options = parser.parse_args()
    with running(Size(users=options.users), say) as bench:
        sessions = signed_in(bench, options.operators)
        for words, seconds in (("warming up", 20.0), ("measuring", options.seconds)):
            say(f"{words} for {seconds:.0f} s")
            with browsing(bench.site.url, sessions, think=options.think) as browsed:
                time.sleep(seconds)
        refreshing = [
            _refreshing(bench, name, sessions[: options.refreshing], think, options.seconds)
            for name, think in (("every 15 s", 15), ("without a pause", 0))
        ]
    sys.stdout.write(grid(HEADS, _lines(browsed)) + "\n")
    sys.stdout.write(f"\n{browsed.pages / options.seconds:.1f} pages a second.\n\n")
    sys.stdout.write(grid(HEADS_OF_REFRESHING, refreshing) + "\n")


def _refreshing(
    bench: Bench, name: str, sessions: list[str], think: float, seconds: float
) -> tuple[str, ...]:
    """Return the line of operators who only have the overview open."""
    say(f"{len(sessions)} overviews refresh {name}")
    assert bench.server.process
    database = [bench.server.process.pid]
    before = cpu_of(database)
    with browsing(bench.site.url, sessions, think=think, refreshing=True) as browsed:
        time.sleep(seconds)
        share = (cpu_of(database) - before) / seconds
    name = f"of {len(sessions)} operators, {name}"
    line = _line(name, browsed.times["overview"], browsed.errors.get("overview", {}))
    return *line, f"{browsed.pages / seconds:.1f}", f"{share:.0%} of a core"


def _lines(browsed: Browsed) -> Iterator[tuple[str, ...]]:
    names = sorted({*browsed.times, *browsed.errors})
    for name in names:
        yield _line(name, browsed.times.get(name, []), browsed.errors.get(name, {}))
    every = sorted(time for times in browsed.times.values() for time in times)
    failed = {name: sum(kinds.values()) for name, kinds in browsed.errors.items()}
    yield _line("all", every, failed)


def _line(name: str, times: list[float], errors: dict[str, int]) -> tuple[str, ...]:
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(errors.items()))
    p95 = percentile(times, 95)
    if p95 is None:
        return name, "0", "–", "–", "–", kinds
    figures = (statistics.median(times), p95, times[-1])
    return name, str(len(times)), *map(said, figures), kinds or "0"


if __name__ == "__main__":
    main()
