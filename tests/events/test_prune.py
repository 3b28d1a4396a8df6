"""What is too old is deleted, and what is not stays."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from pytest_django import Settings

from pciops.events import prune, tasks
from pciops.events.intake import record
from pciops.events.intake.consumer import SessionRecorder
from pciops.events.intake.names import NameResolver
from pciops.events.models import (
    Activity,
    Attempts,
    ConsumerSession,
    DeadLetter,
    KnownName,
    OutOfBandChange,
    ProcessedNotification,
    Storm,
)
from pciops.lib.models import JobRun
from tests.events.bodies import sign_in, updated
from tests.factories import NOW

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

KEPT = (Attempts, Activity, KnownName, ConsumerSession, DeadLetter)


@pytest.fixture(autouse=True)
def days(settings: Settings) -> None:
    settings.EVENT_DAYS = 400


def aged(days: float) -> None:
    """One of everything, so old."""
    at = NOW - timedelta(days=days)
    bodies = [sign_in(at=at), updated(at=at, user_id=f"{days}", doer_id=""), "{"]
    record.record_messages(bodies, resolver=NameResolver(), now=at)
    SessionRecorder().connect(at)


def left() -> list[int]:
    return [model.objects.count() for model in KEPT]


def test_what_is_young_enough_stays() -> None:
    aged(399)
    prune.prune(NOW)

    assert left() == [1, 1, 1, 1, 1]


def test_what_is_too_old_goes() -> None:
    aged(401)
    deleted = prune.prune(NOW)

    assert left() == [0, 0, 0, 0, 0]
    assert deleted == {
        "attempts": 1,
        "activity": 1,
        "names": 1,
        "running": 1,
        "set_aside": 1,
        "storms": 0,
        "hidden": 0,
        "seen": 2,
    }


@pytest.mark.parametrize(("days", "kept"), [(6.9, 2), (7.1, 0)])
def test_that_an_event_was_seen_is_known_for_a_week(days: float, kept: int) -> None:
    aged(days)
    prune.prune(NOW)

    assert ProcessedNotification.objects.count() == kept


def test_many_go_chunk_by_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "CHUNK", 3)
    for n in range(8):
        aged(410 + n)
    aged(1)
    deleted = prune.prune(NOW)

    assert (deleted["attempts"], deleted["seen"]) == (8, 16)
    assert (Attempts.objects.count(), ProcessedNotification.objects.count()) == (1, 2)


def test_made_up_nonsense_does_not_fill_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "MAX_DEAD_LETTERS", 2)
    for n in range(5):
        at = NOW + timedelta(seconds=n)
        body = f'{{"event_type": "made.up.{n}", "payload": {{"typeURI": 1}}}}'
        record.record_messages([body], resolver=NameResolver(), now=at)
    prune.prune(NOW)

    assert {row.event_type for row in DeadLetter.objects.all()} == {"made.up.3", "made.up.4"}


def test_the_task_prunes_once_a_day() -> None:
    aged(3000)
    tasks.prune_old()
    aged(3000)
    tasks.prune_old()

    assert Attempts.objects.count() == 1
    assert JobRun.objects.filter(job="events.prune").count() == 1


def test_storms_and_hidden_changes_go_with_the_rest() -> None:
    old = NOW - timedelta(days=401)
    Storm.objects.create(
        began_at=old, last_at=old, ended_at=old, few=True, sources=[], accounts=9, names=0, tries=9
    )
    OutOfBandChange.objects.create(
        dedup_key=uuid.uuid4(), kind="unlock", user_id="a", name="ann", checked_at=old, found_at=old
    )
    deleted = prune.prune(NOW)

    assert (deleted["storms"], deleted["hidden"]) == (1, 1)
