"""What the doctor says of the triggers that protect evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pciops.lib import triggers
from pciops.lib.doctor import CheckResult, ok, problem, warning
from pciops.lib.numbers import counted
from pciops.lib.triggers import Guard


def findings(guards: Sequence[Guard], evidence: str) -> Iterator[CheckResult]:
    """Yield what the doctor says of the triggers that protect this evidence."""
    present = triggers.installed(guards)
    missing = sorted({guard.name for guard in guards} - present)
    if missing and not present and not triggers.are_visible():
        yield warning(
            f"Not checked whether our database refuses changes of {evidence}: this login may not "
            "see triggers.",
            "Run pciops doctor with the login that runs migrate.",
        )
    elif not present:
        yield warning(
            f"Our database has no triggers, so it does not refuse changes of {evidence} by itself. "
            "Verifications still find them.",
            "Give the login that runs migrate the right TRIGGER, and run migrate again.",
        )
    elif missing:
        yield problem(
            f"Our database lacks {counted(len(missing), 'trigger')}, {missing[0]} first, and does "
            f"not refuse every change of {evidence}: somebody has dropped what migrate made.",
            "Run verify_audit, find out who dropped it, then run migrate, which makes it again.",
        )
    else:
        yield ok(f"Our database refuses changes of {evidence}.")
