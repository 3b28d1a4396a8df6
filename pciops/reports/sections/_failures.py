"""Failed sign-ins of the week, as Keystone notified them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from pciops.events.models import Attempts, Outcome
from pciops.reports.columns import NAMES, second
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Column, Figure, Row, Statement, Table

MOST_SOURCES: Final = 500  # rows of a table that an attacker could make long
Part = tuple[list[Statement], list[Figure], list[Table]]


def failed_sign_ins(sources: Sources, tables: ReportTables) -> Part:
    """Return statements, figures and tables about the failed sign-ins of the week."""
    rows = sources.of_week(Attempts.objects.filter(outcome=Outcome.FAILURE), "window")
    totals = rows.aggregate(
        failed=Sum("count"),
        locked=Sum("count", filter=Q(reason=Attempts.Reason.LOCKED)),
        unknown=Sum("count", filter=Q(reason=Attempts.Reason.UNKNOWN_NAME)),
        addresses=Count("address", distinct=True),
    )
    absence = sources.without_consumer
    statements = [Statement(absence)] if absence else []
    figures = [
        Figure(
            f"sign_ins_{key}",
            label,
            sources.heard(totals[key] or 0),
            words=absence,
        )
        for key, label in (
            ("failed", "Failed sign-ins"),
            ("locked", "of them on accounts that were already locked"),
            ("unknown", "of them with unknown usernames"),
            ("addresses", "Source addresses, as Keystone reported them"),
        )
    ]
    listed = [
        tables.add(
            "failure_sources",
            "Sources of failed sign-ins in this week",
            SOURCES,
            _source_rows(rows),
            empty=(
                f"Not known. {absence}"
                if absence
                else "No sign-in failed in this week, as far as Keystone reported."
            ),
            identity=("address", "agent"),
        ),
        tables.add(
            "locked_tries",
            "Accounts that were attempted while they were locked",
            ATTEMPTS,
            _attempts_while_locked(rows),
            empty=(
                f"Not known. {absence}"
                if absence
                else "No sign-in to a locked account was attempted, as far as Keystone reported."
            ),
        ),
    ]
    return statements, figures, listed


SOURCES: Final = (
    Column("address", "Reported address"),
    Column("agent", "Program"),
    Column("failures", "Failures", "number"),
    Column("accounts", "Accounts", "number"),
    Column("unknown", "With unknown usernames", "number"),
    Column("locked", "On locked accounts", "number"),
    Column("first_at", "First", "instant"),
    Column("last_at", "Last", "instant"),
)
ATTEMPTS: Final = (
    *NAMES,
    Column("tries", "Tries", "number"),
    Column("addresses", "Addresses", "number"),
    Column("first_at", "First", "instant"),
    Column("last_at", "Last", "instant"),
)


def _source_rows(rows: QuerySet[Attempts]) -> Iterator[Row]:
    """Yield the sources with the most failures first."""
    by_source = rows.values_list("address", "agent").annotate(
        failures=Sum("count"),
        accounts=Count("user_id", distinct=True, filter=~Q(user_id="")),
        unknown=Sum("count", filter=Q(reason=Attempts.Reason.UNKNOWN_NAME), default=0),
        locked=Sum("count", filter=Q(reason=Attempts.Reason.LOCKED), default=0),
        first=Min("first_at"),
        last=Max("last_at"),
    )
    worst = by_source.order_by("-failures", "address", "agent")[:MOST_SOURCES]
    for *cells, first, last in worst:
        yield *cells, second(first), second(last)


def _attempts_while_locked(rows: QuerySet[Attempts]) -> Iterator[Row]:
    """Yield the accounts with the most attempts first."""
    by_account = (
        rows.filter(reason=Attempts.Reason.LOCKED)
        .values_list("user_id")
        .annotate(
            user_name=Max("name"),
            domain=Max("domain_name"),
            attempts=Sum("count"),
            addresses=Count("address", distinct=True),
            first=Min("first_at"),
            last=Max("last_at"),
        )
    )
    for *cells, first, last in by_account.order_by("-attempts", "user_id")[:MOST_SOURCES]:
        yield *cells, second(first), second(last)
