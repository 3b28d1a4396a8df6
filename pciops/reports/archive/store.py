"""Stores reports, finds them, reads their rows, and records acknowledgements."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Final

from pciops.audit import anchors, chain, services
from pciops.audit.models import Anchor, Event
from pciops.audit.services import Initiator
from pciops.lib import retries
from pciops.lib.canonical import canonical, digest
from pciops.reports import spool
from pciops.reports.archive import codec, records
from pciops.reports.models import BuildFailure, RowChunk, SignOff, StoredReport
from pciops.reports.spool import BuiltReport, ReportTables
from pciops.reports.value import Report, Row

AT_ONCE: Final = 4  # chunks of rows in one statement: databases limit its size
LONGEST_REMARK: Final = 1000


@retries.repeated
def keep(built: BuiltReport, *, initiator: Initiator, again: bool = False) -> StoredReport:
    """Store a report, with a row in the audit log that has its hash.

    If one of this week is stored already, that one is returned and the new one is not stored.

    Args:
        again: store it all the same, as another revision.

    Raises:
        AuditLogError: nothing is stored.
    """
    chain.locked_head()  # held until the end: one process stores at a time
    header = built.report.header
    stored = newest(header.week, header.domain_id)
    if stored is not None and not again:
        return stored
    revision = stored.revision + 1 if stored else 1
    report = replace(built.report, header=replace(header, revision=revision))
    text = codec.text(report)
    stored = StoredReport.objects.create(
        domain_id=header.domain_id,
        domain_name=header.domain_name[:255],
        week=header.week,
        revision=revision,
        generated_at=header.generated_at,
        figures=canonical(main_figures(report)),
        content=zlib.compress(text.encode()),
        hash=digest(text),
    )
    chunks = _chunks(stored, built.tables)
    while some := list(islice(chunks, AT_ONCE)):
        RowChunk.objects.bulk_create(some)
    BuildFailure.objects.filter(week=header.week, domain_id=header.domain_id).delete()
    services.record(
        Event.Action.BUILD,
        Event.Outcome.SUCCESS,
        initiator=initiator,
        resource=str(stored),
        remark=records.hash_remark(stored.hash),
        now=header.generated_at,
    )
    return stored


def _chunks(stored: StoredReport, tables: ReportTables) -> Iterator[RowChunk]:
    for key, rows in tables.spools.items():
        for number, chunk in enumerate(rows.chunks()):
            yield RowChunk(
                report=stored, table=key, number=number, count=chunk.rows, data=chunk.data
            )


def main_figures(report: Report) -> list[dict[str, str | int | bool | None]]:
    """Return what a list of reports shows of one."""
    return [
        {
            "key": figure.key,
            "label": figure.label,
            "number": figure.number,
            "finding": figure.finding,
        }
        for figure in report.figures()
        if figure.main
    ]


# --- Finding -----------------------------------------------------------------------------------
def newest(week: str, domain_id: str) -> StoredReport | None:
    """Return the last revision of a week."""
    rows = StoredReport.objects.filter(week=week, domain_id=domain_id)
    return rows.order_by("-revision").first()


def get(week: str, domain_id: str, revision: int | None = None) -> StoredReport | None:
    """Return a revision of a week; the last one if none is named."""
    if revision is None:
        return newest(week, domain_id)
    rows = StoredReport.objects.filter(week=week, domain_id=domain_id, revision=revision)
    return rows.first()


def listed(domain_id: str, *, limit: int) -> list[StoredReport]:
    """Return the last revision of each week, without its content, the newest week first."""
    rows = StoredReport.objects.filter(domain_id=domain_id).defer("content")
    by_week: dict[str, StoredReport] = {}
    for stored in rows.order_by("-week", "-revision").prefetch_related("sign_offs"):
        by_week.setdefault(stored.week, stored)
        if len(by_week) > limit:
            break
    return list(by_week.values())[:limit]


def revisions(week: str, domain_id: str) -> list[StoredReport]:
    """Return all revisions of a week, without their content, the newest first."""
    rows = StoredReport.objects.filter(week=week, domain_id=domain_id).defer("content")
    return list(rows.order_by("-revision"))


def domains() -> list[tuple[str, str]]:
    """Return id and name of each domain with a report; ("", "") is the whole cloud."""
    rows = StoredReport.objects.order_by("domain_id", "generated_at")
    return list(dict(rows.values_list("domain_id", "domain_name")).items())


def report(stored: StoredReport) -> Report:
    """Return the value of a report."""
    return codec.from_dict(json.loads(stored.text))


def rows(stored: StoredReport, table: str) -> Iterator[Row]:
    """Yield all rows of a table, reading a few chunks at a time."""
    chunks = stored.rows.filter(table=table).order_by("number").values_list("data", flat=True)
    for number in range(0, chunks.count(), AT_ONCE):
        for data in chunks.filter(number__gte=number)[:AT_ONCE]:
            yield from spool.decompressed(bytes(data))


def anchor(stored: StoredReport) -> Anchor | None:
    """Return the anchor that proves the audit log's row about a report, once there is one."""
    built = Event.objects.filter(
        action=Event.Action.BUILD, event_time=stored.generated_at, resource=str(stored)[:255]
    )
    positions = [event.position for event in built if records.hash_of(event) == stored.hash]
    return anchors.covering(positions[0]) if positions else None


def figures(stored: StoredReport) -> Mapping[str, int | None]:
    """Return the number of every figure by its key."""
    return {figure.key: figure.number for figure in report(stored).figures()}


# --- Acknowledging -----------------------------------------------------------------------------
@retries.repeated
def sign_off(
    stored: StoredReport,
    *,
    initiator: Initiator,
    remark: str,
    now: datetime,
    as_management: bool = False,
) -> SignOff:
    """Record that an operator has read the report and acknowledges it (PCI DSS 7.2.4).

    Args:
        as_management: the operator has a role of PCIOPS_MANAGEMENT_ROLES.

    Raises:
        AuditLogError: it is not recorded.
    """
    event = services.record(
        Event.Action.SIGN_OFF,
        Event.Outcome.SUCCESS,
        initiator=initiator,
        resource=str(stored),
        remark=records.hash_remark(stored.hash, remark),
        now=now,
    )
    return SignOff.objects.create(
        report=stored,
        at=now,
        by=event.initiator[:400],
        by_id=initiator.id[:64],
        remark=remark[:LONGEST_REMARK],
        event_id=event.id,
        as_management=as_management,
    )
