"""The overview of a cloud or a domain as one value, for the page and the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pciops.accounts import attention
from pciops.accounts.attention import Attention
from pciops.accounts.census import census
from pciops.accounts.census.census import CensusSummary, ForecastDay, TrendPoint
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKind
from pciops.accounts.states import STATES
from pciops.accounts.states.state import State

TREND: Final = timedelta(days=28)
WEEK: Final = timedelta(days=7)
WEEK_TOLERANCE: Final = timedelta(hours=36)  # of the census that is compared as "a week ago"
FORECAST: Final = 7  # days; the first is the rest of today


@dataclass(frozen=True, kw_only=True)
class StateCount:
    """The number of accounts in a state."""

    state: State
    number: int | None  # None: there is no census
    live: bool
    kinds: Mapping[AccountKind, int]  # without zeros
    change: int | None = None  # since a week ago; None: not known


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The overview at one time: live numbers, and those of the newest census."""

    now: datetime
    counted: CensusSummary | None
    numbers: Mapping[State, StateCount]  # of every state
    attention: Attention
    trend: list[TrendPoint]

    @property
    def stale(self) -> bool:
        """Whether the newest census is too old."""
        return self.counted is not None and self.now - self.counted.counted_at > census.STALE

    @property
    def days(self) -> list[ForecastDay]:
        """The forecast from today on; a census of yesterday has one day less."""
        today = self.now.astimezone(UTC).date()
        days = self.counted.days if self.counted else []
        return [day for day in days if day.day >= today][:FORECAST]


def build(*, scope: str | None, policy: Policy, now: datetime, fresh: bool = True) -> Overview:
    """Return the overview of a domain, or of the whole cloud (None).

    Args:
        fresh: False if a lock or an unlock of the last seconds may be missing.
    """
    counted = census.latest(scope=scope)
    named = counted.attention if counted else []
    live = attention.gather(named, scope=scope, policy=policy, now=now, fresh=fresh)
    trend = census.trend(scope=scope, since=now - TREND, until=now) if counted else []
    return Overview(
        now=now,
        counted=counted,
        numbers=_numbers(counted, live, trend, now),
        attention=live,
        trend=trend,
    )


def _numbers(
    counted: CensusSummary | None, live: Attention, trend: Sequence[TrendPoint], now: datetime
) -> dict[State, StateCount]:
    then = week_ago(trend, now)
    numbers = {}
    for state in STATES:
        number = live.numbers.get(state)
        if number is None and counted is not None:
            number = counted.number(state.name)
        change = None
        if then is not None and number is not None:
            change = number - then.numbers.get(state.name, 0)
        numbers[state] = StateCount(
            state=state,
            number=number,
            live=state in live.numbers,
            kinds=_kinds(state, counted, live),
            change=change,
        )
    return numbers


def _kinds(state: State, counted: CensusSummary | None, live: Attention) -> dict[AccountKind, int]:
    if state in live.kinds:
        numbers = {kind: live.kinds[state].get(kind, 0) for kind in AccountKind}
    elif counted is not None:
        numbers = {kind: counted.number(state.name, kind) for kind in AccountKind}
    else:
        numbers = {}
    return {kind: number for kind, number in numbers.items() if number}


def week_ago(trend: Sequence[TrendPoint], now: datetime) -> TrendPoint | None:
    """Return the census nearest to a week ago; None if none is near."""
    target = now - WEEK
    near = [point for point in trend if abs(point.counted_at - target) <= WEEK_TOLERANCE]
    return min(near, key=lambda point: abs(point.counted_at - target), default=None)
