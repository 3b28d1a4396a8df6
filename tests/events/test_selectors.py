"""Since when nothing was heard, and what is read of one account."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from pciops.events import selectors
from pciops.events.intake import record
from pciops.events.intake.sessions import Run
from pciops.events.models import ConsumerSession
from pciops.events.names import Names
from tests.events.bodies import ADMIN, DOE, later, sign_in, updated
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
        for begin, end in selectors.gaps(later(60 * since), later(60 * until))
    ]


# --- News ---------------------------------------------------------------------------------------
def test_without_a_consumer_there_never_was_news() -> None:
    assert selectors.news(NOW) == selectors.News(
        running=False, connected=False, until=None, last_message_at=None, error=""
    )


def test_a_consumer_that_is_connected_brings_news() -> None:
    run = Run(NOW)
    run.connect(NOW)
    run.took(3, later(5))
    run.beat(later(10))
    news = selectors.news(later(20))

    assert (news.running, news.connected, news.error) == (True, True, "")
    assert (news.until, news.last_message_at) == (later(10), later(5))


def test_a_consumer_that_gives_no_sign_is_gone() -> None:
    Run(NOW).connect(NOW)

    assert selectors.news(NOW + selectors.QUIET - timedelta(seconds=1)).running
    assert not selectors.news(NOW + selectors.QUIET).running


def test_a_consumer_that_ended_in_order_is_gone_at_once() -> None:
    run = Run(NOW)
    run.connect(NOW)
    run.end("ended", later(5))
    news = selectors.news(later(6))

    assert (news.running, news.connected, news.until) == (False, False, later(5))


def test_one_that_is_not_connected_says_why_and_since_when_there_is_no_news() -> None:
    run = Run(NOW)
    run.connect(NOW)
    run.lose("rabbit is gone", later(30))
    run.lose("rabbit does not answer", later(60))
    news = selectors.news(later(61))

    assert (news.running, news.connected) == (True, False)
    assert (news.until, news.error) == (later(30), "rabbit does not answer")


def test_of_two_consumers_one_that_is_connected_is_enough() -> None:
    ran(-10, 0, connected=False, error="rabbit does not answer")
    ran(-10, 0)

    assert (selectors.news(later(1)).connected, selectors.news(later(1)).error) == (True, "")


def test_a_stretch_begins_with_each_change_of_connection() -> None:
    run = Run(NOW)
    run.lose("away", NOW)
    run.lose("away", later(5))
    run.connect(later(10))
    run.connect(later(20))
    run.lose("gone", later(30))
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
    record.take_in(bodies, names=Names(), now=NOW)


def windows(user_id: str = "") -> list[datetime]:
    return [row.last_at for row in selectors.attempts(user_id)]


def test_attempts_are_one_accounts_or_all_newest_first() -> None:
    take_in(*(sign_in(at=later(60 * n), user_id=who) for n, who in enumerate([DOE, ADMIN, DOE])))

    assert windows(DOE) == [later(120), NOW]
    assert windows() == [later(120), later(60), NOW]


def test_activity_is_what_was_done_to_or_by_an_account_newest_first() -> None:
    take_in(updated(DOE, doer_id=ADMIN), updated(ADMIN, doer_id=DOE, at=later(5)))

    assert [row.at for row in selectors.activity()] == [later(5), NOW]
    assert [row.user_id for row in selectors.activity(DOE)] == [DOE]
    assert [row.user_id for row in selectors.activity_by(DOE)] == [ADMIN]


@pytest.mark.parametrize("kind", ["attempts", "activity"])
def test_pages_go_on_behind_a_marker(kind: str) -> None:
    take_in(*(sign_in(at=later(60 * (n // 2)), agent=f"agent {n}") for n in range(9)))
    take_in(*(updated(at=later(n // 2)) for n in range(9)))
    order: Any = getattr(selectors, f"{kind.upper()}_ORDER")
    rows: Any = getattr(selectors, kind)(DOE)
    found: list[int] = []
    marker = ""
    while page := list((order.after(rows, marker) if marker else rows)[:4]):
        found += [row.pk for row in page]
        marker = order.marker(page[-1])

    assert found == [row.pk for row in rows]
    assert len(found) == 9


def test_set_aside_messages_are_counted() -> None:
    take_in("{", "[", "null")

    assert selectors.set_aside_count() == 3
    assert {row.reason for row in selectors.set_aside()} == {"not JSON", "not a JSON object"}


def test_names_are_known_by_id() -> None:
    take_in(sign_in())

    assert selectors.names([DOE, "b"])[DOE].name == "j.doe"
