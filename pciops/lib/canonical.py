"""JSON of which there is one form only (RFC 8785), so that a hash over it can be computed again."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, Final

# Numbers that are no integers have another form there; nothing that is hashed has any.
_ENCODER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical(value: Any) -> str:
    """Keys sorted, no white space, only `"`, `\\` and control characters escaped."""
    return _ENCODER.encode(value)


def digest(text: str) -> str:
    """SHA-256 over the text in UTF-8, in lower-case hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def instant(value: datetime) -> str:
    """`2026-11-22T14:02:11.000000Z`: always six digits, so that one instant has one form."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
