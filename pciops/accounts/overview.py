"""What the overview says of a cloud or a domain: one value for the page and the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pciops.accounts import attention
from pciops.accounts.attention import Attention
from pciops.accounts.census import census
from pciops.accounts.census.census import Counted, Day, Point
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import Kind
from pciops.accounts.states import STATES
from pciops.accounts.states.state import State

TREND: Final = timedelta(days=28)
WEEK: Final = timedelta(days=7)
ABOUT: Final = timedelta(hours=36)  # how far from a week ago a census may lie to be compared with
FORECAST: Final = 7  # days, the first is the rest of today


@dataclass(frozen=True, kw_only=True)
class Number:
    """How many accounts are in a state."""

    state: State
    number: int | None  # None: nobody has counted
    live: bool
    kinds: Mapping[Kind, int]  # administrators and service accounts among them; zero is left out
    change: int | None = None  # against a week ago; None: not known


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Everything at one instant: what is read live, and what the newest census counted."""

    now: datetime
    counted: Counted | None
    numbers: Mapping[State, Number]  # of every state
    attention: Attention
    trend: list[Point]

    @property
    def stale(self) -> bool:
        """Whether the census has not run for longer than it should."""
        return self.counted is not None and self.now - self.counted.counted_at > census.STALE

    @property
    def days(self) -> list[Day]:
        """The forecast from today on; a census of yesterday has a day less."""
        today = self.now.astimezone(UTC).date()
        days = self.counted.days if self.counted else []
        return [day for day in days if day.day >= today][:FORECAST]


def build(*, scope: str | None, policy: Policy, now: datetime) -> Overview:
    """The overview of a domain, or of the whole cloud (None).

    Raises:
        KeystoneDatabaseDownError
    """
    counted = census.latest(scope=scope)
    named = counted.attention if counted else []
    found = attention.gather(named, scope=scope, policy=policy, now=now)
    trend = census.trend(scope=scope, since=now - TREND, until=now) if counted else []
    return Overview(
        now=now,
        counted=counted,
        numbers=_numbers(counted, found, trend, now),
        attention=found,
        trend=trend,
    )


def _numbers(
    counted: Counted | None, found: Attention, trend: Sequence[Point], now: datetime
) -> dict[State, Number]:
    then = week_ago(trend, now)
    numbers = {}
    for state in STATES:
        live = found.numbers.get(state)
        number = live
        if number is None and counted is not None:
            number = counted.number(state.name)
        change = None
        if then is not None and number is not None:
            change = number - then.numbers.get(state.name, 0)
        numbers[state] = Number(
            state=state,
            number=number,
            live=live is not None,
            kinds=_kinds(state, counted, found),
            change=change,
        )
    return numbers


def _kinds(state: State, counted: Counted | None, found: Attention) -> dict[Kind, int]:
    live = found.kinds.get(state)
    if live is not None:
        numbers = {kind: live.get(kind, 0) for kind in Kind}
    elif counted is not None:
        numbers = {kind: counted.number(state.name, kind) for kind in Kind}
    else:
        numbers = {}
    return {kind: number for kind, number in numbers.items() if number}


def week_ago(trend: Sequence[Point], now: datetime) -> Point | None:
    """The census that was nearest to a week ago; None where none was near."""
    target = now - WEEK
    near = [point for point in trend if abs(point.counted_at - target) <= ABOUT]
    return min(near, key=lambda point: abs(point.counted_at - target), default=None)
