"""Reading the trail."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from pciops.audit.models import Event


def of_account(account_id: str, *, limit: int) -> list[Event]:
    """The acts on an account, the newest first."""
    return list(Event.objects.filter(target_id=account_id).order_by("-event_time", "-id")[:limit])


def unlock_of(target_id: str, *, seen: str, but: Event) -> Event | None:
    """The act that ended the lock which had these failures: done, or else still under way."""
    acts = Event.objects.filter(
        target_id=target_id,
        action=Event.Action.UNLOCK,
        seen=seen,
        outcome__in=(Event.Outcome.SUCCESS, Event.Outcome.PENDING),
    ).exclude(pk=but.pk)
    return min(
        acts,
        key=lambda act: (act.outcome == Event.Outcome.PENDING, act.event_time),
        default=None,
    )


def last_unlock(target_id: str, *, since: datetime) -> Event | None:
    """The newest unlock that succeeded, if it is not older than that."""
    unlocks = Event.objects.filter(
        target_id=target_id,
        action=Event.Action.UNLOCK,
        outcome=Event.Outcome.SUCCESS,
        event_time__gte=since,
    )
    return unlocks.order_by("-event_time", "-id").first()


def unlocks(*, since: datetime) -> dict[str, datetime]:
    """Account → when it was unlocked last, of those that were since then."""
    acts = Event.objects.filter(
        action=Event.Action.UNLOCK, outcome=Event.Outcome.SUCCESS, event_time__gt=since
    )
    return dict(acts.order_by("event_time", "id").values_list("target_id", "event_time"))


def acted_on(target_ids: Collection[str], *, since: datetime) -> dict[str, datetime]:
    """Account → when an act on it began last, of those that one began on since then.

    Acts that failed are left out: they changed nothing.
    """
    acts = Event.objects.filter(target_id__in=target_ids, event_time__gte=since)
    acts = acts.exclude(outcome=Event.Outcome.FAILURE)
    return dict(acts.order_by("event_time", "id").values_list("target_id", "event_time"))


def pending(*, before: datetime) -> list[Event]:
    """The acts that began before this instant and have no end, the oldest first."""
    rows = Event.objects.filter(position=None, outcome=Event.Outcome.PENDING)
    return list(rows.filter(event_time__lt=before).order_by("event_time", "pk"))
