"""What the report says of failed sign-ins, of changes of accounts, and of times nobody listened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from pciops.events import liveness, sentences
from pciops.events.models import Activity, Attempts, ConsumerSession, Outcome
from pciops.events.search import ACTIVITY_ORDER
from pciops.lib import times
from pciops.lib.evidence import (
    Cell,
    Column,
    Figure,
    Gap,
    Part,
    Question,
    Statement,
    Table,
    Verdict,
    evidence,
)
from pciops.lib.merging import MergeSource, merged
from pciops.lib.numbers import grouped
from pciops.reports.sections import hidden_evidence as hidden_evidence

MOST: Final = 500  # rows of a table that an attacker could make long
BATCH: Final = 2000
Reason = Attempts.Reason
WHO: Final = (
    Column(key="user_id", title="Id"),
    Column(key="user_name", title="Account"),
    Column(key="domain_name", title="Domain"),
)
WHEN: Final = (
    Column(key="first_at", title="First", kind="instant"),
    Column(key="last_at", title="Last", kind="instant"),
)


# --- 8.3.4 ---------------------------------------------------------------------------------------
@evidence("8.3.4", order=30)
def failures(question: Question) -> Iterator[Part]:
    """Where the failed sign-ins of the week came from, and who was tried while locked."""
    rows = _failed(question)
    totals = rows.aggregate(
        failed=Sum("count"),
        locked=Sum("count", filter=Q(reason=Reason.LOCKED)),
        unknown=Sum("count", filter=Q(reason=Reason.UNKNOWN_NAME)),
        addresses=Count("address", distinct=True),
    )
    if not _listened(question):
        yield Statement(
            words="Nobody listened to Keystone's notifications in this week: where failed sign-ins "
            "came from is not known.",
            verdict=Verdict.UNKNOWN,
        )
    for key, label in (
        ("failed", "Failed sign-ins"),
        ("locked", "of them on accounts that were locked already"),
        ("unknown", "of them under names that no account has"),
        ("addresses", "Addresses that they came from, as Keystone reported them"),
    ):
        yield Figure(key=f"sign_ins_{key}", label=label, number=totals[key] or 0)
    yield Table(
        key="failure_sources",
        title="Sources of failed sign-ins in this week",
        columns=(
            Column(key="address", title="Reported address"),
            Column(key="agent", title="Program"),
            Column(key="failures", title="Failures", kind="number"),
            Column(key="accounts", title="Accounts", kind="number"),
            Column(key="unknown", title="Under unknown names", kind="number"),
            Column(key="locked", title="On locked accounts", kind="number"),
            *WHEN,
        ),
        rows=lambda: _sources(rows),
        empty="No sign-in failed in this week, as far as Keystone notified.",
        identity=("address", "agent"),
    )
    yield Table(
        key="locked_tries",
        title="Accounts that were tried while they were locked",
        columns=(
            *WHO,
            Column(key="tries", title="Tries", kind="number"),
            Column(key="addresses", title="Addresses", kind="number"),
            *WHEN,
        ),
        rows=lambda: _tried(rows),
        empty="Nobody tried to sign in to a locked account, as far as Keystone notified.",
        identity=("user_id",),
    )


def _failed(question: Question) -> QuerySet[Attempts]:
    rows = Attempts.objects.filter(
        window__gte=question.begins, window__lt=question.ends, outcome=Outcome.FAILURE
    )
    return rows if question.scope is None else rows.filter(domain_id=question.scope)


def _sources(rows: QuerySet[Attempts]) -> Iterable[tuple[Cell, ...]]:
    """Those with the most failures first."""
    found = rows.values("address", "agent").annotate(
        failures=Sum("count"),
        accounts=Count("user_id", distinct=True, filter=~Q(user_id="")),
        unknown=Sum("count", filter=Q(reason=Reason.UNKNOWN_NAME)),
        locked=Sum("count", filter=Q(reason=Reason.LOCKED)),
        first=Min("first_at"),
        last=Max("last_at"),
    )
    for row in found.order_by("-failures", "address", "agent")[:MOST]:
        yield (
            row["address"],
            row["agent"],
            row["failures"],
            row["accounts"],
            row["unknown"] or 0,
            row["locked"] or 0,
            *_when(row),
        )


def _tried(rows: QuerySet[Attempts]) -> Iterable[tuple[Cell, ...]]:
    found = (
        rows.filter(reason=Reason.LOCKED)
        .values("user_id")
        .annotate(
            user_name=Max("name"),
            domain=Max("domain_name"),
            tries=Sum("count"),
            addresses=Count("address", distinct=True),
            first=Min("first_at"),
            last=Max("last_at"),
        )
    )
    for row in found.order_by("-tries", "user_id")[:MOST]:
        yield (
            row["user_id"],
            row["user_name"],
            row["domain"],
            row["tries"],
            row["addresses"],
            *_when(row),
        )


def _when(row: Mapping[str, Any]) -> tuple[Cell, Cell]:
    return _second(row["first"]), _second(row["last"])


def _second(at: datetime) -> str:
    return times.iso(at.replace(microsecond=0)) or ""


# --- 8.2.4 ---------------------------------------------------------------------------------------
@evidence("8.2.4", order=10)
def changes(question: Question) -> Iterator[Part]:
    """What was done to accounts in the week, whichever tool did it."""
    rows = Activity.objects.filter(at__gte=question.begins, at__lt=question.ends)
    if question.scope is not None:
        rows = rows.filter(domain_id=question.scope)
    numbers = Counter[str](dict(rows.order_by().values_list("action").annotate(number=Count("id"))))
    for action in Activity.Action:
        yield Figure(
            key=f"changes_{action}",
            label=f"{action.label}: times in this week",
            number=numbers[action],
        )
    yield Table(
        key="changes",
        title="Changes of accounts in this week, by any tool",
        columns=(
            Column(key="at", title="When", kind="instant"),
            *WHO,
            Column(key="action", title="What"),
            Column(key="by", title="By whom"),
            Column(key="outcome", title="Ended"),
            Column(key="address", title="Reported address"),
            Column(key="sentence", title="In words"),
            Column(key="event_id", title="Event"),
        ),
        rows=lambda: _changes(rows),
        empty="No account was changed in this week, as far as Keystone notified.",
        identity=("event_id",),
    )


def _changes(rows: QuerySet[Activity]) -> Iterable[tuple[Cell, ...]]:
    """The newest first, a batch at a time."""
    source = MergeSource(rank=0, rows=rows, order=ACTIVITY_ORDER)
    for _, row in merged([source], marker="", batch=BATCH):
        if isinstance(row, Activity):
            yield (
                _second(row.at),
                row.user_id,
                row.name,
                row.domain_name,
                row.get_action_display(),
                f"{row.doer_name or row.doer_id} ({row.doer_domain_name})" if row.doer_id else "",
                row.get_outcome_display(),
                row.address,
                sentences.as_text(sentences.of_activity(row)),
                row.event_id,
            )


# --- Gaps ----------------------------------------------------------------------------------------
@evidence("gaps", order=40)
def consumer(question: Question) -> Iterator[Part]:
    """Times in which nobody listened to Keystone's notifications (PCI DSS 10.7.2)."""
    until = min(question.ends, question.now)
    found = list(liveness.gaps(question.begins, until))
    ever = ConsumerSession.objects.filter(connected=True).exists()
    why = "Consumer or RabbitMQ stood still." if ever else "No consumer has ever been connected."
    for begins, ends in found:
        yield Gap(
            source="consumer",
            begins=begins,
            ends=ends,
            words=f"Nobody listened to Keystone's notifications. {why} What waited in our queue "
            "was taken in later.",
        )
    lost = sum(((ends - begins) for begins, ends in found), timedelta())
    if found:
        number = f"{grouped(len(found))} time{'' if len(found) == 1 else 's'}"
        said = f"Nobody listened to Keystone's notifications {number}, for {times.span(lost)}."
    else:
        said = "Keystone's notifications were listened to all week."
    yield Statement(words=said, verdict=Verdict.UNKNOWN if found else Verdict.MET)
    yield Figure(
        key="consumer_gaps",
        label="Minutes in which nobody listened to Keystone's notifications",
        number=int(lost.total_seconds() // 60),
        finding=True,
    )


def _listened(question: Question) -> bool:
    within = ConsumerSession.objects.filter(until__gt=question.begins, since__lt=question.ends)
    return within.filter(connected=True).exists()
