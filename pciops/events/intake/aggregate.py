"""Puts sign-ins together that are alike; pure, and the order in which they come does not matter."""

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

MOST: Final = 100  # unlike sign-ins of one address and minute that are told apart at a time
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BETWEEN: Final = "\x1f"  # no text of an event holds it: `cadf.clean`

Key = tuple[str, ...]


@dataclass(kw_only=True, slots=True)
class Aggregate:
    """Sign-ins that are alike: one of them, and how many there were from when to when."""

    example: SignIn
    window: datetime
    first_at: datetime
    last_at: datetime
    count: int


def aggregate(events: Iterable[SignIn]) -> dict[UUID, Aggregate]:
    """The sign-ins by what makes them alike.

    Agents and unknown names are whatever a stranger types, so an address could fill the disk with
    sign-ins that are all unlike. Of one address and minute `MOST` are told apart; of the others
    only what is true of accounts, and none is left out of the counts.
    """
    aggregates: dict[Key, Aggregate] = {}
    for event in events:
        window = window_of(event.at)
        one = Aggregate(example=event, window=window, first_at=event.at, last_at=event.at, count=1)
        _add(aggregates, one)
    return {digest(_BETWEEN.join(key)): found for key, found in _bounded(aggregates).items()}


def _add(aggregates: dict[Key, Aggregate], aggregate: Aggregate) -> None:
    key = _key(aggregate.example, aggregate.window)
    found = aggregates.setdefault(key, aggregate)
    if found is not aggregate:
        found.count += aggregate.count
        found.first_at = min(found.first_at, aggregate.first_at)
        found.last_at = max(found.last_at, aggregate.last_at)


def _bounded(aggregates: dict[Key, Aggregate]) -> dict[Key, Aggregate]:
    if len(aggregates) <= MOST:
        return aggregates
    sources: defaultdict[tuple[str, datetime], list[Key]] = defaultdict(list)
    for key, found in aggregates.items():
        sources[found.example.address, found.window].append(key)
    for keys in sources.values():
        for key in sorted(keys)[MOST:]:
            found = aggregates.pop(key)
            _add(aggregates, replace(found, example=_without_whim(found.example)))
    return aggregates


def _without_whim(event: SignIn) -> SignIn:
    """The sign-in without what a stranger can vary at will."""
    if event.user_id:
        return replace(event, agent="")
    return replace(event, agent="", name="", domain_id="", domain_name="")


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
