"""The four forms in which a report that is kept is given away, and the names of their files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pciops.reports.models import StoredReport
from pciops.reports.render import csv, html, json
from pciops.reports.render.pdf import pdf


@dataclass(frozen=True, kw_only=True)
class Format:
    """A form: how it is called, and what makes it of a report."""

    name: str
    label: str
    content_type: str
    suffix: str
    stream: Callable[..., Iterable[str] | Iterable[bytes]]


def _pdf(*args: Any, **options: Any) -> Iterator[bytes]:
    yield pdf.render(*args, **options)


FORMATS: Final = {
    one.name: one
    for one in (
        Format(
            name="pdf",
            label="PDF",
            content_type="application/pdf",
            suffix="pdf",
            stream=_pdf,
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


def file_name(stored: StoredReport, form: Format) -> str:
    """`pciops-report-2026-W47-r1.pdf`, with the domain's id where it is of one."""
    domain = re.sub(r"[^A-Za-z0-9-]", "", stored.domain_id)
    of = f"-{domain}" if domain else ""
    return f"pciops-report-{stored.week}{of}-r{stored.revision}.{form.suffix}"
