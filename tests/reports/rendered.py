"""Reads rendered reports: the figures and the row counts that each format has."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from pypdf import PdfReader

from pciops.reports.render import csv as csv_format
from pciops.reports.render import html
from pciops.reports.render import json as json_format
from pciops.reports.render.pdf import pdf
from tests.reports.samples import Sample


@dataclass(frozen=True)
class Numbers:
    """The numbers of a report."""

    figures: dict[str, tuple[int | None, int | None]]  # key → number and change
    counts: dict[str, int]  # key of a table → rows


def page(sample: Sample) -> str:
    return "".join(html.stream(sample.report, sample.rows))


def document(sample: Sample) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads("".join(json_format.stream(sample.report, sample.rows)))
    return loaded


def files(sample: Sample) -> dict[str, list[list[str]]]:
    """Return the lines of each CSV file by its name."""
    blocks = csv_format.stream(sample.report, sample.rows)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(blocks)))
    return {
        name: list(csv.reader(io.StringIO(archive.read(name).decode(), newline="")))
        for name in archive.namelist()
        if name.endswith(".csv")
    }


def printed(sample: Sample, **options: Any) -> PdfReader:
    data = b"".join(pdf.stream(sample.report, sample.rows, **options))
    return PdfReader(io.BytesIO(data))


def pdf_text(reader: PdfReader) -> str:
    return "\n".join(page.extract_text() for page in reader.pages)


def from_value(sample: Sample) -> Numbers:
    return Numbers(
        {figure.key: (figure.number, figure.change) for figure in sample.report.figures()},
        {table.key: table.count for table in sample.report.tables()},
    )


def from_html(sample: Sample) -> Numbers:
    parser = _Parser()
    parser.feed(page(sample))
    figures = {key: (number(cells[1]), number(cells[2])) for key, cells in parser.figures.items()}
    counts = {key: _count(words) for key, words in parser.lists.items()}
    return Numbers(figures, counts)


def from_json(sample: Sample) -> Numbers:
    loaded = document(sample)
    sections = loaded["report"]["sections"]
    figures = [figure for section in sections for figure in section["figures"]]
    tables = [table for section in sections for table in section["tables"]]
    for table in tables:
        assert table["count"] == len(loaded["rows"][table["key"]])
    return Numbers(
        {figure["key"]: (figure["number"], figure["change"]) for figure in figures},
        {table["key"]: table["count"] for table in tables},
    )


def from_csv(sample: Sample) -> Numbers:
    by_name = files(sample)
    head, *lines = by_name["figures.csv"]
    figures = [dict(zip(head, line, strict=True)) for line in lines]
    lists = {name: rows for name, rows in by_name.items() if name.startswith("lists/")}
    return Numbers(
        {
            figure["figure"]: (number(figure["number"]), number(figure["change"]))
            for figure in figures
        },
        {name[len("lists/") : -len(".csv")]: len(rows) - 1 for name, rows in lists.items()},
    )


def from_pdf(sample: Sample) -> Numbers:
    """Labels and titles have to be findable: one line, and unique."""
    words = pdf_text(printed(sample))
    figures: dict[str, tuple[int | None, int | None]] = {}
    for figure in sample.report.figures():
        matches = re.findall(rf"(?m)^ ?{re.escape(figure.label)}\s+(\S+)\s+(\S+)", words)
        assert len(set(matches)) == 1, (figure, matches)  # main ones are printed twice
        figures[figure.key] = number(matches[0][0]), number(matches[0][1])
    counts = {}
    for table in sample.report.tables():
        titles = re.findall(rf"{re.escape(table.title)} \(([\d,]+) rows?\)", words)
        assert len(set(titles)) == 1, table.title
        counts[table.key] = _count(titles[0])
    return Numbers(figures, counts)


def number(words: str) -> int | None:
    """Parse `1,204`, `−4` or `±0`; None for a dash or nothing."""
    words = words.replace(",", "").replace("−", "-").strip()
    return None if words in {"–", ""} else int(words.removeprefix("±"))


def _count(words: str) -> int:
    match = re.search(r"[\d,]+", words)
    assert match
    return int(match[0].replace(",", ""))


@dataclass
class _Parser(HTMLParser):
    """The rows of figures by their key, and the words after the title of each list."""

    figures: dict[str, list[str]] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    _row: list[str] | None = None
    _hidden: bool = False
    _list: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "tr" and (key := attributes.get("data-figure")):
            self._row = self.figures[key] = []
        if tag == "td" and self._row is not None:
            self._row.append("")
        if key := attributes.get("data-list"):
            self._list = key
        self._hidden = attributes.get("class") == "visually-hidden" or "aria-hidden" in attributes

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False
        if tag == "tr":
            self._row = None
        if tag == "h3":
            self._list = ""

    def handle_data(self, data: str) -> None:
        if self._row and not self._hidden:
            self._row[-1] += data
        if self._list:
            self.lists[self._list] = data  # the last words: the count in brackets
