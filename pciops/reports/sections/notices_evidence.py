"""What the report says of notices: who was told in the week, and whose mail did not get through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from django.db.models import Count, Q, QuerySet

from pciops.accounts.policy.policy import Policy
from pciops.audit import selectors as trail
from pciops.audit.models import Event
from pciops.events.diagnosis import selectors as diagnoses
from pciops.lib import times
from pciops.lib.evidence import (
    Cell,
    Column,
    Figure,
    Part,
    Question,
    Statement,
    Table,
    evidence,
)
from pciops.lib.spool import Row
from pciops.notices.models import Notice
from pciops.reports.sections.evidence_population import sourced

Kind = Notice.Kind
Status = Notice.Status

BATCH: Final = 2000  # rows in memory at a time
# Which notices speak for which requirement.
SECTIONS: Final = {
    "8.2.6": (Kind.INACTIVITY,),
    "8.3.4": (Kind.LOCKED, Kind.UNLOCKED),
    "8.3.9": (Kind.PASSWORD_EXPIRING, Kind.PASSWORD_EXPIRED),
}
WORDS: Final = {"8.2.6": "inactivity", "8.3.4": "locks", "8.3.9": "passwords"}
FAILED: Final = (Status.REFUSED, Status.GIVEN_UP)
UNADDRESSED: Final = (Status.NO_ADDRESS, Status.BAD_ADDRESS)
ACCOUNT: Final = (
    Column(key="user_id", title="Id"),
    Column(key="user_name", title="Account"),
    Column(key="domain_name", title="Domain"),
)


def _of_week(question: Question, kinds: Collection[str]) -> QuerySet[Notice]:
    """Notices that ended in the week; of those without an address, that were planned in it."""
    began, ended = question.begins, question.ends
    over = Q(settled_at__gte=began, settled_at__lt=ended)
    planned = Q(status__in=UNADDRESSED, planned_at__gte=began, planned_at__lt=ended)
    return _within(question).filter(over | planned, kind__in=kinds)


def _within(question: Question) -> QuerySet[Notice]:
    rows = Notice.objects.all()
    return rows if question.scope is None else rows.filter(domain_id=question.scope)


def _notices(section: str, question: Question) -> Iterator[Part]:
    rows = _of_week(question, SECTIONS[section])
    numbers = Counter(dict(rows.order_by().values_list("status").annotate(Count("pk"))))
    word = WORDS[section]
    failed = sum(numbers[status] for status in FAILED)
    nowhere = sum(numbers[status] for status in UNADDRESSED)
    for name, label, number, finding in (
        ("sent", f"Notices of {word} sent", numbers[Status.SENT], False),
        ("failed", f"Notices of {word} that no server took", failed, True),
        ("unaddressed", f"Notices of {word} without an address", nowhere, True),
    ):
        yield Figure(key=f"notices_{word}_{name}", label=label, number=number, finding=finding)
    yield Table(
        key=f"notices_{word}",
        title=f"Notices of {word} that did not get through in this week",
        columns=(
            *ACCOUNT,
            Column(key="notice", title="Notice"),
            Column(key="status", title="Ended"),
            Column(key="at", title="When", kind="instant"),
            Column(key="answer", title="Why"),
        ),
        rows=partial(_undelivered, rows),
        empty="Every notice that was due got through.",
        identity=("user_id", "notice"),
    )


def _undelivered(rows: QuerySet[Notice]) -> Iterator[Row]:
    for notice in _walk(rows.filter(status__in=(*FAILED, *UNADDRESSED))):
        yield (
            *_account(notice),
            notice.get_kind_display(),
            notice.get_status_display(),
            _second(notice.settled_at or notice.planned_at),
            notice.answer,
        )


def _walk(rows: QuerySet[Notice]) -> Iterator[Notice]:
    """By account, and each account's by time."""
    rows = rows.order_by("user_id", "planned_at", "pk")
    batch = list(rows[:BATCH])
    while batch:
        yield from batch
        last = batch[-1]
        same = Q(user_id=last.user_id)
        later = Q(planned_at__gt=last.planned_at) | Q(planned_at=last.planned_at, pk__gt=last.pk)
        batch = list(rows.filter(Q(user_id__gt=last.user_id) | same & later)[:BATCH])


def _account(notice: Notice) -> tuple[Cell, ...]:
    return notice.user_id, notice.name, notice.domain_name


def _second(value: datetime) -> str:
    return times.iso(value.replace(microsecond=0)) or ""


for _section in SECTIONS:
    evidence(_section, order=50)(partial(_notices, _section))


# --- 8.3.4 ---------------------------------------------------------------------------------------
@evidence("8.3.4", order=15)
def locks(question: Question) -> Iterator[Part]:
    """The locks of the week, as the planning of notices saw them: it looks every minute."""
    rows = _within(question).filter(
        kind=Kind.LOCKED, fact_at__gte=question.begins, fact_at__lt=question.ends
    )
    yield Figure(
        key="locks", label="Locks that were seen in this week", number=rows.count(), main=True
    )
    yield Statement(
        words=(
            "A worker looks every minute for locks of accounts that are neither disabled nor "
            "inactive, and each one that it saw is listed. Keystone itself records none: a lock "
            "that began and ended between two looks, or while no worker ran, is known only where "
            "a consumer of Keystone's notifications saw the failures."
        ),
    )
    yield Table(
        key="locks",
        title="Locks in this week",
        columns=(
            Column(key="at", title="Locked", kind="instant"),
            *ACCOUNT,
            Column(key="failures", title="Failures", kind="number"),
            Column(key="origin", title="From where"),
            Column(key="ended", title="How it ended"),
            Column(key="ended_at", title="Ended", kind="instant"),
            Column(key="by", title="By whom"),
            Column(key="reason", title="Reason"),
            Column(key="identity", title="Identity"),
            Column(key="after", title="Locked for"),
        ),
        rows=partial(_locks, rows, question),
        empty="No lock was seen in this week.",
        identity=("user_id", "at"),
    )


def _locks(rows: QuerySet[Notice], question: Question) -> Iterator[Row]:
    policy = sourced(question).policy
    batch: list[Notice] = []
    for notice in _walk(rows):
        batch.append(notice)
        if len(batch) == BATCH:
            yield from _told(batch, policy, question.now)
            batch = []
    yield from _told(batch, policy, question.now)


def _told(notices: Sequence[Notice], policy: Policy, now: datetime) -> Iterator[Row]:
    ids = [notice.user_id for notice in notices]
    known = diagnoses.origins(ids, now)
    unlocked = trail.unlocks_of(ids)
    for notice in notices:
        source = known[notice.user_id].summary if notice.user_id in known else "not known"
        head = (_second(notice.fact_at), *_account(notice), notice.failures, source)
        act = unlocked.get((notice.user_id, _second(notice.fact_at)))
        yield (*head, *_ending(notice, act, policy, now))


def _ending(notice: Notice, act: Event | None, policy: Policy, now: datetime) -> tuple[Cell, ...]:
    if act is not None:
        at = act.settled_at or act.event_time
        return (
            "unlocked through pciops",
            _second(at),
            act.initiator,
            act.reason,
            act.get_identity_display(),
            times.span(at - notice.fact_at),
        )
    if policy.lockout is None:
        return "not unlocked through pciops", None, "", "", "", ""
    ends = times.later(notice.fact_at, policy.lockout)
    if ends > now:
        return "still locked when this was built, or unlocked elsewhere", None, "", "", "", ""
    # Who used another tool, or tried again and made it longer, Keystone does not say.
    return "ran out, or was ended elsewhere", _second(ends), "", "", "", times.span(policy.lockout)
