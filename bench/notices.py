"""Planning notices for a large cloud, and sending them, against bare SQL and a bare smtplib loop.

    .venv/bin/python -m bench.notices [--users 1000000] [--mails 20000] [--only sending]

Starts what bench.pages does, and an SMTP server that takes everything. The bare read is one range
over each table with what a notice needs; the bare loop hands in one mail of the same length over
one connection. The SMTP server stands in a process of its own. With `--only sending` the cloud has
just the accounts that the mails need, all of which are due; that takes two or three minutes.
"""

from __future__ import annotations

import argparse
import importlib

from bench.cloud import configure, running
from bench.fill import Size
from bench.measure import say, table

PARTS = ("planning", "sending")
PER_MAIL = 2.2  # accounts: two runs, and some have no local user or are exempt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", type=int)
    parser.add_argument("--mails", type=int, default=20_000)
    parser.add_argument("--only", choices=PARTS, action="append")
    options = parser.parse_args()
    parts = options.only or PARTS
    usual = Size().users if "planning" in parts else int(options.mails * PER_MAIL)
    with running(Size(users=options.users or usual), say) as bench:
        configure(bench)
        here = importlib.import_module("bench.of_notices")
        table(here.measured(bench, mails=options.mails, parts=parts))


if __name__ == "__main__":
    main()
