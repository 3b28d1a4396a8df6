"""A check of the audit log: when its chain was verified last, and the result."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.utils import timezone

from pciops.audit import chain
from pciops.lib import times
from pciops.lib.doctor import CheckResult, check, ok, problem, warning

MAX_AGE: Final = timedelta(hours=26)  # a worker verifies every night


@check("trail", after="database")
def audit_log() -> Iterator[CheckResult]:
    """Check that the chain is verified every night, and is intact."""
    remedy = "Look at the worker and at its beat (docs/install.md); manage.py verify_audit does it."
    now, last, failed = timezone.now(), chain.last_check(), chain.open_failure()
    if last is None:
        yield warning("Its chain has not been verified yet.", remedy)
        return
    age = times.span(now - last.checked_at)
    if failed is not None:
        found = times.span(now - failed.checked_at)
        later = "" if last.problem else " Later checks passed."
        yield problem(
            f"An integrity check failed {found} ago: {failed.problem}.{later}",
            "The database was changed outside pciops. Keep a copy of it first, compare it with"
            " syslog, then acknowledge the check on /audit/ with what you found.",
        )
    elif last.problem:
        yield warning(
            f"Its integrity check fails ({last.problem}); acknowledged by {last.acknowledged_by}."
            " Rows after that one are not verified.",
            f"manage.py verify_audit --since {last.position + 1} verifies the rows after it.",
        )
    elif now - last.checked_at > MAX_AGE:
        yield warning(f"Its chain was verified {age} ago.", remedy)
    else:
        yield ok(f"Its chain of {last.rows} rows was verified {age} ago, and fits.")
