"""Planning notices for a large cloud, and sending them, against bare SQL and a bare smtplib loop.

    .venv/bin/python -m bench.notices [--users 1000000] [--mails 20000]

Starts what bench.pages does, and an SMTP server that takes everything. The bare read is one range
over each table with what a notice needs; the bare loop hands in one mail of the same length over
one connection. The SMTP server stands in a process of its own.
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
    parser.add_argument("--mails", type=int, default=20_000)
    options = parser.parse_args()
    with running(Size(users=options.users), say) as bench:
        configure(bench)
        table(importlib.import_module("bench.of_notices").measured(bench, mails=options.mails))


if __name__ == "__main__":
    main()
