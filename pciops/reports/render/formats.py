"""The four formats in which a stored report is downloaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from pciops.audit import services
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.reports.archive import records, store
from pciops.reports.models import StoredReport
from pciops.reports.render import csv, html, json
from pciops.reports.render.pdf import pdf


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format: its name, and the function that renders a report."""

    name: str
    label: str
    content_type: str
    suffix: str
    stream: Callable[..., Iterable[str] | Iterable[bytes]]

    def file_name(self, stored: StoredReport) -> str:
        """Return `pciops-report-2026-W47-r1.pdf`, with the id of the domain if it is of one."""
        domain = re.sub(r"[^A-Za-z0-9-]", "", stored.domain_id)
        of = f"-{domain}" if domain else ""
        return f"pciops-report-{stored.week}{of}-r{stored.revision}.{self.suffix}"

    def blocks(self, stored: StoredReport) -> Iterator[bytes]:
        """Yield the file in blocks; after an error it does not end cleanly."""
        rendered = self.stream(
            store.report(stored),
            partial(store.rows, stored),
            sha256=stored.hash,
            signoffs=list(stored.sign_offs.order_by("at")),
        )
        for block in rendered:
            if block:
                yield block.encode() if isinstance(block, str) else block


FORMATS: Final = {
    one.name: one
    for one in (
        Format(
            name="pdf",
            label="PDF",
            content_type="application/pdf",
            suffix="pdf",
            stream=pdf.stream,
        ),
        Format(
            name="csv",
            label="CSV (ZIP)",
            content_type="application/zip",
            suffix="csv.zip",
            stream=csv.stream,
        ),
        Format(
            name="json",
            label="JSON",
            content_type="application/json",
            suffix="json",
            stream=json.stream,
        ),
        Format(
            name="html",
            label="HTML",
            content_type="text/html; charset=utf-8",
            suffix="html",
            stream=html.stream,
        ),
    )
}


def record_download(
    stored: StoredReport, format_: Format, *, initiator: Initiator, now: datetime
) -> str:
    """Record a download in the audit log before it begins, and return the name of the file.

    Raises:
        AuditLogError: there must be no download.
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
    return name
