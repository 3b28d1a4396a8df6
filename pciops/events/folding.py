"""Puts sign-ins together that are alike; pure, and the order in which they come does not matter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final
from uuid import UUID

from pciops.events.cadf import SignIn
from pciops.events.models import WINDOW

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BETWEEN: Final = "\x1f"  # no text of an event holds it: `cadf.clean`

Key = tuple[str, ...]


@dataclass(kw_only=True, slots=True)
class Fold:
    """Sign-ins that are alike: one of them, and how many there were from when to when."""

    example: SignIn
    window: datetime
    first_at: datetime
    last_at: datetime
    count: int


def fold(events: Iterable[SignIn]) -> dict[UUID, Fold]:
    """The sign-ins by what makes them alike."""
    folds: dict[Key, Fold] = {}
    for event in events:
        window = window_of(event.at)
        key = _key(event, window)
        found = folds.get(key)
        if found is None:
            folds[key] = Fold(
                example=event, window=window, first_at=event.at, last_at=event.at, count=1
            )
            continue
        found.count += 1
        found.first_at = min(found.first_at, event.at)
        found.last_at = max(found.last_at, event.at)
    return {digest(_BETWEEN.join(key)): found for key, found in folds.items()}


def window_of(at: datetime) -> datetime:
    """When the window began in which this instant lies."""
    return _EPOCH + (at - _EPOCH) // WINDOW * WINDOW


def digest(text: str) -> UUID:
    """122 bits that stand for the text where that is too long for an index.

    Its version is that of UUIDs that are hashes: MariaDB takes no bits that are no UUID.
    """
    return UUID(bytes=blake2b(text.encode("utf-8", "replace"), digest_size=16).digest(), version=5)


def _key(event: SignIn, window: datetime) -> Key:
    return (
        window.isoformat(),
        event.user_id,
        event.name,
        event.domain_id,
        event.domain_name,
        event.outcome,
        event.reason,
        event.address,
        event.agent,
        event.partial_hash,
    )
