"""Reads renderings again: the figures and the counts of lists that each of them has."""

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

from pciops.reports.render import csv as zipped
from pciops.reports.render import html
from pciops.reports.render import json as jsons
from tests.reports.made_up import Kept

Numbers = dict[str, tuple[int | None, int | None]]  # of each figure: number and change


@dataclass(frozen=True)
class Seen:
    """What a rendering says."""

    figures: Numbers
    counts: dict[str, int]


def page(kept: Kept) -> str:
    return "".join(html.stream(kept.report, kept.rows))


def document(kept: Kept) -> dict[str, Any]:
    found: dict[str, Any] = json.loads("".join(jsons.stream(kept.report, kept.rows)))
    return found


def files(kept: Kept) -> dict[str, list[list[str]]]:
    """The lines of each CSV file by its name."""
    archive = zipfile.ZipFile(io.BytesIO(b"".join(zipped.stream(kept.report, kept.rows))))
    return {
        name: list(csv.reader(io.StringIO(archive.read(name).decode(), newline="")))
        for name in archive.namelist()
        if name.endswith(".csv")
    }


def text(data: bytes) -> str:
    """All words of a PDF, page by page."""
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def from_value(kept: Kept) -> Seen:
    return Seen(
        {figure.key: (figure.number, figure.change) for figure in kept.report.figures()},
        {table.key: table.count for table in kept.report.tables()},
    )


def from_html(kept: Kept) -> Seen:
    parser = _Parser()
    parser.feed(page(kept))
    figures = {key: (number(cells[1]), number(cells[2])) for key, cells in parser.figures.items()}
    counts = {key: _many(words) for key, words in parser.lists.items()}
    return Seen(figures, counts)


def from_json(kept: Kept) -> Seen:
    found = document(kept)
    sections = found["report"]["sections"]
    figures = [figure for section in sections for figure in section["figures"]]
    tables = [table for section in sections for table in section["tables"]]
    for table in tables:
        assert table["count"] == len(found["rows"][table["key"]])
    return Seen(
        {figure["key"]: (figure["number"], figure["change"]) for figure in figures},
        {table["key"]: table["count"] for table in tables},
    )


def from_csv(kept: Kept) -> Seen:
    found = files(kept)
    head, *lines = found["figures.csv"]
    figures = [dict(zip(head, line, strict=True)) for line in lines]
    lists = {name: rows for name, rows in found.items() if name.startswith("lists/")}
    return Seen(
        {it["figure"]: (number(it["number"]), number(it["change"])) for it in figures},
        {name[len("lists/") : -len(".csv")]: len(rows) - 1 for name, rows in lists.items()},
    )


def from_pdf(kept: Kept, data: bytes) -> Seen:
    """Labels and titles have to be such that they can be found: one line, and unique."""
    words = text(data)
    figures: Numbers = {}
    for figure in kept.report.figures():
        found = re.findall(rf"(?m)^ ?{re.escape(figure.label)} (\S+) (\S+)", words)
        assert len(set(found)) == 1, (figure, found)  # main ones stand there twice
        figures[figure.key] = number(found[0][0]), number(found[0][1])
    counts = {}
    for table in kept.report.tables():
        many = re.findall(rf"{re.escape(table.title)} \(([\d,]+) rows?\)", words)
        assert len(set(many)) == 1, table.title
        counts[table.key] = _many(many[0])
    return Seen(figures, counts)


def number(words: str) -> int | None:
    """`1,204`, `−4`, `±0`; none for a dash or nothing."""
    words = words.replace(",", "").replace("−", "-").strip()
    return None if words in {"–", ""} else int(words.removeprefix("±"))


def _many(words: str) -> int:
    found = re.search(r"[\d,]+", words)
    assert found
    return int(found[0].replace(",", ""))


@dataclass
class _Parser(HTMLParser):
    """The rows of figures by their key, and what stands behind the title of each list."""

    figures: dict[str, list[str]] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    _row: list[str] | None = None
    _hidden: bool = False
    _list: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "tr" and (key := found.get("data-figure")):
            self._row = self.figures[key] = []
        if tag == "td" and self._row is not None:
            self._row.append("")
        if key := found.get("data-list"):
            self._list = key
        self._hidden = found.get("class") == "visually-hidden" or "aria-hidden" in found

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
