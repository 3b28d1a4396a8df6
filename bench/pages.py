"""Every list, the account page, the overview, the census and an export, against the best known SQL.

    .venv/bin/python -m bench.pages [--users 10000,100000,1000000] [--only lists,census]

For each size it starts a private MariaDB, a real Keystone and the site, fills them, and measures.
At the end it prints the table that docs/performance.md has: the largest size, and how each page
grows. Needs what script/test installs, and about 3 GB of disk for a million.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

from bench.cloud import configure, running
from bench.fill import Size
from bench.measure import Page, grid, said, say

PARTS: Final = ("census", "lists", "pages", "export")
SIZES: Final = "10000,100000,1000000"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--users", default=SIZES)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--json", action="store_true", help="one size, a line for each page")
    options = parser.parse_args()
    sizes = [int(number) for number in options.users.split(",")]
    if options.json:
        [users] = sizes
        for page in _measure(users, options.only.split(",")):
            sys.stdout.write(json.dumps(dataclasses.asdict(page)) + "\n")
            sys.stdout.flush()
        return
    found = {users: _in_a_process(users, options.only) for users in sizes}
    sys.stdout.write(_table(found) + "\n")


def _measure(users: int, parts: list[str]) -> Iterator[Page]:
    with running(Size(users=users), say) as bench:
        configure(bench)
        yield from importlib.import_module("bench.of_pages").measured(bench, parts)


def _in_a_process(users: int, only: str) -> dict[str, Page]:
    """Measure one size in a process of its own: Django reads its settings once."""
    command = [sys.executable, "-m", "bench.pages", "--json", f"--users={users}", f"--only={only}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    pages = (Page(**json.loads(line)) for line in done.stdout.splitlines())
    return {page.what: page for page in pages}


def _table(found: dict[int, dict[str, Page]]) -> str:
    """Return the table of the largest size, with the times of the smaller ones at the end."""
    *smaller, largest = sorted(found)
    heads = [
        *("page", "best SQL", "pciops", "ratio"),
        *("CPU of best SQL", "CPU of MariaDB", "CPU of pciops", "goal", "met"),
        *(f"with {users:,}" for users in smaller),
    ]
    lines = [
        [*page.cells, *(_time(found[users].get(page.what)) for users in smaller)]
        for page in found[largest].values()
    ]
    return grid(heads, lines)


def _time(page: Page | None) -> str:
    return "–" if page is None else said(page.ours)


if __name__ == "__main__":
    main()
