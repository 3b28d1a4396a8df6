"""System checks: variables that nobody reads."""

from __future__ import annotations

import difflib
import os
from typing import Any

from django.core import checks

from pciops.lib import env


@checks.register
def variables_are_known(**_: Any) -> list[checks.CheckMessage]:
    """A misspelt setting does nothing, and nobody would notice."""
    return [
        checks.Warning(f"{name} is no setting of pciops.", _hint(name), id="pciops.W001")
        for name in sorted(os.environ)
        if name.startswith("PCIOPS_") and name not in env.READ
    ]


def _hint(name: str) -> str:
    close = difflib.get_close_matches(name, sorted(env.READ), n=1)
    return f"Did you mean {close[0]}?" if close else "README.md lists the settings."
