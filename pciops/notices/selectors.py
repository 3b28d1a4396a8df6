"""Queries of notices. `scope` is the one domain that the operator sees; None: all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from pciops.lib.keyset import Column, Order
from pciops.notices.models import Notice, NoticeStatus

RECENT: Final = timedelta(days=30)  # how far back the lists of settled notices go


@dataclass(frozen=True, kw_only=True)
class NoticeView:
    """A list of notices: its name in URLs, its label and its statuses."""

    name: str
    label: str
    statuses: tuple[NoticeStatus, ...]
    empty: str  # the sentence if there is none
    over: bool = False  # its notices are settled

    @property
    def order(self) -> Order[Notice]:
        """The last settled first; of those that wait, the last planned first."""
        first = Column(
            name="settled_at" if self.over else "planned_at", kind=datetime, falling=True
        )
        return Order((first, Column(name="message_id", kind=str)))


VIEWS: Final = (
    NoticeView(
        name="failed",
        label="Failed",
        statuses=(NoticeStatus.REFUSED, NoticeStatus.GIVEN_UP),
        empty="No notice failed in the last 30 days",
        over=True,
    ),
    NoticeView(
        name="unaddressed",
        label="No address",
        statuses=(NoticeStatus.NO_ADDRESS, NoticeStatus.BAD_ADDRESS),
        empty="Every notice has a valid email address",
    ),
    NoticeView(
        name="waiting",
        label="Waiting",
        statuses=(NoticeStatus.PLANNED,),
        empty="No notice is waiting",
    ),
    NoticeView(
        name="sent",
        label="Sent",
        statuses=(NoticeStatus.SENT,),
        empty="No notice was sent in the last 30 days",
        over=True,
    ),
    NoticeView(
        name="cancelled",
        label="Canceled",
        statuses=(NoticeStatus.CANCELLED,),
        empty="No notice was canceled in the last 30 days",
        over=True,
    ),
)
BY_NAME: Final = {view.name: view for view in VIEWS}


@dataclass(frozen=True, kw_only=True)
class NoticePage:
    """Some notices, and the marker of the next page; "" if this is the last."""

    notices: list[Notice]
    next: str


def page(
    view: NoticeView,
    *,
    scope: str | None,
    now: datetime,
    marker: str,
    limit: int,
    kind: str = "",
    account: str = "",
) -> NoticePage:
    """Return one page of a list, or raise MarkerError.

    Args:
        kind: only notices of this kind; "": all.
        account: only notices to this account, by part of the name or the id; "": all.
    """
    rows = _within(scope).filter(status__in=view.statuses)
    if kind:
        rows = rows.filter(kind=kind)
    rows = _to(account, rows)
    if view.over:
        rows = rows.filter(settled_at__gt=now - RECENT)
    if marker:
        rows = view.order.after(rows, marker)
    notices = list(view.order.sort(rows)[: limit + 1])
    more = len(notices) > limit
    return NoticePage(
        notices=notices[:limit], next=view.order.marker(notices[limit - 1]) if more else ""
    )


def numbers(*, scope: str | None, now: datetime, account: str = "") -> dict[str, int]:
    """Return the number of notices of each list, except of the long ones, sent and canceled.

    Args:
        account: only notices to this account, as in `page`.
    """
    rows = _to(account, _within(scope))
    rows = rows.exclude(status__in=(NoticeStatus.SENT, NoticeStatus.CANCELLED))
    rows = rows.exclude(settled_at__lte=now - RECENT)
    counts = dict(rows.order_by().values_list("status").annotate(Count("pk")))
    return {
        view.name: sum(counts.get(status, 0) for status in view.statuses)
        for view in VIEWS
        if not set(view.statuses) & {NoticeStatus.SENT, NoticeStatus.CANCELLED}
    }


def get(notice_id: UUID, *, scope: str | None) -> Notice | None:
    """Return the notice of this id; None if there is none in scope."""
    return _within(scope).filter(pk=notice_id).first()


def _to(account: str, rows: QuerySet[Notice]) -> QuerySet[Notice]:
    return rows.filter(Q(user_id=account) | Q(name__icontains=account)) if account else rows


def _within(scope: str | None) -> QuerySet[Notice]:
    rows = Notice.objects.all()
    return rows if scope is None else rows.filter(domain_id=scope)
