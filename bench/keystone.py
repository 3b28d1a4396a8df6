"""The token benchmark of Keystone with pciops off and busy, and with revocation events.

    .venv/bin/python -m bench.keystone [--users 1000000] [--rounds 3] [--chart docs/FILE.svg]

Starts what bench.pages does. Busy are 20 operators who browse (bench.browsing), and a process that
takes the census, plans notices and builds the report, over and over. Off and busy take turns, so
that what else the machine does meets both alike. pciops' own processes share one core, and have the
lowest priority, as if they had a host of their own; their statements in MariaDB have the same as
Keystone's.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Any

from bench.browsing import signed_in
from bench.chart import svg
from bench.cloud import configure, running
from bench.fill import Size
from bench.measure import grid, said, say
from pciops.keystone.benchmark import BenchmarkSize
from pciops.lib.charts import Bars, Series

Events = dict[str, dict[int, tuple[float, float]]]  # as of_keystone.with_events returns them
VALIDATIONS = 0.95  # of those a second with pciops off


def main() -> None:
    usual = BenchmarkSize()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", type=int, default=Size().users)
    parser.add_argument("--rounds", type=int, default=3, help="each with pciops off and busy")
    parser.add_argument(
        "--event-rounds", type=int, default=2, help="each with all numbers of events"
    )
    parser.add_argument("--serial", type=int, default=usual.serial)
    parser.add_argument("--tokens", type=int, default=usual.tokens)
    parser.add_argument("--validations", type=int, default=usual.validations)
    parser.add_argument("--operators", type=int, default=20)
    parser.add_argument("--think", type=float, default=15, help="seconds between two pages")
    parser.add_argument("--nice", type=int, default=19, help="of pciops' own processes")
    parser.add_argument("--chart", type=Path, help="an SVG file to write")
    options = parser.parse_args()
    size = BenchmarkSize(
        serial=options.serial, tokens=options.tokens, validations=options.validations
    )
    with running(Size(users=options.users), say) as bench:
        configure(bench)
        of = importlib.import_module("bench.of_keystone")
        of.connect_as_operator(bench)
        busy = of.Busy(
            sessions=signed_in(bench, options.operators), think=options.think, nice=options.nice
        )
        compared = of.compared(bench, size, busy, options.rounds)
        sys.stdout.write(_of_tokens(compared) + "\n\n")
        events = of.with_events(bench, size, options.event_rounds)
    sys.stdout.write(_of_events(events) + "\n")
    if options.chart:
        options.chart.write_text(svg(_charts(compared, events)), encoding="utf-8")


def _of_tokens(compared: list[Any]) -> str:
    heads = ("tokens", "off", "busy", "ratio", "p95 off", "p95 busy", "errors", "0.95 kept")
    lines = [
        (
            one.name,
            *(f"{one.off:.1f}/s", f"{one.busy:.1f}/s", f"{one.ratio:.2f}"),
            *(said(one.off_p95), said(one.busy_p95), str(one.errors)),
            ("yes" if one.ratio >= VALIDATIONS else "NO") if "validate" in one.name else "",
        )
        for one in compared
    ]
    return grid(heads, lines)


def _of_events(events: Events) -> str:
    heads = ("revocation events", "number", "one at a time", "several at once", "of those without")
    lines = [
        (kind, f"{number:,}", f"{one:.1f}/s", f"{many:.1f}/s", f"{many / levels[0][1]:.2f}")
        for kind, levels in events.items()
        for number, (one, many) in levels.items()
    ]
    return grid(heads, lines)


def _charts(compared: list[Any], events: Events) -> list[Bars]:
    return [
        Bars(
            title="Tokens a second",
            groups=tuple(one.name for one in compared),
            series=(
                Series(label="pciops off", values=tuple(round(one.off) for one in compared)),
                Series(label="pciops busy", values=tuple(round(one.busy) for one in compared)),
            ),
        ),
        Bars(
            title="Validations a second, several at once, by number of newer revocation events",
            groups=tuple(f"{number:,}" for number in next(iter(events.values()))),
            series=tuple(
                Series(label=kind, values=tuple(round(many) for _, many in levels.values()))
                for kind, levels in events.items()
            ),
        ),
    ]


if __name__ == "__main__":
    main()
