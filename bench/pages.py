"""Every list, the account page, the overview, the census and an export, against their bare SQL.

    .venv/bin/python -m bench.pages [--users 1000000] [--only census,overview]

Starts a private MariaDB, a real Keystone and the site, fills them, and prints the table that
docs/performance.md has. Needs what script/test installs, and about 3 GB of disk for a million.
"""

from __future__ import annotations

import argparse
import importlib

from bench.cloud import configure, running
from bench.fill import Size
from bench.measure import say, table

PARTS = ("census", "lists", "overview", "export", "keystone")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", type=int, default=Size().users)
    parser.add_argument("--only", default=",".join(PARTS))
    arguments = parser.parse_args()
    with running(Size(users=arguments.users), say) as bench:
        configure(bench)
        table(importlib.import_module("bench.of_pages").measured(bench, arguments.only.split(",")))


if __name__ == "__main__":
    main()
