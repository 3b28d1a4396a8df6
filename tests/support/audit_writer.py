"""A process that writes rows of the audit log: python -m tests.support.audit_writer NAME ROWS.

It prints how often it had to repeat a transaction.
"""

from __future__ import annotations

import logging
import sys

import django
from django.utils import timezone


class Counter(logging.Handler):
    """Counts the messages of a logger."""

    number = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.number += 1


def main(name: str, rows: int) -> int:
    """Write so many rows, and return the number of repetitions."""
    django.setup()
    from pciops.audit import services
    from pciops.audit.models import Event

    repetitions = Counter()
    log = logging.getLogger("pciops.lib.retries")
    log.addHandler(repetitions)
    log.setLevel(logging.INFO)
    log.propagate = False
    for number in range(rows):
        services.record(
            Event.Action.START,
            Event.Outcome.SUCCESS,
            initiator=services.PCIOPS,
            resource=name,
            remark=f"row {number}",
            now=timezone.now(),
        )
    return repetitions.number


if __name__ == "__main__":
    sys.stdout.write(f"{main(sys.argv[1], int(sys.argv[2]))}\n")
