"""What was heard from Keystone, as rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from pciops.events.diagnosis.cadence import AttemptRow
from pciops.events.models import Attempts, ConsumerSession, Outcome
from tests.factories import NOW

_numbers = itertools.count(1)


def keep(user_id: str, tries: Iterable[AttemptRow], *, name: str = "") -> None:
    """The tries as rows of an account; "" for a name that Keystone does not know."""
    Attempts.objects.bulk_create(
        [
            _row(
                user_id=user_id,
                name=name,
                first_at=row.first_at,
                last_at=row.last_at,
                count=row.count,
                outcome=row.outcome,
                reason=row.reason,
                address=row.address,
                agent=row.agent,
                partial_hash=row.partial_hash,
            )
            for row in tries
        ]
    )


def keep_unknown(names: Iterable[str], *, address: str, ago: float = 60) -> None:
    """AttemptRow of names that Keystone does not know, a second after the other."""
    at = NOW - timedelta(seconds=ago)
    Attempts.objects.bulk_create(
        [
            _row(
                name=name,
                first_at=at + timedelta(seconds=number),
                last_at=at + timedelta(seconds=number),
                count=1,
                outcome=Outcome.FAILURE,
                reason=Attempts.Reason.UNKNOWN_NAME,
                address=address,
                agent="curl/8.5",
            )
            for number, name in enumerate(names)
        ]
    )


def consumer(*, ago: timedelta = timedelta(days=3), until: timedelta = timedelta(0)) -> None:
    """One was connected from so long ago until then."""
    ConsumerSession.objects.create(
        consumer="node 1", connected=True, since=NOW - ago, until=NOW - until
    )


def _row(**facts: Any) -> Attempts:
    window = facts["first_at"].replace(second=0, microsecond=0)
    return Attempts(dedup_key=UUID(int=next(_numbers)), window=window, **facts)
