"""Walks the chains of reports and names the first thing that does not fit.

A report's hash is over its canonical JSON, which has the hash of the report before, and of each
table the hash over all its rows. docs/reports.md says how to compute it without pciops.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import zlib
from dataclasses import dataclass
from typing import Any

from django.utils.crypto import salted_hmac

from pciops.audit.models import Event
from pciops.lib.canonical import canonical, digest
from pciops.reports.archive import codec, store
from pciops.reports.archive.store import HASH
from pciops.reports.models import ReportStub, StoredReport
from pciops.reports.value import Report


@dataclass(frozen=True, kw_only=True)
class Check:
    """How a verification ended."""

    reports: int  # that fit
    problem: str = ""  # of the first that does not; "": all fit


def verify() -> Check:
    """Check every report of every chain, with all its rows."""
    number = 0
    for domain_id in _domains():
        check = verify_chain(domain_id)
        number += check.reports
        if check.problem:
            return Check(reports=number, problem=check.problem)
    return Check(reports=number, problem=_missing())


def verify_chain(domain_id: str, *, until: int | None = None) -> Check:
    """Check the reports of one domain ("": of the whole cloud), up to this position."""
    number, position, hash_ = 0, 0, ""
    if problem := stub_problem(domain_id):
        return Check(reports=number, problem=problem)
    if stub := _last_stub(domain_id):
        position, hash_ = stub.last_position, stub.last_hash
    for pk in _keys(domain_id):
        stored = StoredReport.objects.get(pk=pk)
        if until is not None and stored.position > until:
            break
        if problem := misfit(stored, position=position + 1, previous_hash=hash_):
            return Check(reports=number, problem=f"{stored}: {problem}")
        number, position, hash_ = number + 1, stored.position, stored.hash
    return Check(reports=number)


def misfit(stored: StoredReport, *, position: int, previous_hash: str) -> str:
    """What is wrong with a report that should stand here; "" where it fits."""
    if stored.position != position:
        return f"the report before it, number {position} of its chain, is missing"
    try:
        text = stored.text
        report = codec.from_dict(json.loads(text))
    except (zlib.error, ValueError, KeyError, TypeError):
        return "its content cannot be read"
    if digest(text) != stored.hash:
        return "content changed, its hash is not that of what it says"
    if (stored.previous_hash, report.header.previous_hash) != (previous_hash, previous_hash):
        return "its previous hash is not the hash of the report before"
    if _columns(stored) != _said(report):
        return "it stands in the table under another week, domain or number than it says"
    return _rows_misfit(stored, report)


def _columns(stored: StoredReport) -> tuple[Any, ...]:
    return (*(stored.domain_id, stored.week, stored.revision, stored.generated_at, stored.figures),)


def _said(report: Report) -> tuple[Any, ...]:
    header = report.header
    figures = canonical(store.main_figures(report))
    return header.domain_id, header.week, header.revision, header.generated_at, figures


def _rows_misfit(stored: StoredReport, report: Report) -> str:
    known = {table.key: table for table in report.tables()}
    if set(stored.rows.values_list("table", flat=True).distinct()) - set(known):
        return "it has rows of a list that it does not know"
    for table in known.values():
        sum_, count = hashlib.sha256(), 0
        chunks = stored.rows.filter(table=table.key).order_by("number")
        for chunk in chunks.iterator(chunk_size=1):
            try:
                lines = zlib.decompress(bytes(chunk.data))
            except zlib.error:
                return f"rows of its list {table.key} cannot be read"
            sum_.update(lines)
            count += lines.count(b"\n")
        if (sum_.hexdigest(), count) != (table.sha256, table.count):
            return f"rows of its list {table.key} were changed"
    return ""


def _missing() -> str:
    """A report that the trail knows, and nobody has any more: the end of a chain was cut off.

    Of those that were built before a stub was made, the stub answers for the oldest.
    """
    kept = set(StoredReport.objects.values_list("hash", flat=True))
    first = StoredReport.objects.order_by("generated_at").first()
    built = Event.objects.filter(
        action=Event.Action.BUILD, outcome=Event.Outcome.SUCCESS, remark__startswith=HASH
    )
    if ReportStub.objects.exists() and first is not None:
        built = built.filter(event_time__gte=first.generated_at)
    for event in built.order_by("position"):
        if event.remark.removeprefix(HASH) not in kept:
            return f"{event.resource} is missing, which was built on {event.event_time:%Y-%m-%d}"
    return ""


def _domains() -> list[str]:
    """Every domain that has a chain, or had one."""
    here = set(StoredReport.objects.values_list("domain_id", flat=True))
    return sorted(here | set(ReportStub.objects.values_list("domain_id", flat=True)))


def _keys(domain_id: str) -> list[int]:
    rows = StoredReport.objects.filter(domain_id=domain_id).order_by("position")
    return list(rows.values_list("pk", flat=True))


# --- Stubs -------------------------------------------------------------------------------------
def sign(stub: ReportStub) -> str:
    """HMAC-SHA-256 over the stub with a key that only our SECRET_KEY gives."""
    fields = (
        *(stub.domain_id, stub.first_position, stub.last_position, stub.last_hash, stub.count),
        stub.pruned_at.isoformat(),
    )
    text = " ".join(str(field) for field in fields)
    return salted_hmac("pciops.reports.stub", text, algorithm="sha256").hexdigest()


def stub_problem(domain_id: str) -> str:
    """What is wrong with the stubs of a chain, which begin at 1 and follow one another."""
    position = 0
    for stub in ReportStub.objects.filter(domain_id=domain_id).order_by("last_position"):
        name = f"stub of reports {stub.first_position} to {stub.last_position}"
        if not hmac.compare_digest(sign(stub), stub.signature):
            return f"{name}: its signature is not of this PCIOPS_SECRET_KEY"
        if stub.first_position != position + 1 or stub.count != stub.last_position - position:
            return f"{name}: it does not follow report {position}"
        position = stub.last_position
    return ""


def _last_stub(domain_id: str) -> ReportStub | None:
    return ReportStub.objects.filter(domain_id=domain_id).order_by("-last_position").first()
