"""Verifies stored reports against the audit log, and names the first that fails.

The audit log has a row for each report that was stored, with the SHA-256 of its canonical JSON,
which has the SHA-256 of each of its lists. docs/reports.md says how to compute them without pciops.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pciops.audit import chain
from pciops.audit.models import Event
from pciops.lib.canonical import canonical, digest
from pciops.reports.archive import codec, records, store
from pciops.reports.models import StoredReport
from pciops.reports.value import Report


@dataclass(frozen=True, kw_only=True)
class ReportCheck:
    """The result of a verification."""

    reports: int  # that passed
    unproven: int = 0  # of them, older than the audit log, which has been pruned since
    problem: str = ""  # of the first that failed; "": all passed


@dataclass(frozen=True, kw_only=True)
class AuditRecords:
    """The rows of the audit log about reports."""

    builds: Mapping[str, Event]  # hash of a report → the row of its building
    begins: datetime | None  # rows from before this time were pruned; None: none were
    reports_pruned_before: datetime | None  # reports from before this time were; None: none were

    @classmethod
    def read(cls) -> AuditRecords:
        """Read the rows about reports."""
        events = Event.objects.filter(outcome=Event.Outcome.SUCCESS).order_by("position")
        builds = {
            sha256: event
            for event in events.filter(action=Event.Action.BUILD)
            if (sha256 := records.hash_of(event))
        }
        first = Event.objects.exclude(position=None).order_by("position").first()
        pruned = [
            _pruned_before(event, builds)
            for event in events.filter(
                action=Event.Action.PRUNE, resource__startswith=records.PRUNED
            )
        ]
        return cls(
            builds=builds,
            begins=first.settled_at if first and (first.position or 1) > 1 else None,
            reports_pruned_before=max((time for time in pruned if time), default=None),
        )

    def is_older(self, stored: StoredReport) -> bool:
        """Return whether the audit log's row about a report may have been pruned."""
        return self.begins is not None and stored.generated_at <= self.begins


def verify() -> ReportCheck:
    """Check every report with all its rows, and that none is missing."""
    audit_records = AuditRecords.read()
    passed = unproven = 0
    keys = StoredReport.objects.order_by("generated_at", "pk").values_list("pk", flat=True)
    for pk in list(keys):
        stored = StoredReport.objects.get(pk=pk)
        if problem := misfit(stored, audit_records):
            return ReportCheck(reports=passed, problem=f"{stored}: {problem}")
        passed += 1
        unproven += stored.hash not in audit_records.builds
    return ReportCheck(reports=passed, unproven=unproven, problem=_missing(audit_records))


def chain_problem() -> str:
    """Return which stored report the chain has no row of; "" if there is none."""
    audit_records = AuditRecords.read()
    for stored in StoredReport.objects.defer("content", "figures").order_by("generated_at", "pk"):
        if stored.hash not in audit_records.builds and not audit_records.is_older(stored):
            return f"{stored}: no row has its hash {stored.hash}"
    return ""


def misfit(stored: StoredReport, audit_records: AuditRecords) -> str:
    """Return what is wrong with a report; "" if nothing is."""
    try:
        text = stored.text
        report = codec.from_dict(json.loads(text))
    except (zlib.error, ValueError, KeyError, TypeError):
        return "its content cannot be read"
    if digest(text) != stored.hash:
        return "its content was changed and does not match its hash"
    columns = (stored.domain_id, stored.week, stored.revision, stored.generated_at, stored.figures)
    if columns != _expected_columns(report):
        return "it is stored under another week, domain, or number than its own"
    event = audit_records.builds.get(stored.hash)
    if event is None and not audit_records.is_older(stored):
        return "the audit log has no row with its hash"
    if event is not None and chain.digest(event) != event.hash:
        return f"the audit log row {event.position} was changed"
    return _rows_misfit(stored, report)


def _expected_columns(report: Report) -> tuple[Any, ...]:
    header = report.header
    figures = canonical(store.main_figures(report))
    return header.domain_id, header.week, header.revision, header.generated_at, figures


def _rows_misfit(stored: StoredReport, report: Report) -> str:
    tables = {table.key: table for table in report.tables()}
    if set(stored.rows.values_list("table", flat=True).distinct()) - set(tables):
        return "it has rows of an unknown list"
    for table in tables.values():
        sha256, count = hashlib.sha256(), 0
        chunks = stored.rows.filter(table=table.key).order_by("number")
        for chunk in chunks.iterator(chunk_size=1):
            try:
                lines = zlib.decompress(bytes(chunk.data))
            except zlib.error:
                return f"rows of its list {table.key} cannot be read"
            sha256.update(lines)
            count += lines.count(b"\n")
        if (sha256.hexdigest(), count) != (table.sha256, table.count):
            return f"rows of its list {table.key} were changed"
    return ""


def _missing(audit_records: AuditRecords) -> str:
    """Return the first report that the audit log has and the archive should have."""
    stored = set(StoredReport.objects.values_list("hash", flat=True))
    pruned_before = audit_records.reports_pruned_before
    for sha256, event in audit_records.builds.items():
        pruned = pruned_before is not None and event.event_time < pruned_before
        if sha256 not in stored and not pruned:
            return f"{event.resource} is missing, which was built on {event.event_time:%Y-%m-%d}"
    return ""


def _pruned_before(event: Event, builds: Mapping[str, Event]) -> datetime | None:
    """Return the time before which a row about pruning deleted the reports."""
    if (last := builds.get(records.last_pruned(event))) is not None:
        return last.event_time + timedelta(microseconds=1)
    return records.pruned_before(event)
