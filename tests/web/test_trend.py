"""The bars of failed attempts on the page of an account."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from pciops.events.diagnosis.cadence import AttemptRow
from pciops.web.trend import BARS, HEIGHT, trend
from tests.factories import NOW

ROW = AttemptRow(
    user_id="a",
    name="",
    first_at=NOW,
    last_at=NOW,
    count=1,
    outcome="failure",
    reason="wrong_password",
    address="10.2.3.4",
    agent="",
    partial_hash="",
)


def row(minutes: float, reason: str = "wrong_password", count: int = 1) -> AttemptRow:
    at = NOW - timedelta(minutes=minutes)
    return replace(ROW, first_at=at, last_at=at, reason=reason, count=count)


def test_wrong_passwords_and_rejected_attempts_are_told_apart() -> None:
    found = trend([row(10, count=3), row(5, "locked", 4), row(3, "")], NOW)

    assert found is not None
    assert (found.all_wrong, found.all_rejected, found.total) == (3, 4, 7)
    assert "3 wrong passwords, and 4 rejected while locked" in found.title


def test_without_failures_in_the_last_hour_there_is_no_trend() -> None:
    assert trend([row(61), row(60), row(5, "disabled")], NOW) is None


@given(st.lists(st.tuples(st.floats(0, 59), st.booleans(), st.integers(1, 10**6)), min_size=1))
def test_bars_fill_their_box_and_none_leaves_it(rows: list[tuple[float, bool, int]]) -> None:
    attempts = [row(at, "locked" if locked else "wrong_password", n) for at, locked, n in rows]
    found = trend(attempts, NOW)

    assert found is not None
    assert all(bar.y >= -2 and bar.y + bar.height <= HEIGHT for bar in found.bars)
    assert len({bar.x for bar in found.bars}) == BARS
