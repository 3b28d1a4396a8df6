"""Finds the cadence of attempts, and predicts when they would lock an account again.

A row of `Attempts` has the first and last time and the count of up to a minute; the attempts
between are taken as evenly spread. So three attempts in one row always look regular, and only the
cadence from row to row counts.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from pciops.accounts.policy.policy import Policy
from pciops.events.models import Attempts

# --- Cadence; numbers without a unit are seconds
MAX_POINTS: Final = 60  # attempts of one row that get a time of their own
BURST: Final = 15.0  # attempts that follow each other faster belong together
SLACK: Final = 0.15  # share of the interval by which a clock may be late
LEAST_SLACK: Final = 2.0
QUICK: Final = 30.0  # a person may keep a shorter interval for a while
LEAST_QUICK: Final = 6  # number of such short pauses that prove a clock
SHARE: Final = 0.8  # of the pauses that must match
FEW_SLACK: Final = 0.02  # if there are only two pauses, they must be nearly equal
# --- Prediction
MISSED: Final = 3  # intervals without an attempt, after which they have stopped
LEAST_MISSED: Final = timedelta(minutes=1)
LEAST_COUNT: Final = 5  # attempts without a clock that prove that they continue
LEAST_INTERVAL: Final = timedelta(milliseconds=100)
HORIZON: Final = timedelta(days=1)  # of a prediction


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """The columns of `Attempts` that a diagnosis needs."""

    user_id: str
    name: str
    first_at: datetime
    last_at: datetime
    count: int
    outcome: str
    reason: str
    address: str
    agent: str
    partial_hash: str

    @property
    def counts(self) -> bool:
        """Whether it is a failure for a lock: a wrong password, or one that was not checked."""
        return self.reason in {Attempts.Reason.WRONG_PASSWORD, Attempts.Reason.LOCKED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Cadence:
    """Attempts at regular intervals, `burst` at a time."""

    every: timedelta
    burst: int


@dataclass(frozen=True, kw_only=True)
class Relock:
    """The lock that would follow an unlock now.

    Attributes:
        by_clock: all attempts have a cadence, so the time is reliable.
    """

    at: datetime
    after: timedelta
    by_clock: bool


def find_cadence(rows: Sequence[AttemptRow]) -> Cadence | None:
    """Return the cadence of these attempts; None if they have none."""
    if len(rows) < 3:
        return None
    times = _times(rows)
    interval = _steady_interval(_pauses(times))
    if interval is not None:
        return Cadence(every=timedelta(seconds=interval), burst=1)
    bursts = [[times[0]]]
    for before, at in pairwise(times):
        if (at - before).total_seconds() <= BURST:
            bursts[-1].append(at)
        else:
            bursts.append([at])
    interval = _steady_interval(_pauses([burst[0] for burst in bursts]))
    if interval is None:
        return None
    return Cadence(every=timedelta(seconds=interval), burst=max(1, round(median(map(len, bursts)))))


def usual_pause(rows: Iterable[AttemptRow]) -> timedelta | None:
    """Return the median pause between two attempts; None for a single one."""
    pauses = _pauses(_times(rows))
    return timedelta(seconds=median(pauses)) if pauses else None


def predict_relock(
    sources: Sequence[Sequence[AttemptRow]], *, policy: Policy, now: datetime
) -> Relock | None:
    """Return when the attempts of these sources would lock the account after an unlock now."""
    threshold = policy.lockout_failure_attempts
    if threshold is None:
        return None
    coming: list[tuple[datetime, int, timedelta, int]] = []
    by_clock = True
    for number, rows in enumerate(sources):
        cadence = _continuing(rows, now)
        if cadence is None:
            continue
        by_clock = by_clock and find_cadence(rows) is not None
        every = max(cadence.every, LEAST_INTERVAL)
        last = max(row.last_at for row in rows)
        following = last + every * max(1, -((last - now) // every))
        heapq.heappush(coming, (following, number, every, cadence.burst))
    failures = 0
    while coming:
        at, number, every, burst = heapq.heappop(coming)
        if at - now > HORIZON:
            return None
        failures += burst
        if failures >= threshold:
            return Relock(at=at, after=at - now, by_clock=by_clock)
        heapq.heappush(coming, (at + every, number, every, burst))
    return None


def _continuing(rows: Sequence[AttemptRow], now: datetime) -> Cadence | None:
    """Return how attempts continue; None if they have stopped, or are too few to tell."""
    if not rows:
        return None
    cadence = find_cadence(rows)
    every = cadence.every if cadence else usual_pause(rows)
    if every is None or (cadence is None and sum(row.count for row in rows) < LEAST_COUNT):
        return None
    last = max(row.last_at for row in rows)
    if now - last > max(LEAST_MISSED, MISSED * every):
        return None
    return cadence or Cadence(every=max(every, LEAST_INTERVAL), burst=1)


def _times(rows: Iterable[AttemptRow]) -> list[datetime]:
    """Return the times of the attempts, as far as they are known, in order."""
    times: list[datetime] = []
    for row in rows:
        points = min(row.count, MAX_POINTS)
        step = (row.last_at - row.first_at) / max(1, points - 1)
        times += [row.first_at + number * step for number in range(points)]
    return sorted(times)


def _pauses(times: Sequence[datetime]) -> list[float]:
    return [(at - before).total_seconds() for before, at in pairwise(times)]


def _steady_interval(pauses: Sequence[float]) -> float | None:
    """Return the interval that most pauses match, or a multiple of it if attempts are missing."""
    if len(pauses) < 2:
        return None
    usual = median(pauses)
    if len(pauses) == 2:
        equal = abs(pauses[0] - pauses[1]) <= max(1.0, FEW_SLACK * usual)
        return usual if usual >= BURST and equal else None
    if usual <= 0 or (usual < QUICK and len(pauses) < LEAST_QUICK):
        return None
    slack = max(LEAST_SLACK, SLACK * usual)
    if slack > usual / 2:  # else every pause would match
        slack = usual / 2
    matching = sum(abs(pause - max(1, round(pause / usual)) * usual) <= slack for pause in pauses)
    short = sum(pause <= 4 * usual + slack for pause in pauses)
    return usual if min(matching, short) >= SHARE * len(pauses) else None
