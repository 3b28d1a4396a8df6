"""Consumers record their sessions, so that silence and gaps are known."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from pciops.events import liveness
from pciops.events.intake.consumer import SessionRecorder
from pciops.events.models import ConsumerSession
from tests.events.messages import later
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def session() -> SessionRecorder:
    """A consumer that is connected since `NOW`."""
    session = SessionRecorder()
    session.connect(NOW)
    return session


def save_session(
    since: float, until: float, *, connected: bool = True, error: str = ""
) -> ConsumerSession:
    """Save a session between these minutes from `NOW`."""
    return ConsumerSession.objects.create(
        consumer="here:1",
        connected=connected,
        since=later(60 * since),
        until=later(60 * until),
        error=error,
    )


# --- Liveness -----------------------------------------------------------------------------------
def test_without_a_consumer_nothing_is_known() -> None:
    assert liveness.liveness(NOW) == liveness.Liveness(
        running=False, connected=False, until=None, last_message_at=None, error="", lag=None
    )


def test_a_connected_consumer_is_live(session: SessionRecorder) -> None:
    session.count(3, later(5))
    session.beat(later(10))
    state = liveness.liveness(later(20))

    assert (state.running, state.connected, state.error) == (True, True, "")
    assert (state.until, state.last_message_at) == (later(10), later(5))


def test_the_lag_is_that_of_the_slowest_connected_consumer(session: SessionRecorder) -> None:
    session.count(3, later(5), sent_at=later(4))
    session.beat(later(10))
    slower = SessionRecorder()
    slower.connect(NOW)
    slower.count(1, later(5), sent_at=later(-55))
    slower.beat(later(10))

    assert liveness.liveness(later(20)).lag == 60

    slower.disconnect("gone", later(20))

    assert liveness.liveness(later(20)).lag == 1


def test_a_clock_of_keystone_ahead_of_ours_is_no_lag(session: SessionRecorder) -> None:
    session.count(3, later(5), sent_at=later(6))
    session.beat(later(10))

    assert liveness.liveness(later(20)).lag == 0


@pytest.mark.usefixtures("session")
def test_a_consumer_without_a_heartbeat_is_gone() -> None:
    assert liveness.liveness(NOW + liveness.TIMEOUT - timedelta(seconds=1)).running
    assert not liveness.liveness(NOW + liveness.TIMEOUT).running


def test_a_stopped_consumer_is_gone_at_once(session: SessionRecorder) -> None:
    session.end("ended", later(5))
    state = liveness.liveness(later(6))

    assert (state.running, state.connected, state.until) == (False, False, later(5))


def test_a_disconnected_consumer_has_its_error_and_time(session: SessionRecorder) -> None:
    session.disconnect("rabbit is gone", later(30))
    session.disconnect("rabbit does not answer", later(60))
    state = liveness.liveness(later(61))

    assert (state.running, state.connected) == (True, False)
    assert (state.until, state.error) == (later(30), "rabbit does not answer")


def test_one_connected_consumer_of_two_is_enough() -> None:
    save_session(-10, 0, connected=False, error="rabbit does not answer")
    save_session(-10, 0)
    state = liveness.liveness(later(1))

    assert (state.connected, state.error) == (True, "")


def test_a_live_consumer_takes_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    save_session(-10, 0)
    with django_assert_num_queries(1):
        assert liveness.silence(later(1)) is None


def test_each_change_of_the_connection_begins_a_session() -> None:
    session = SessionRecorder()
    session.disconnect("away", NOW)
    session.disconnect("away", later(5))
    session.connect(later(10))
    session.connect(later(20))
    session.disconnect("gone", later(30))

    assert list(ConsumerSession.objects.order_by("pk").values_list("connected", "error")) == [
        (False, "away"),
        (True, "reconnected"),
        (True, "gone"),
        (False, "gone"),
    ]


# --- Gaps ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("sessions", "gaps"),
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
def test_gaps_are_times_without_a_connected_consumer(
    sessions: list[tuple[float, float]], gaps: list[tuple[float, float]]
) -> None:
    save_session(-90, 10, connected=False)  # does not count
    for since, until in sessions:
        save_session(since, until)

    assert list(liveness.gaps(later(-3600), NOW)) == [
        (later(60 * begin), later(60 * end)) for begin, end in gaps
    ]
