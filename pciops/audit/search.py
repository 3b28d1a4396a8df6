"""Finding rows of the trail: filters, scope, and pages from the newest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models import Count, Q
from django.db.models.functions import TruncDate

from pciops.audit import selectors
from pciops.audit.models import Event, EventQuerySet
from pciops.lib import filters
from pciops.lib.filters import FilterError as FilterError
from pciops.lib.keyset import Column, Order
from pciops.lib.merging import Source

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
        return cls(
            **{name: filters.choice(parameters, name, values) for name, values in _CHOICES.items()},
            operator=filters.text(parameters, "operator"),
            account=filters.text(parameters, "account"),
            since=filters.day(parameters, "from"),
            until=filters.day(parameters, "to"),
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


def of_account(account_id: str) -> Source:
    """The acts on an account, to be put between what else happened to it; they are the newest."""
    return Source(rank=2, rows=Event.objects.filter(target_id=account_id), order=NEWEST)


def page(query: Query, *, scope: str | None, marker: str = "", limit: int) -> Page:
    """One page of what fits.

    Args:
        scope: a domain whose operators ask, see `selectors.within`; None sees all.

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
    rows = selectors.within(scope)
    for name in _CHOICES:
        if value := getattr(query, name):
            rows = rows.filter(**{name: value})
    if query.operator:
        by = Q(initiator_id=query.operator) | Q(initiator_name__icontains=query.operator)
        rows = rows.filter(by)
    if query.account:
        rows = rows.filter(Q(target_id=query.account) | Q(target_name__icontains=query.account))
    return rows.filter(filters.days("event_time", query.since, query.until))
