"""Aggregates equal sign-ins of a minute: pure, and independent of their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final
from uuid import UUID

from pciops.events.intake.cadf import SignIn
from pciops.events.models import WINDOW, Attempts

MAX_VARIANTS: Final = 100  # different sign-ins of one address and minute that are kept apart
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SEPARATOR: Final = "\x1f"  # `cadf.clean` removes it from every text

Key = tuple[str, ...]


def aggregate(sign_ins: Iterable[SignIn]) -> list[Attempts]:
    """Return the sign-ins as unsaved rows.

    Clients choose agents and unknown usernames, so one address could fill the disk with sign-ins
    that are all different. Beyond `MAX_VARIANTS` of an address and minute, only facts about
    accounts are kept apart; every sign-in is counted.
    """
    rows: dict[Key, Attempts] = {}
    for sign_in in sign_ins:
        window = window_of(sign_in.at)
        row = rows.get(_key(sign_in, window))
        if row is None:
            rows[_key(sign_in, window)] = _row(sign_in, window)
        else:
            _add(row, count=1, first_at=sign_in.at, last_at=sign_in.at)
    _limit_variants(rows)
    for key, row in rows.items():
        row.dedup_key = dedup_key(*key)
    return list(rows.values())


def _row(sign_in: SignIn, window: datetime) -> Attempts:
    return Attempts(
        window=window,
        user_id=sign_in.user_id,
        name=sign_in.name,
        domain_id=sign_in.domain_id,
        domain_name=sign_in.domain_name,
        outcome=sign_in.outcome,
        reason=sign_in.reason,
        address=sign_in.address,
        agent=sign_in.agent,
        partial_hash=sign_in.partial_hash,
        first_at=sign_in.at,
        last_at=sign_in.at,
        count=1,
    )


def _add(row: Attempts, *, count: int, first_at: datetime, last_at: datetime) -> None:
    row.count += count
    row.first_at = min(row.first_at, first_at)
    row.last_at = max(row.last_at, last_at)


def _limit_variants(rows: dict[Key, Attempts]) -> None:
    if len(rows) <= MAX_VARIANTS:
        return
    variants: defaultdict[tuple[str, datetime], list[Key]] = defaultdict(list)
    for key, row in rows.items():
        variants[row.address, row.window].append(key)
    for keys in variants.values():
        for key in sorted(keys)[MAX_VARIANTS:]:
            row = rows.pop(key)
            row.agent = ""  # the texts that a client chooses freely
            if not row.user_id:
                row.name = row.domain_id = row.domain_name = ""
            common = rows.setdefault(_key(row, row.window), row)
            if common is not row:
                _add(common, count=row.count, first_at=row.first_at, last_at=row.last_at)


def window_of(at: datetime) -> datetime:
    """Return the start of the window that contains this time."""
    return _EPOCH + (at - _EPOCH) // WINDOW * WINDOW


def dedup_key(*parts: str) -> UUID:
    """Return a hash of 122 bits for texts that are too long for an index.

    Its version is the one for hashes: MariaDB accepts only valid UUIDs.
    """
    text = _SEPARATOR.join(parts)
    return UUID(bytes=blake2b(text.encode("utf-8", "replace"), digest_size=16).digest(), version=5)


def _key(attempt: SignIn | Attempts, window: datetime) -> Key:
    return (
        window.isoformat(),
        attempt.user_id,
        attempt.name,
        attempt.domain_id,
        attempt.domain_name,
        attempt.outcome,
        attempt.reason,
        attempt.address,
        attempt.agent,
        attempt.partial_hash,
    )
