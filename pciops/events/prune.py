"""Deletes old events, and hides unknown usernames sooner: people type passwords there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Model, QuerySet

from pciops.events import models
from pciops.lib import keys

NAMES_FOR: Final = timedelta(days=7)  # unknown usernames as typed
HIDDEN: Final = "hashed "  # the beginning of a hidden one
REDELIVERY: Final = timedelta(days=7)  # no message is delivered again later than this
MAX_DEAD_LETTERS: Final = 1000  # rows
CHUNK: Final = 5000  # rows of one statement


def prune(now: datetime) -> dict[str, int]:
    """Delete old rows in chunks, and return the number of each kind."""
    old = now - timedelta(days=settings.EVENT_DAYS)
    return {
        "attempts": _delete(
            models.Attempts.objects.filter(window__lt=old).order_by("window", "id")
        ),
        "activity": _delete(models.Activity.objects.filter(at__lt=old).order_by("at", "id")),
        "names": _delete(models.KnownName.objects.filter(at__lt=old).order_by("at")),
        "running": _delete(models.ConsumerSession.objects.filter(until__lt=old).order_by("until")),
        "set_aside": _delete(models.DeadLetter.objects.filter(last_at__lt=old).order_by("pk"))
        + _delete_excess_dead_letters(),
        "storms": models.Storm.objects.filter(ended_at__lt=old).delete()[0],
        "hidden": models.OutOfBandChange.objects.filter(found_at__lt=old).delete()[0],
        "seen": sum(_delete_processed(now - REDELIVERY)),
        "typed": hide_names(now - NAMES_FOR),
    }


def hide_names(until: datetime) -> int:
    """Replace unknown usernames by a keyed hash: equal ones stay equal, and cannot be read.

    The dedup key is made of the name, so it could confirm a guess: it becomes a random one.
    """
    rows = (
        models.Attempts.objects.filter(reason=models.Attempts.Reason.UNKNOWN_NAME, window__lt=until)
        .exclude(name="")
        .exclude(name__startswith=HIDDEN)
        .order_by("window", "id")
    )
    total = 0
    while chunk := list(rows.only("pk", "name")[:CHUNK]):
        for row in chunk:
            row.name, row.dedup_key = hidden_name(row.name), uuid.uuid4()
        models.Attempts.objects.bulk_update(chunk, ["name", "dedup_key"], batch_size=200)
        total += len(chunk)
    return total


def hidden_name(name: str) -> str:
    """Return the keyed hash that is kept of an unknown username."""
    return HIDDEN + keys.of("pciops.events.names")[0].digest(name)[:16]


def _delete(rows: QuerySet[Model]) -> int:
    """Delete these rows; there should be an index in their order."""
    total = 0
    while ids := list(rows.values_list("pk", flat=True)[:CHUNK]):
        total += rows.model._default_manager.filter(pk__in=ids).delete()[0]
    return total


def _delete_excess_dead_letters() -> int:
    """Delete the oldest dead letters, since clients could fill the table."""
    ids = models.DeadLetter.objects.order_by("-last_at", "-pk").values_list("pk", flat=True)
    deleted, _ = models.DeadLetter.objects.filter(
        pk__in=list(ids[MAX_DEAD_LETTERS:][:CHUNK])
    ).delete()
    return deleted


def _delete_processed(until: datetime) -> Iterator[int]:
    """Delete in the order of ids, which is the order of time, up to the first young row."""
    while rows := list(
        models.ProcessedNotification.objects.order_by("pk").values_list("pk", "at")[:CHUNK]
    ):
        last = max((pk for pk, at in rows if at < until), default=None)
        if last is None:
            return
        yield models.ProcessedNotification.objects.filter(pk__lte=last).delete()[0]
