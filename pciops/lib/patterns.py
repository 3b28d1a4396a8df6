"""Settings that are regular expressions."""

from __future__ import annotations

import re

from pciops.lib import env


def pattern(name: str, *, example: str) -> re.Pattern[str] | None:
    """Return the variable as a compiled regular expression; None if it is unset."""
    value = env.text(name)
    if not value:
        return None
    try:
        compiled = re.compile(value)
    except re.error as error:
        problem = f"is {value!r}, not a regular expression ({error})"
        raise env.SettingError(name, problem, example) from None
    if compiled.search(""):
        raise env.SettingError(name, f"is {value!r}, which matches every text", example)
    return compiled
