"""Every list, the account page, the overview, the census and an export, against their bare SQL.

    .venv/bin/python -m bench.pages [--users 1000000] [--only census,overview]

Starts a private MariaDB, a real Keystone and the site, fills them, and prints the table that
docs/performance.md has. Needs what script/test installs, and about 3 GB of disk for a million.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys

import django

from bench.cloud import Bench, running
from bench.fill import Size
from bench.measure import Row, markdown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", type=int, default=Size().users)
    parser.add_argument("--only", default="census,lists,overview,export,keystone")
    arguments = parser.parse_args()
    size, parts = Size(users=arguments.users), arguments.only.split(",")
    with running(size, _say) as bench:
        _configure(bench)
        rows: list[Row] = []
        for row in importlib.import_module("bench.of_pages").measured(bench, parts):
            _say("  ".join(row.cells))
            rows.append(row)
        sys.stdout.write(markdown(rows) + "\n")


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")


def _configure(bench: Bench) -> None:
    """Let pciops' own code run in this process too, over the same login, to take its SQL down."""
    for name in list(os.environ):
        if name.startswith(("PCIOPS_", "OS_")):
            del os.environ[name]
    os.environ.update(bench.site.environment, DJANGO_SETTINGS_MODULE="pciops.settings")
    django.setup()


if __name__ == "__main__":
    main()
