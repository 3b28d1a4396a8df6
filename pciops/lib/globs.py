"""Shell-style patterns of names: `*`, `?`, and `[…]` or `[!…]` with letters, digits, and `._-`."""

from __future__ import annotations

import re
from typing import Final

_PART: Final = re.compile(r"\[(!?)([A-Za-z0-9._-]+)\]|([^\[\]\\])", re.DOTALL)


class GlobError(ValueError):
    """A pattern that is not one; the text says why."""


def regex(glob: str) -> str:
    """Return a regular expression that Python, SQLite, MariaDB, and MySQL read alike.

    Raises:
        GlobError: also for a pattern that every name matches.
    """
    parts, place = [], 0
    while place < len(glob):
        part = _PART.match(glob, place)
        if part is None or not glob.isprintable():
            raise GlobError("has a bracket or a character that is not supported")
        place = part.end()
        if part[2]:
            parts.append(f"[{'^' if part[1] else ''}{part[2]}]")
        else:
            parts.append({"*": ".*", "?": "."}.get(part[3]) or _literal(part[3]))
    if not any(character.isalnum() for character in glob):
        raise GlobError("needs a letter or a digit; it would match every name")
    expression = f"^{''.join(parts)}$"
    try:
        re.compile(expression)
    except re.error:
        raise GlobError("has a range that ends before it begins") from None
    return expression


def _literal(character: str) -> str:
    plain = character.isalnum() or character == "_" or not character.isascii()
    return character if plain else f"\\{character}"
