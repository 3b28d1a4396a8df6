"""Verification of a large audit log, against reading its rows and checking their signatures.

    .venv/bin/python -m bench.audit [--rows 1000000]

Starts what bench.pages does, with a small cloud.
"""

from __future__ import annotations

import argparse
import importlib

from bench.cloud import configure, running
from bench.fill import Size
from bench.measure import say, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with running(Size(users=1000), say) as bench:
        configure(bench)
        table(importlib.import_module("bench.of_audit").measured(options.rows))


if __name__ == "__main__":
    main()
