"""The four formats in which a stored report is downloaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from django.http import StreamingHttpResponse

from pciops.audit import anchors, services
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.reports.archive import records, store
from pciops.reports.models import StoredReport
from pciops.reports.render import csv, html, json
from pciops.reports.render.text import ReportContent


@dataclass(frozen=True)
class Format:
    """A format: its name, and the function that renders a report."""

    name: str
    label: str
    content_type: str
    suffix: str
    stream: Callable[[ReportContent], Iterable[str] | Iterable[bytes]]

    def file_name(self, stored: StoredReport) -> str:
        """Return `pciops-report-2026-W47-r1.pdf`, with the id of the domain if it is of one."""
        domain = re.sub(r"[^A-Za-z0-9-]", "", stored.domain_id)
        of = f"-{domain}" if domain else ""
        return f"pciops-report-{stored.week}{of}-r{stored.revision}.{self.suffix}"

    def blocks(self, content: ReportContent) -> Iterator[bytes]:
        """Yield the file in blocks; after an error it does not end cleanly."""
        for block in self.stream(content):
            if block:
                yield block.encode() if isinstance(block, str) else block


def _pdf(content: ReportContent) -> Iterator[bytes]:
    # Its library takes a quarter of the start of every process, and only PDFs need it.
    from pciops.reports.render import pdf  # noqa: PLC0415 (see above)

    return pdf.stream(content)


FORMATS: Final = {
    one.name: one
    for one in (
        Format("pdf", "PDF", "application/pdf", "pdf", _pdf),
        Format("csv", "CSV (ZIP)", "application/zip", "csv.zip", csv.stream),
        Format("json", "JSON", "application/json", "json", json.stream),
        Format("html", "HTML", "text/html; charset=utf-8", "html", html.stream),
    )
}


def content_of(stored: StoredReport) -> ReportContent:
    """Return a stored report as it is rendered."""
    return ReportContent(
        report=store.report(stored),
        rows=partial(store.rows, stored),
        sha256=stored.hash,
        sign_offs=list(stored.sign_offs.order_by("at")),
        proofs=anchors.files(store.anchor(stored)),
    )


def download(
    stored: StoredReport, format_: Format, *, initiator: Initiator, now: datetime
) -> StreamingHttpResponse:
    """Record a download in the audit log, and return the response with the file.

    Raises:
        AuditLogError: there is no download.
    """
    name = format_.file_name(stored)
    services.record(
        Event.Action.REPORT,
        Event.Outcome.SUCCESS,
        initiator=initiator,
        resource=name,
        remark=records.hash_remark(stored.hash),
        now=now,
    )
    blocks = format_.blocks(content_of(stored))
    response = StreamingHttpResponse(blocks, content_type=format_.content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
