"""The weekly report of a large cloud: building, keeping and printing it, against its bare SQL.

    .venv/bin/python -m bench.report [--users 1000000]

Starts what bench.pages does. The bare SQL are the statements that the build sends to Keystone's
database, with PyMySQL alone, each fetched whole and forgotten.
"""

from __future__ import annotations

import argparse
import importlib

from bench.cloud import configure, running
from bench.fill import Size
from bench.measure import say, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", type=int, default=Size().users)
    options = parser.parse_args()
    with running(Size(users=options.users), say) as bench:
        configure(bench)
        table(importlib.import_module("bench.of_report").measured(bench))


if __name__ == "__main__":
    main()
