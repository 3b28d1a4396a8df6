"""Since when nothing was heard, and what is read of one account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pciops.events import liveness, search
from pciops.events.intake import record
from pciops.events.intake.consumer import SessionRecorder
from pciops.events.intake.names import NameResolver
from pciops.events.models import Activity, Attempts, ConsumerSession
from tests.events.bodies import later, sign_in, updated
from tests.factories import NOW

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def ran(since: float, until: float, *, connected: bool = True, error: str = "") -> ConsumerSession:
    """Minutes from now."""
    return ConsumerSession.objects.create(
        consumer="here:1",
        connected=connected,
        since=later(60 * since),
        until=later(60 * until),
        error=error,
    )


def gaps(since: float = -60, until: float = 0) -> list[tuple[float, float]]:
    return [
        ((begin - NOW).total_seconds() / 60, (end - NOW).total_seconds() / 60)
        for begin, end in liveness.gaps(later(60 * since), later(60 * until))
    ]


# --- News ---------------------------------------------------------------------------------------
def test_without_a_consumer_there_never_was_news() -> None:
    assert liveness.liveness(NOW) == liveness.Liveness(
        running=False, connected=False, until=None, last_message_at=None, error=""
    )


def test_a_consumer_that_is_connected_brings_news() -> None:
    run = SessionRecorder()
    run.connect(NOW)
    run.count(3, later(5))
    run.beat(later(10))
    news = liveness.liveness(later(20))

    assert (news.running, news.connected, news.error) == (True, True, "")
    assert (news.until, news.last_message_at) == (later(10), later(5))


def test_a_consumer_that_gives_no_sign_is_gone() -> None:
    SessionRecorder().connect(NOW)

    assert liveness.liveness(NOW + liveness.TIMEOUT - timedelta(seconds=1)).running
    assert not liveness.liveness(NOW + liveness.TIMEOUT).running


def test_a_consumer_that_ended_in_order_is_gone_at_once() -> None:
    run = SessionRecorder()
    run.connect(NOW)
    run.end("ended", later(5))
    news = liveness.liveness(later(6))

    assert (news.running, news.connected, news.until) == (False, False, later(5))


def test_one_that_is_not_connected_says_why_and_since_when_there_is_no_news() -> None:
    run = SessionRecorder()
    run.connect(NOW)
    run.disconnect("rabbit is gone", later(30))
    run.disconnect("rabbit does not answer", later(60))
    news = liveness.liveness(later(61))

    assert (news.running, news.connected) == (True, False)
    assert (news.until, news.error) == (later(30), "rabbit does not answer")


def test_of_two_consumers_one_that_is_connected_is_enough() -> None:
    ran(-10, 0, connected=False, error="rabbit does not answer")
    ran(-10, 0)

    assert (liveness.liveness(later(1)).connected, liveness.liveness(later(1)).error) == (True, "")


def test_a_stretch_begins_with_each_change_of_connection() -> None:
    run = SessionRecorder()
    run.disconnect("away", NOW)
    run.disconnect("away", later(5))
    run.connect(later(10))
    run.connect(later(20))
    run.disconnect("gone", later(30))
    rows = ConsumerSession.objects.order_by("pk").values_list("connected", "error")

    assert list(rows) == [
        (False, "away"),
        (True, "connected anew"),
        (True, "gone"),
        (False, "gone"),
    ]


# --- Gaps ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("stretches", "expected"),
    [
        ([], [(-60, 0)]),
        ([(-90, 10)], []),
        ([(-60, 0)], []),
        ([(-50, -10)], [(-60, -50), (-10, 0)]),
        ([(-70, -40), (-20, 0)], [(-40, -20)]),
        ([(-70, -40), (-39.5, 0)], []),  # a restart
        ([(-70, -20), (-50, -40), (-30, 0)], []),  # two at once
        ([(-70, -20), (-50, -40)], [(-20, 0)]),
        ([(-200, -100)], [(-60, 0)]),
        ([(10, 20)], [(-60, 0)]),
    ],
)
def test_gaps_are_what_no_connected_consumer_covers(
    stretches: list[tuple[float, float]], expected: list[tuple[float, float]]
) -> None:
    for since, until in stretches:
        ran(since, until)

    assert gaps() == expected


def test_a_consumer_that_is_not_connected_fills_no_gap() -> None:
    ran(-90, 10, connected=False)

    assert gaps() == [(-60, 0)]


# --- One account --------------------------------------------------------------------------------
def take_in(*bodies: str) -> None:
    record.record_messages(bodies, resolver=NameResolver(), now=NOW)


@pytest.mark.parametrize("kind", ["attempts", "activity"])
def test_pages_go_on_behind_a_marker(kind: str) -> None:
    take_in(*(sign_in(at=later(60 * (n // 2)), agent=f"agent {n}") for n in range(9)))
    take_in(*(updated(at=later(n // 2)) for n in range(9)))
    order: Any = getattr(search, f"{kind.upper()}_ORDER")
    model: Any = {"attempts": Attempts, "activity": Activity}[kind]
    rows = order.sort(model.objects.all())
    found: list[int] = []
    marker = ""
    while page := list((order.after(rows, marker) if marker else rows)[:4]):
        found += [row.pk for row in page]
        marker = order.marker(page[-1])

    assert found == [row.pk for row in rows]
    assert len(found) == 9


def test_set_aside_messages_are_counted() -> None:
    take_in("{", "[", "null")

    assert search.dead_letter_count() == 3
    assert {row.reason for row in search.dead_letters()} == {"not JSON", "not a JSON object"}
