"""Aggregates equal sign-ins of a minute: pure, and independent of their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final
from uuid import UUID

from pciops.events.intake.cadf import SignIn
from pciops.events.models import WINDOW

MAX_VARIANTS: Final = 100  # different sign-ins of one address and minute that are kept apart
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SEPARATOR: Final = "\x1f"  # `cadf.clean` removes it from every text

Key = tuple[str, ...]


@dataclass(kw_only=True, slots=True)
class AttemptAggregate:
    """Equal sign-ins: one of them, and the count, first and last time of all."""

    example: SignIn
    window: datetime
    first_at: datetime
    last_at: datetime
    count: int


def aggregate(sign_ins: Iterable[SignIn]) -> dict[UUID, AttemptAggregate]:
    """Return the sign-ins by their dedup key.

    Clients choose agents and unknown usernames, so one address could fill the disk with sign-ins
    that are all different. Beyond `MAX_VARIANTS` of an address and minute, only facts about
    accounts are kept apart; every sign-in is counted.
    """
    aggregates: dict[Key, AttemptAggregate] = {}
    for sign_in in sign_ins:
        at, window = sign_in.at, window_of(sign_in.at)
        _add(
            aggregates,
            AttemptAggregate(example=sign_in, window=window, first_at=at, last_at=at, count=1),
        )
    _limit_variants(aggregates)
    return {dedup_key(*key): aggregate for key, aggregate in aggregates.items()}


def _add(aggregates: dict[Key, AttemptAggregate], added: AttemptAggregate) -> None:
    present = aggregates.setdefault(_key(added.example, added.window), added)
    if present is not added:
        present.count += added.count
        present.first_at = min(present.first_at, added.first_at)
        present.last_at = max(present.last_at, added.last_at)


def _limit_variants(aggregates: dict[Key, AttemptAggregate]) -> None:
    if len(aggregates) <= MAX_VARIANTS:
        return
    variants: defaultdict[tuple[str, datetime], list[Key]] = defaultdict(list)
    for key, aggregate in aggregates.items():
        variants[aggregate.example.address, aggregate.window].append(key)
    for keys in variants.values():
        for key in sorted(keys)[MAX_VARIANTS:]:
            aggregate = aggregates.pop(key)
            _add(aggregates, replace(aggregate, example=_without_free_text(aggregate.example)))


def _without_free_text(sign_in: SignIn) -> SignIn:
    """Return the sign-in without the texts that a client chooses freely."""
    if sign_in.user_id:
        return replace(sign_in, agent="")
    return replace(sign_in, agent="", name="", domain_id="", domain_name="")


def window_of(at: datetime) -> datetime:
    """Return the start of the window that contains this time."""
    return _EPOCH + (at - _EPOCH) // WINDOW * WINDOW


def dedup_key(*parts: str) -> UUID:
    """Return a hash of 122 bits for texts that are too long for an index.

    Its version is the one for hashes: MariaDB accepts only valid UUIDs.
    """
    text = _SEPARATOR.join(parts)
    return UUID(bytes=blake2b(text.encode("utf-8", "replace"), digest_size=16).digest(), version=5)


def _key(sign_in: SignIn, window: datetime) -> Key:
    return (
        window.isoformat(),
        sign_in.user_id,
        sign_in.name,
        sign_in.domain_id,
        sign_in.domain_name,
        sign_in.outcome,
        sign_in.reason,
        sign_in.address,
        sign_in.agent,
        sign_in.partial_hash,
    )
