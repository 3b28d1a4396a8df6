"""Reading notices, as far as an operator may see them: `scope` is the id of their one domain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Count, QuerySet

from pciops.lib.keyset import Column, Order
from pciops.notices.models import Notice

Status = Notice.Status

RECENT: Final = timedelta(days=30)  # how far back the lists of what is over go


@dataclass(frozen=True, kw_only=True)
class View:
    """A list of notices: its name in URLs, what it is called, and the statuses in it."""

    name: str
    label: str
    statuses: tuple[Notice.Status, ...]
    empty: str  # what it means that there is none
    over: bool = False  # these notices have ended

    @property
    def order(self) -> Order[Notice]:
        """The newest end first; of what waits, the one that is due for longest."""
        first = Column(
            name="settled_at" if self.over else "planned_at", kind=datetime, falling=True
        )
        return Order((first, Column(name="message_id", kind=str)))


VIEWS: Final = (
    View(
        name="failed",
        label="Failed",
        statuses=(Status.REFUSED, Status.GIVEN_UP),
        empty="Every mail of the last 30 days was taken.",
        over=True,
    ),
    View(
        name="unaddressed",
        label="No address",
        statuses=(Status.NO_ADDRESS, Status.BAD_ADDRESS),
        empty="Everybody who is due has an address that can be sent to.",
    ),
    View(
        name="waiting",
        label="Waiting",
        statuses=(Status.PLANNED, Status.CLAIMED),
        empty="Nothing is due at this moment.",
    ),
    View(
        name="sent",
        label="Sent",
        statuses=(Status.SENT,),
        empty="Nothing was sent in the last 30 days.",
        over=True,
    ),
    View(
        name="cancelled",
        label="Cancelled",
        statuses=(Status.CANCELLED,),
        empty="Nothing was cancelled in the last 30 days.",
        over=True,
    ),
)
BY_NAME: Final = {view.name: view for view in VIEWS}


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some notices, and the marker of the next page; "" where this is the last."""

    notices: list[Notice]
    next: str


def page(view: View, *, scope: str | None, now: datetime, marker: str, limit: int) -> Page:
    """One page of a list.

    Raises:
        MarkerError
    """
    rows = _within(scope).filter(status__in=view.statuses)
    if view.over:
        rows = rows.filter(settled_at__gt=now - RECENT)
    if marker:
        rows = view.order.after(rows, marker)
    found = list(view.order.sort(rows)[: limit + 1])
    more = len(found) > limit
    return Page(notices=found[:limit], next=view.order.marker(found[limit - 1]) if more else "")


def numbers(*, scope: str | None, now: datetime) -> dict[str, int]:
    """View → how many notices it has, but for those that were sent or cancelled in number."""
    rows = _within(scope).exclude(status__in=(Status.SENT, Status.CANCELLED))
    rows = rows.exclude(settled_at__lte=now - RECENT)
    counts = dict(rows.order_by().values_list("status").annotate(Count("pk")))
    return {
        view.name: sum(counts.get(status, 0) for status in view.statuses)
        for view in VIEWS
        if not set(view.statuses) & {Status.SENT, Status.CANCELLED}
    }


def of_account(user_id: str, *, limit: int) -> list[Notice]:
    """The notices of an account, the newest first."""
    rows = Notice.objects.filter(user_id=user_id).order_by("-planned_at", "message_id")
    return list(rows.prefetch_related("events")[:limit])


def get(notice_id: UUID, *, scope: str | None) -> Notice | None:
    """The notice of this id; None where there is none in scope."""
    return _within(scope).filter(pk=notice_id).first()


def _within(scope: str | None) -> QuerySet[Notice]:
    rows = Notice.objects.all()
    return rows if scope is None else rows.filter(domain_id=scope)
