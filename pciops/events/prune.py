"""Deletes what is older than it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Model, QuerySet

from pciops.events.models import (
    Activity,
    Attempts,
    ConsumerSession,
    DeadLetter,
    HiddenChange,
    Name,
    ProcessedNotification,
    Storm,
)

SEEN: Final = timedelta(days=7)  # later than this no message comes again
NONSENSE: Final = 1000  # kinds of it that are kept
CHUNK: Final = 5000  # rows of one statement


def prune(now: datetime) -> dict[str, int]:
    """Delete rows that are too old, some at a time; how many of each."""
    old = now - timedelta(days=settings.EVENT_DAYS)
    return {
        "attempts": _all(Attempts.objects.filter(window__lt=old).order_by("window", "id")),
        "activity": _all(Activity.objects.filter(at__lt=old).order_by("at", "id")),
        "names": _all(Name.objects.filter(at__lt=old).order_by("at")),
        "running": _all(ConsumerSession.objects.filter(until__lt=old).order_by("until")),
        "set_aside": _all(DeadLetter.objects.filter(last_at__lt=old).order_by("pk")) + _nonsense(),
        "storms": Storm.objects.filter(ended_at__lt=old).delete()[0],
        "hidden": HiddenChange.objects.filter(found_at__lt=old).delete()[0],
        "seen": sum(_seen(now - SEEN)),
    }


def _all(rows: QuerySet[Model]) -> int:
    """Delete these rows, whose order an index has."""
    total = 0
    while ids := list(rows.values_list("pk", flat=True)[:CHUNK]):
        total += rows.model._default_manager.filter(pk__in=ids).delete()[0]
    return total


def _nonsense() -> int:
    """What strangers make up must not fill the table."""
    ids = DeadLetter.objects.order_by("-last_at", "-pk").values_list("pk", flat=True)
    deleted, _ = DeadLetter.objects.filter(pk__in=list(ids[NONSENSE:][:CHUNK])).delete()
    return deleted


def _seen(until: datetime) -> Iterator[int]:
    """They lie in the order of time, so the first that is young enough ends it."""
    while rows := list(
        ProcessedNotification.objects.order_by("pk").values_list("pk", "at")[:CHUNK]
    ):
        last = max((pk for pk, at in rows if at < until), default=None)
        if last is None:
            return
        yield ProcessedNotification.objects.filter(pk__lte=last).delete()[0]
