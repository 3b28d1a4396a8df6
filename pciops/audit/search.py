"""Finding rows of the trail: filters, scope, and pages from the newest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.db.models import Count, Q
from django.db.models.functions import TruncDate

from pciops.audit.models import Event, EventQuerySet
from pciops.lib.keyset import Column, Order

NEWEST: Final = Order[Event](
    (
        Column(name="event_time", kind=datetime, falling=True),
        Column(name="id", kind=str, falling=True),
    )
)
DAYS: Final = 14  # of the timeline
BATCH: Final = 2000  # rows in memory at a time
_CHOICES: Final = {
    "action": tuple(Event.Action.values),
    "outcome": tuple(Event.Outcome.values),
    "via": tuple(Event.Via.values),
}


class FilterError(ValueError):
    """A filter that makes no sense; the text names it, and what would do."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is looked for; "" and None are no filter."""

    action: str = ""
    outcome: str = ""
    via: str = ""
    operator: str = ""  # part of the doer's name, or their id
    account: str = ""  # part of the account's name, or its id
    since: date | None = None  # UTC days, both included
    until: date | None = None

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> Query:
        """The filters in an address: `action=&outcome=&via=&operator=&account=&from=&to=`.

        Raises:
            FilterError
        """
        texts = {name: parameters.get(name, "") for name in _CHOICES}
        for name, allowed in _CHOICES.items():
            if texts[name] and texts[name] not in allowed:
                values = ", ".join(allowed)
                raise FilterError(f"{name}: there is no {texts[name]!r}; there are {values}.")
        return cls(
            **texts,
            operator=_text(parameters, "operator"),
            account=_text(parameters, "account"),
            since=_day(parameters, "from"),
            until=_day(parameters, "to"),
        )

    @property
    def parameters(self) -> dict[str, str]:
        """As they stand in an address, without those that filter nothing."""
        days = {"from": self.since, "to": self.until}
        fields = {
            **{name: getattr(self, name) for name in _CHOICES},
            "operator": self.operator,
            "account": self.account,
            **{name: day.isoformat() if day else "" for name, day in days.items()},
        }
        return {name: value for name, value in fields.items() if value}


@dataclass(frozen=True, kw_only=True)
class Page:
    """Rows, the newest first, and the marker of the next page ("": there is none)."""

    events: list[Event]
    next: str


def page(query: Query, *, scope: str | None, marker: str = "", limit: int) -> Page:
    """One page of what fits.

    Args:
        scope: a domain whose operators ask: they see acts on its accounts, and of what has no
            account (signing in, files) that of its people. None sees all.

    Raises:
        MarkerError
    """
    rows = _found(query, scope)
    if marker:
        rows = rows & NEWEST.after(Event.objects.all(), marker)
    events = list(NEWEST.sort(rows)[: limit + 1])
    following = NEWEST.marker(events[limit - 1]) if len(events) > limit else ""
    return Page(events=events[:limit], next=following)


def per_day(query: Query, *, scope: str | None, today: date) -> list[tuple[date, int, int]]:
    """Each day of the two weeks up to the last one that is asked for: how many were done, or not.

    Days of which the filter shows nothing are left out. Pending and unknown count as not done.
    """
    last = min(query.until or today, today)
    before = min(DAYS - 1, (last - date.min).days)
    first = max(query.since or date.min, last - timedelta(days=before))
    rows = _found(replace(query, since=first, until=last), scope).order_by()
    done = Count("pk", filter=Q(outcome=Event.Outcome.SUCCESS))
    counted = rows.values(day=TruncDate("event_time")).annotate(every=Count("pk"), done=done)
    numbers = {it["day"]: (it["done"], it["every"] - it["done"]) for it in counted}
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [(day, *numbers.get(day, (0, 0))) for day in days]


def everything(query: Query, *, scope: str | None) -> Iterator[Event]:
    """All that fits, read a batch at a time."""
    marker = ""
    while True:
        found = page(query, scope=scope, marker=marker, limit=BATCH)
        yield from found.events
        marker = found.next
        if not marker:
            return


def _found(query: Query, scope: str | None) -> EventQuerySet:
    rows: EventQuerySet = Event.objects.all()
    for name in _CHOICES:
        if value := getattr(query, name):
            rows = rows.filter(**{name: value})
    if query.operator:
        by = Q(initiator_id=query.operator) | Q(initiator_name__icontains=query.operator)
        rows = rows.filter(by)
    if query.account:
        rows = rows.filter(Q(target_id=query.account) | Q(target_name__icontains=query.account))
    if query.since:
        rows = rows.filter(event_time__gte=_midnight(query.since))
    if query.until and query.until < date.max:
        rows = rows.filter(event_time__lt=_midnight(query.until + timedelta(days=1)))
    if scope is not None:
        own = Q(target_domain_id=scope) | Q(target_id="", initiator_domain_id=scope)
        rows = rows.filter(own)
    return rows


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _text(parameters: Mapping[str, str], name: str) -> str:
    return parameters.get(name, "").replace("\0", "").strip()[:255]


def _day(parameters: Mapping[str, str], name: str) -> date | None:
    text = parameters.get(name, "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise FilterError(f"{name}: {text!r} is no day; 2026-11-22 is.") from None
