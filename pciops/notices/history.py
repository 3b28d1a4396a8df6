"""The emails to an owner as lines of the history of the account."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pciops.events.entries import EventEntry
from pciops.events.sentences import TextPart
from pciops.events.timeline import TimelineLine
from pciops.lib.keyset import Column, Order
from pciops.lib.merging import MergeSource
from pciops.lib.numbers import counted
from pciops.notices.models import Notice, NoticeStatus

NEWEST: Final[Order[Notice]] = Order(
    (
        Column(name="planned_at", kind=datetime, falling=True),
        Column(name="message_id", kind=str, falling=True),
    )
)
_NAMES: Final = {NoticeStatus.SENT: "Email sent", NoticeStatus.PLANNED: "Email waits"}


def source(user_id: str) -> MergeSource:
    """Return the emails to the owner of an account as a source of a merged list."""
    return MergeSource(rank=3, rows=Notice.objects.filter(user_id=user_id), order=NEWEST)


def line(notice: Notice) -> TimelineLine:
    """Return the line of an email, at its end or else when it was planned."""
    status = NoticeStatus(notice.status)
    kind = notice.get_kind_display()
    texts = [f"to {notice.email}"] if notice.email else []
    if notice.step:
        texts.insert(0, f"{counted(notice.step, 'day')} ahead")
    if status not in _NAMES:
        texts += filter(None, [str(status.label), notice.answer])
    return TimelineLine(
        at=notice.settled_at or notice.planned_at,
        entry=EventEntry(
            kind="email",
            name=f"{_NAMES.get(status, 'Email not sent')}: {kind[0].lower()}{kind[1:]}",
            tone="" if status in _NAMES else "soon",
            detail=(TextPart(" · ".join(texts), "untrusted"),) if texts else (),
        ),
    )
