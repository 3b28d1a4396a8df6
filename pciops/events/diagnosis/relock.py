"""When an unlock would be undone: the tries that go on, counted forward to the threshold."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pciops.accounts.policy.policy import Policy
from pciops.events.diagnosis.rhythm import Rhythm, Tries, pace, rhythm

MISSED: Final = 3  # so many pauses without a try, and it has stopped
LEAST: Final = timedelta(minutes=1)  # whatever the pause
ENOUGH: Final = 5  # tries without a clock, to say that they go on
AHEAD: Final = timedelta(days=1)  # beyond it nothing is foretold


@dataclass(frozen=True, kw_only=True)
class Relock:
    """An unlock at this instant would be undone then.

    Attributes:
        by_clock: the tries come by one, so that the instant is more than a guess.
    """

    at: datetime
    after: timedelta
    by_clock: bool


def going(tries: Sequence[Tries], now: datetime) -> Rhythm | None:
    """How tries of one source go on; None where they have stopped, or are too few to say."""
    if not tries:
        return None
    beat = rhythm(tries)
    every = beat.every if beat else pace(tries)
    if every is None or (beat is None and sum(row.count for row in tries) < ENOUGH):
        return None
    last = max(row.last_at for row in tries)
    if now - last > max(LEAST, MISSED * every):
        return None
    return beat or Rhythm(every=max(every, timedelta(milliseconds=100)), burst=1)


def predict(sources: Sequence[Sequence[Tries]], *, policy: Policy, now: datetime) -> Relock | None:
    """When the tries of these sources would lock the account again, were it unlocked now."""
    threshold = policy.lockout_failure_attempts
    if threshold is None:
        return None
    coming: list[tuple[datetime, int, timedelta, int]] = []
    by_clock = True
    for number, tries in enumerate(sources):
        beat = going(tries, now)
        if beat is None:
            continue
        by_clock = by_clock and rhythm(tries) is not None
        every = max(beat.every, timedelta(milliseconds=100))
        last = max(row.last_at for row in tries)
        following = last + every * max(1, -((last - now) // every))
        heapq.heappush(coming, (following, number, every, beat.burst))
    failed = 0
    while coming:
        at, number, every, burst = heapq.heappop(coming)
        if at - now > AHEAD:
            return None
        failed += burst
        if failed >= threshold:
            return Relock(at=at, after=at - now, by_clock=by_clock)
        heapq.heappush(coming, (at + every, number, every, burst))
    return None
