"""Reading the trail."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Final

from django.db.models import Q

from pciops.accounts.account import Failures
from pciops.audit.models import Event, EventQuerySet
from pciops.lib import times

BATCH: Final = 2000  # rows in memory at a time


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


def unlocks_of(target_ids: Collection[str]) -> dict[tuple[str, str], Event]:
    """(Account, instant of the last failure that was seen, to the second) → what ended that lock.

    To the second: Keystone's database may keep no more of an instant than that.
    """
    acts = Event.objects.filter(
        target_id__in=target_ids, action=Event.Action.UNLOCK, outcome=Event.Outcome.SUCCESS
    )
    found = {}
    for act in acts.order_by("-event_time", "-pk"):
        at = seen(act).failed_auth_at
        if at is not None:
            found[act.target_id, times.iso(at.replace(microsecond=0)) or ""] = act
    return found


def seen(act: Event) -> Failures:
    """The failures that whoever unlocked an account had seen; none where the row has no such."""
    try:
        return Failures.parse(act.seen)
    except ValueError:
        return Failures(failed_auth_count=0, failed_auth_at=None)


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


def between(
    begins: datetime, ends: datetime, *, actions: Collection[str], scope: str | None
) -> Iterator[Event]:
    """The acts of these kinds in a time (its end is not in it), the oldest first.

    Args:
        scope: the one domain that is reported on: see `within`.
    """
    rows = within(scope).filter(action__in=actions, event_time__gte=begins, event_time__lt=ends)
    rows = rows.order_by("event_time", "pk")
    batch = list(rows[:BATCH])
    while batch:
        yield from batch
        at, pk = batch[-1].event_time, batch[-1].pk
        following = rows.filter(Q(event_time__gt=at) | Q(event_time=at, pk__gt=pk))
        batch = list(following[:BATCH])


def number(begins: datetime, ends: datetime, *, scope: str | None) -> int:
    """How many rows there are of a time."""
    return within(scope).filter(event_time__gte=begins, event_time__lt=ends).count()


def within(scope: str | None) -> EventQuerySet:
    """What the operators of a domain see, all for None: acts on its accounts, and of what has no
    account (signing in, files) that of its people.
    """
    rows: EventQuerySet = Event.objects.all()
    if scope is None:
        return rows
    return rows.filter(Q(target_domain_id=scope) | Q(target_id="", initiator_domain_id=scope))
