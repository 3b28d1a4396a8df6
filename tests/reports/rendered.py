"""Reads rendered reports: the figures and the row counts that each format has."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from dataclasses import dataclass
from typing import Any

from pypdf import PdfReader

from pciops.reports.render import csv as csv_format
from pciops.reports.render import html, pdf
from pciops.reports.render import json as json_format
from pciops.reports.render.text import ReportContent
from pciops.reports.spool import BuiltReport


@dataclass(frozen=True)
class Numbers:
    """The numbers of a report."""

    figures: dict[str, tuple[int | None, int | None]]  # key → number and change
    counts: dict[str, int]  # key of a table → rows


def content(sample: BuiltReport, **more: Any) -> ReportContent:
    return ReportContent(**{"report": sample.report, "rows": sample.tables.rows, **more})


def page(sample: BuiltReport) -> str:
    return "".join(html.stream(content(sample)))


def document(sample: BuiltReport) -> dict[str, Any]:
    blocks = json_format.stream(content(sample))
    loaded: dict[str, Any] = json.loads("".join(blocks))
    return loaded


def files(sample: BuiltReport) -> dict[str, list[list[str]]]:
    """Return the lines of each CSV file by its name."""
    blocks = csv_format.stream(content(sample))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(blocks)))
    return {
        name: list(csv.reader(io.StringIO(archive.read(name).decode(), newline="")))
        for name in archive.namelist()
        if name.endswith(".csv")
    }


def printed(sample: BuiltReport, **options: Any) -> PdfReader:
    data = b"".join(pdf.stream(content(sample, **options)))
    return PdfReader(io.BytesIO(data))


def pdf_text(reader: PdfReader) -> str:
    return "\n".join(page.extract_text() for page in reader.pages)


def from_value(sample: BuiltReport) -> Numbers:
    return Numbers(
        {figure.key: (figure.number, figure.change) for figure in sample.report.figures()},
        {table.key: table.count for table in sample.report.tables()},
    )


def from_html(sample: BuiltReport) -> Numbers:
    html_page = re.sub(r'<span class="sr">.*?</span>', "", page(sample))
    rows = re.findall(r'<tr[^>]* data-figure="(\w+)">(.*?)</tr>', html_page, re.DOTALL)
    cells = {key: re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL) for key, row in rows}
    lists = re.findall(r'<h3 [^>]*data-list="(\w+)">.*?\(([\d,]+) rows?\)</span></h3>', html_page)
    return Numbers(
        {key: (number(words[1]), number(words[2])) for key, words in cells.items()},
        {key: number(count) or 0 for key, count in lists},
    )


def from_json(sample: BuiltReport) -> Numbers:
    loaded = document(sample)
    sections = loaded["report"]["sections"]
    tables = [table for section in sections for table in section["tables"]]
    for table in tables:
        assert table["count"] == len(loaded["rows"][table["key"]])
    return Numbers(
        {f["key"]: (f["number"], f["change"]) for section in sections for f in section["figures"]},
        {table["key"]: table["count"] for table in tables},
    )


def from_csv(sample: BuiltReport) -> Numbers:
    by_name = files(sample)
    head, *lines = by_name["figures.csv"]
    figures = [dict(zip(head, line, strict=True)) for line in lines]
    return Numbers(
        {f["figure"]: (number(f["number"]), number(f["change"])) for f in figures},
        {
            name.removeprefix("lists/").removesuffix(".csv"): len(rows) - 1
            for name, rows in by_name.items()
            if name.startswith("lists/")
        },
    )


def from_pdf(sample: BuiltReport) -> Numbers:
    """Labels and titles have to be findable: one line, and unique."""
    words = pdf_text(printed(sample))
    figures: dict[str, tuple[int | None, int | None]] = {}
    for figure in sample.report.figures():
        matches = re.findall(rf"(?m)^ ?{re.escape(figure.label)}\s+(\S+)\s+(\S+)", words)
        assert len(set(matches)) == 1, (figure, matches)  # main ones are printed twice
        figures[figure.key] = number(matches[0][0]), number(matches[0][1])
    counts = {}
    for table in sample.report.tables():
        [count] = set(re.findall(rf"{re.escape(table.title)} \(([\d,]+) rows?\)", words))
        counts[table.key] = number(count) or 0
    return Numbers(figures, counts)


def number(words: str) -> int | None:
    """Parse `1,204`, `−4`, `±0` or `<strong>7</strong> ✗`; None for a dash or nothing."""
    words = re.sub(r"<[^>]+>|[,✗\s]", "", words).replace("−", "-")
    return None if words in {"–", ""} else int(words.removeprefix("±"))
