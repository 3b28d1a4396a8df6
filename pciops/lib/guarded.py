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
            "Not checked: this login can't see whether the database refuses changes to "
            f"{evidence}.",
            "Run pciops doctor with the login that runs migrate.",
        )
    elif not present:
        yield warning(
            f"Our database has no triggers, so it doesn't refuse changes to {evidence}. "
            "Verification still finds them.",
            "Grant TRIGGER to the login that runs migrate, and run migrate again.",
        )
    elif missing:
        yield problem(
            f"Our database lacks {counted(len(missing), 'trigger')}, for example {missing[0]}, "
            f"and no longer refuses every change to {evidence}. An administrator of the database "
            "dropped what migrate created.",
            "Run verify_audit and find out who dropped it. Then run migrate, which creates it "
            "again.",
        )
    else:
        yield ok(f"Our database refuses changes to {evidence}.")
