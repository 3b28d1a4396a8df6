"""The failed attempts on an account in the last hour, as bars of its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pciops.events.diagnosis.cadence import AttemptRow
from pciops.events.models import Attempts
from pciops.lib.numbers import counted

SPAN: Final = timedelta(hours=1)
BARS: Final = 30
HEIGHT: Final = 64
WIDTH: Final = 2.4  # percent, of a slot of 100 / 30


@dataclass(frozen=True, kw_only=True)
class TrendBar:
    """A rectangle: x in percent, the rest in pixels."""

    x: float
    y: int
    height: int
    style: str


@dataclass(frozen=True, kw_only=True)
class AttemptTrend:
    """Wrong passwords and attempts that were rejected while the account was locked."""

    begins: datetime
    ends: datetime
    wrong: Sequence[int]
    rejected: Sequence[int]

    @property
    def middle(self) -> datetime:
        return self.begins + SPAN / 2

    @property
    def all_wrong(self) -> int:
        return sum(self.wrong)

    @property
    def all_rejected(self) -> int:
        return sum(self.rejected)

    @property
    def total(self) -> int:
        return self.all_wrong + self.all_rejected

    @property
    def title(self) -> str:
        """The text alternative."""
        wrong = counted(self.all_wrong, "wrong password")
        return (
            f"Failed attempts from {self.begins:%H:%M} to {self.ends:%H:%M} UTC: {wrong}, and"
            f" {self.all_rejected} rejected while locked"
        )

    @property
    def bars(self) -> list[TrendBar]:
        """Rejected attempts on top of wrong passwords; an empty slot has a flat bar."""
        most = max(map(sum, zip(self.wrong, self.rejected, strict=True)))
        bars = []
        for slot, numbers in enumerate(zip(self.wrong, self.rejected, strict=True)):
            x, y = round(slot * 100 / BARS, 2), HEIGHT
            for number, style in zip(numbers, ("bar-bad", "bar-calm"), strict=True):
                if number:
                    height = max(2, round(number * (HEIGHT - 2) / most))
                    y -= height
                    bars.append(TrendBar(x=x, y=y, height=height, style=style))
            if y == HEIGHT:
                bars.append(TrendBar(x=x, y=HEIGHT - 2, height=2, style="bar-none"))
        return bars


def trend(rows: Sequence[AttemptRow], now: datetime) -> AttemptTrend | None:
    """Return the failures of the last hour by their first attempt; None if there is none."""
    begins = now - SPAN
    wrong, rejected = [0] * BARS, [0] * BARS
    for row in rows:
        if row.counts and begins < row.first_at <= now:
            slot = min(BARS - 1, int((row.first_at - begins) / SPAN * BARS))
            slots = rejected if row.reason == Attempts.Reason.LOCKED else wrong
            slots[slot] += row.count
    found = AttemptTrend(begins=begins, ends=now, wrong=wrong, rejected=rejected)
    return found if found.total else None
