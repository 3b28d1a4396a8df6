"""All benches of docs/performance.md, one after the other, and their tables in the document.

    .venv/bin/python -m bench [--only pages,report]

Each takes minutes; all of them about two hours, on a machine that does nothing else. The document
says on which machine, and how busy it was.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.measure import say

DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "performance.md"
# The benches with a section in the document, and their arguments.
BENCHES: Final = {
    "pages": (),
    "report": (),
    "load": (),
    "keystone": ("--rounds", "2", "--event-rounds", "1", "--chart", "docs/keystone-tokens.svg"),
    "events": (),
    "notices": (),
    "audit": (),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default=",".join(BENCHES))
    for name in parser.parse_args().only.split(","):
        say(f"bench.{name}")
        begun = machine()
        command = [sys.executable, "-m", f"bench.{name}", *BENCHES[name]]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        text = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(replaced(text, name, f"{done.stdout.strip()}\n\n{begun}"), "utf-8")


def replaced(document: str, name: str, section: str) -> str:
    """Return the document with a new section between the marks of the bench."""
    begin, end = f"<!-- bench.{name} -->", f"<!-- end of bench.{name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    if not pattern.search(document):
        raise SystemExit(f"{DOCUMENT} has no marks {begin} and {end}")
    return pattern.sub(lambda _: f"{begin}\n{section}\n{end}", document)


def machine() -> str:
    """Return the kind of this machine and how busy it is, as a line of the document."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = next((line for line in info.splitlines() if line.startswith("model name")), ": unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} with {os.cpu_count()} cores"
        f" ({model.partition(': ')[2]}), {memory:.0f} GiB of memory, Python"
        f" {platform.python_version()}; load of others at the beginning: {os.getloadavg()[0]:.1f}."
    )


if __name__ == "__main__":
    main()
