"""Old events are deleted, and young ones stay."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from pytest_django import Settings

from pciops.events import prune, tasks
from pciops.events.intake.consumer import SessionRecorder
from pciops.events.intake.names import NameResolver
from pciops.events.intake.record import record_messages
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
from tests.events.factories import attempts
from tests.events.messages import sign_in, updated
from tests.factories import NOW

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

DAY = timedelta(days=1)
MODELS = (Attempts, Activity, KnownName, ConsumerSession, DeadLetter, Storm, OutOfBandChange)


@pytest.fixture(autouse=True)
def days(settings: Settings) -> None:
    settings.EVENT_DAYS = 400


def save_all(days: float) -> None:
    """Save one row of each model, so many days old."""
    at = NOW - timedelta(days=days)
    bodies = [sign_in(at=at), updated(at=at, user_id=f"{days}", doer_id=""), "{"]
    record_messages(bodies, resolver=NameResolver(), now=at)
    SessionRecorder().connect(at)
    Storm.objects.create(
        began_at=at, last_at=at, ended_at=at, few=True, sources=[], accounts=9, names=0, tries=9
    )
    OutOfBandChange.objects.create(
        dedup_key=uuid.uuid4(), kind="unlock", user_id="a", name="ann", checked_at=at, found_at=at
    )


@pytest.mark.parametrize(("age", "left"), [(399, 1), (401, 0)])
def test_events_are_deleted_after_their_days(age: int, left: int) -> None:
    save_all(age)
    deleted = prune.prune(NOW)

    assert [model.objects.count() for model in MODELS] == [left] * len(MODELS)
    assert deleted == {
        **dict.fromkeys(("attempts", "activity", "names", "running", "set_aside"), 1 - left),
        **dict.fromkeys(("storms", "hidden"), 1 - left),
        "seen": 2,
        "typed": 0,
    }


@pytest.mark.parametrize(("days", "left"), [(6.9, 2), (7.1, 0)])
def test_processed_notifications_are_kept_for_a_week(days: float, left: int) -> None:
    save_all(days)
    prune.prune(NOW)

    assert ProcessedNotification.objects.count() == left


def test_rows_are_deleted_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "CHUNK", 3)
    for number in range(8):
        save_all(410 + number)
    save_all(1)
    deleted = prune.prune(NOW)

    assert (deleted["attempts"], deleted["seen"]) == (8, 16)
    assert (Attempts.objects.count(), ProcessedNotification.objects.count()) == (1, 2)


def test_made_up_messages_do_not_fill_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prune, "MAX_DEAD_LETTERS", 2)
    for number in range(5):
        at = NOW + timedelta(seconds=number)
        body = f'{{"event_type": "made.up.{number}", "payload": {{"typeURI": 1}}}}'
        record_messages([body], resolver=NameResolver(), now=at)
    prune.prune(NOW)

    assert {row.event_type for row in DeadLetter.objects.all()} == {"made.up.3", "made.up.4"}


def test_names_as_typed_are_hidden_after_a_week(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may have typed a password there."""
    monkeypatch.setattr(prune, "CHUNK", 2)
    for days, name in [(8, "hunter2"), (9, "hunter2"), (8, "other"), (6, "recent"), (10, "")]:
        attempts(
            user_id="", name=name, reason=Attempts.Reason.UNKNOWN_NAME, at=NOW - days * DAY
        ).save()
    attempts(name="ann", reason=Attempts.Reason.WRONG_PASSWORD, at=NOW - 8 * DAY).save()
    before = set(Attempts.objects.values_list("dedup_key", flat=True))

    assert prune.prune(NOW)["typed"] == 3
    names = list(Attempts.objects.order_by("pk").values_list("name", flat=True))
    assert names[0] == names[1] != names[2]
    assert all(name.startswith("hashed ") for name in names[:3])
    assert names[3:] == ["recent", "", "ann"]
    assert len(before & set(Attempts.objects.values_list("dedup_key", flat=True))) == 3
    assert prune.prune(NOW)["typed"] == 0


def test_the_task_prunes_once_a_day() -> None:
    save_all(3000)
    tasks.prune_old()
    save_all(3000)
    tasks.prune_old()

    assert Attempts.objects.count() == 1
    assert JobRun.objects.filter(job="events.prune").count() == 1
