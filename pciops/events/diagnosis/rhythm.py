"""How sign-ins follow one another: whether a clock sends them, and when the next ones come.

A row of `Attempts` has the first and the last of up to a minute and their number; those between
are taken to be evenly spread. So three tries within one row look regular whoever made them, and
count for nothing by themselves: it is from row to row that a clock shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from pciops.events.models import Attempts, Outcome

POINTS: Final = 60  # tries of one row that are told apart
BURST: Final = 15.0  # seconds; tries that follow one another so fast belong together
SLACK: Final = 0.15  # of the cadence, by which a clock may be late
LEAST_SLACK: Final = 2.0  # seconds
QUICK: Final = 30.0  # seconds; a person may be as regular as that for a while
LEAST_QUICK: Final = 6  # pauses so short that it takes to make a clock
SHARE: Final = 0.8  # of the pauses that must be alike
FEW_SLACK: Final = 0.02  # where there are only two pauses, they must be nearly the same


@dataclass(frozen=True, kw_only=True, slots=True)
class Tries:
    """Sign-ins to one account that are alike, within a minute: a row of `Attempts`."""

    first_at: datetime
    last_at: datetime
    count: int
    outcome: Outcome
    reason: Attempts.Reason
    address: str
    agent: str
    partial_hash: str

    @property
    def counts(self) -> bool:
        """Whether it is a failure that has to do with a lock: the password was not the right one,
        or was not looked at.
        """
        return self.reason in {Attempts.Reason.WRONG_PASSWORD, Attempts.Reason.LOCKED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rhythm:
    """Tries that come by a clock: so many at a time, so often."""

    every: timedelta
    burst: int


def instants(tries: Iterable[Tries]) -> list[datetime]:
    """When they came, as far as that is known, in order."""
    found: list[datetime] = []
    for row in tries:
        points = min(row.count, POINTS)
        step = (row.last_at - row.first_at) / max(1, points - 1)
        found += [row.first_at + number * step for number in range(points)]
    return sorted(found)


def rhythm(tries: Sequence[Tries]) -> Rhythm | None:
    """The clock behind these tries; None where there seems to be none."""
    if len(tries) < 3:
        return None
    moments = instants(tries)
    every = _steady(_pauses(moments))
    if every is not None:
        return Rhythm(every=timedelta(seconds=every), burst=1)
    bursts = [[moments[0]]]
    for before, at in pairwise(moments):
        if (at - before).total_seconds() <= BURST:
            bursts[-1].append(at)
        else:
            bursts.append([at])
    every = _steady(_pauses([burst[0] for burst in bursts]))
    if every is None:
        return None
    return Rhythm(every=timedelta(seconds=every), burst=max(1, round(median(map(len, bursts)))))


def pace(tries: Iterable[Tries]) -> timedelta | None:
    """The usual pause between two of them; None of one alone."""
    pauses = _pauses(instants(tries))
    return timedelta(seconds=median(pauses)) if pauses else None


def _pauses(moments: Sequence[datetime]) -> list[float]:
    return [(at - before).total_seconds() for before, at in pairwise(moments)]


def _steady(pauses: Sequence[float]) -> float | None:
    """The pause that most are, or a few times that where some tries are missing; in seconds."""
    if len(pauses) < 2:
        return None
    usual = median(pauses)
    if len(pauses) == 2:
        alike = abs(pauses[0] - pauses[1]) <= max(1.0, FEW_SLACK * usual)
        return usual if usual >= BURST and alike else None
    if usual <= 0 or (usual < QUICK and len(pauses) < LEAST_QUICK):
        return None
    slack = max(LEAST_SLACK, SLACK * usual)
    if slack > usual / 2:  # so fast that every pause would fit
        slack = usual / 2
    near = sum(abs(pause - max(1, round(pause / usual)) * usual) <= slack for pause in pauses)
    within = sum(pause <= 4 * usual + slack for pause in pauses)
    return usual if min(near, within) >= SHARE * len(pauses) else None
