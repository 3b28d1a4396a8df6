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
    now, last = timezone.now(), chain.last_check()
    if last is None:
        yield warning("Its chain has not been verified yet.", remedy)
        return
    age = times.span(now - last.checked_at)
    if last.problem:
        yield problem(
            f"It does not fit, found {age} ago: {last.problem}.",
            "Somebody changed the database past pciops. Keep a copy of it before anything else, and"
            " compare it with what syslog has.",
        )
    elif now - last.checked_at > MAX_AGE:
        yield warning(f"Its chain was verified {age} ago.", remedy)
    else:
        yield ok(f"Its chain of {last.rows} rows was verified {age} ago, and fits.")
