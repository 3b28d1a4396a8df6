"""Keeps reports, finds them, reads their rows, and writes down who has acknowledged them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from django.db import transaction

from pciops.audit import chain, services
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.lib import spool
from pciops.lib.canonical import canonical, digest
from pciops.lib.spool import Row
from pciops.reports.archive import codec
from pciops.reports.models import ReportStub, Rows, SignOff, StoredReport, Trouble
from pciops.reports.value import Report
from pciops.reports.weeks import Week

if TYPE_CHECKING:
    from pciops.reports.build import Built

AT_ONCE: Final = 4  # chunks of rows in one statement: what a database takes is bounded
HASH: Final = "SHA-256 "  # what stands before it in the trail
LONGEST_REMARK: Final = 1000


@transaction.atomic
def keep(built: Built, *, initiator: Initiator, again: bool = False) -> StoredReport:
    """Keep a report at the end of its chain, with a row in the trail that has its hash.

    Where one of this week is kept already, that one is returned and the new one is not kept.

    Args:
        again: keep it all the same, as another revision.

    Raises:
        AuditLogError: nothing is kept.
    """
    chain.locked_head()  # held until the end: one process appends at a time
    header = built.report.header
    kept = newest(header.week, header.domain_id)
    if kept is not None and not again:
        return kept
    before = _end(header.domain_id)
    report = replace(
        built.report,
        header=replace(
            header,
            revision=kept.revision + 1 if kept else 1,
            previous_week=before.week,
            previous_hash=before.hash,
        ),
    )
    text = codec.text(report)
    stored = StoredReport.objects.create(
        domain_id=header.domain_id,
        domain_name=header.domain_name[:255],
        week=header.week,
        revision=report.header.revision,
        generated_at=header.generated_at,
        figures=canonical(main_figures(report)),
        content=zlib.compress(text.encode()),
        position=before.position + 1,
        previous_hash=report.header.previous_hash,
        hash=digest(text),
    )
    chunks = _chunks(stored, built)
    while some := list(islice(chunks, AT_ONCE)):
        Rows.objects.bulk_create(some)
    Trouble.objects.filter(week=header.week, domain_id=header.domain_id).delete()
    services.record(
        Event.Action.BUILD,
        Event.Outcome.SUCCESS,
        initiator=initiator,
        resource=str(stored),
        remark=f"{HASH}{stored.hash}",
        now=header.generated_at,
    )
    return stored


def _chunks(stored: StoredReport, built: Built) -> Iterator[Rows]:
    for key, rows in built.spools.items():
        for number, chunk in enumerate(rows.chunks()):
            yield Rows(report=stored, table=key, number=number, count=chunk.rows, data=chunk.data)


def main_figures(report: Report) -> list[dict[str, str | int | bool | None]]:
    """What a list of reports shows of one."""
    return [
        {"key": one.key, "label": one.label, "number": one.number, "finding": one.finding}
        for one in report.figures()
        if one.main
    ]


# --- Finding -----------------------------------------------------------------------------------
def newest(week: str, domain_id: str) -> StoredReport | None:
    """The last revision of a week."""
    rows = StoredReport.objects.filter(week=week, domain_id=domain_id)
    return rows.order_by("-revision").first()


def get(week: str, domain_id: str, revision: int | None = None) -> StoredReport | None:
    """A revision of a week, the last one where none is named."""
    if revision is None:
        return newest(week, domain_id)
    rows = StoredReport.objects.filter(week=week, domain_id=domain_id, revision=revision)
    return rows.first()


def listed(domain_id: str, *, limit: int) -> list[StoredReport]:
    """The last revision of each week, without its content, the newest week first."""
    rows = StoredReport.objects.filter(domain_id=domain_id).defer("content")
    found: dict[str, StoredReport] = {}
    for stored in rows.order_by("-week", "-revision").prefetch_related("sign_offs"):
        found.setdefault(stored.week, stored)
        if len(found) > limit:
            break
    return list(found.values())[:limit]


def revisions(week: str, domain_id: str) -> list[StoredReport]:
    """All of a week, without their content, the newest first."""
    rows = StoredReport.objects.filter(week=week, domain_id=domain_id).defer("content")
    return list(rows.order_by("-revision"))


def domains() -> list[tuple[str, str]]:
    """Id and name of each domain of which there is a report; ("", "") is the whole cloud."""
    rows = StoredReport.objects.order_by("domain_id", "position")
    return list(dict(rows.values_list("domain_id", "domain_name")).items())


def report(stored: StoredReport) -> Report:
    """What it says."""
    return codec.from_dict(json.loads(stored.text))


def rows(stored: StoredReport, table: str) -> Iterator[Row]:
    """All rows of a table, read a chunk at a time."""
    for number in range(stored.rows.filter(table=table).count()):
        data = stored.rows.values_list("data", flat=True).get(table=table, number=number)
        yield from spool.unpacked(bytes(data))


def figures(week: Week, domain_id: str) -> Mapping[str, int | None]:
    """Every figure of the last revision of a week by its key; nothing where there is no report."""
    stored = newest(str(week), domain_id)
    if stored is None:
        return {}
    return {figure.key: figure.number for figure in report(stored).figures()}


class _End(NamedTuple):
    """The end of a chain, behind which the next report comes."""

    position: int
    hash: str
    week: str  # "": it was pruned, or there is none


def _end(domain_id: str) -> _End:
    last = StoredReport.objects.filter(domain_id=domain_id).order_by("-position").defer("content")
    if stored := last.first():
        return _End(stored.position, stored.hash, stored.week)
    stubs = ReportStub.objects.filter(domain_id=domain_id).order_by("-last_position")
    if stub := stubs.first():
        return _End(stub.last_position, stub.last_hash, "")
    return _End(0, "", "")


# --- Acknowledging -----------------------------------------------------------------------------
@transaction.atomic
def sign_off(stored: StoredReport, *, initiator: Initiator, remark: str, now: datetime) -> SignOff:
    """Write down that somebody has read the report and acknowledges it (PCI DSS 7.2.4).

    Raises:
        AuditLogError: it is not written down.
    """
    event = services.record(
        Event.Action.SIGN_OFF,
        Event.Outcome.SUCCESS,
        initiator=initiator,
        resource=str(stored),
        remark=f"{HASH}{stored.hash}{f': {remark}' if remark else ''}",
        now=now,
    )
    return SignOff.objects.create(
        report=stored,
        at=now,
        by=event.initiator[:400],
        by_id=initiator.id[:64],
        remark=remark[:LONGEST_REMARK],
        event_id=event.id,
    )
