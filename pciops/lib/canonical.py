"""JSON in its one canonical form (RFC 8785), so that a hash over it can be computed again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

# Only numbers that are not integers have another form in RFC 8785; nothing hashed has any.
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: Any) -> str:
    """Encode with sorted keys, without white space, escaping only `"`, `\\` and controls."""
    return _ENCODER.encode(value)


def canonical_lines(rows: Sequence[Sequence[Any]]) -> str:
    """Encode each row as `canonical` does, with a newline after it, in half the time."""
    text = canonical(rows)
    if text.count("],[") == len(rows) - 1:  # or a text has it, too
        return text[1:-1].replace("],[", "]\n[") + "\n"
    return "".join(f"{canonical(row)}\n" for row in rows)


def digest(text: str) -> str:
    """Return the SHA-256 of the text in UTF-8, in lower-case hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def instant(value: datetime) -> str:
    """Return `2026-11-22T14:02:11.000000Z`, always with six digits, so each time has one form."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
