"""The first page of a printed report: its answer, and where in it everything is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from reportlab.platypus import CondPageBreak, Flowable

from pciops.lib.evidence import Verdict
from pciops.lib.numbers import grouped
from pciops.reports.render import words
from pciops.reports.render.pdf.layout import (
    BIG,
    BODY,
    INKS,
    NOTE,
    STRONG,
    SUBHEADING,
    TALL_ROOM,
    TITLE,
    Mark,
    Text,
)
from pciops.reports.render.pdf.tables import Cell, Form, PageOf, Rows, Words
from pciops.reports.value import Figure, Report, Section, Table

_READING: Final = (
    "Instants are UTC. A dash stands for what is not known. A character that the fonts of this "
    "document lack is written as its number, such as \\u4e2d. Every list is complete in the CSV "
    "and the JSON of this report, which carry the same numbers."
)


def first_page(report: Report, sha256: str, pages: dict[str, int]) -> Iterator[Flowable]:
    """The summary, which ends where it ends: it may take another page."""
    header = report.header
    yield Mark("top", "Summary", 0, pages)
    yield Text("PCI DSS 4.0.1: accounts of OpenStack Keystone", NOTE, below=0)
    yield Text(f"Weekly compliance report {header.week}", TITLE, below=2)
    yield Text(f"{words.plain(header.cloud)} · {words.scope(header)}", BODY, below=0)
    yield Text(words.period(header), BODY, below=10)
    yield Text(words.answer(report), BIG, below=6)
    if report.gaps:
        many = f"{len(report.gaps)} gap{'' if len(report.gaps) == 1 else 's'}"
        yield Text(f"The evidence has {many}; the section 10.7.2 names them.", BODY)
    found = words.findings(report)
    if found:
        yield Text("What somebody has to do", SUBHEADING, above=4)
        yield Rows(
            Form(widths=shares(0.17, 0.75, 0.08), heads=("Requirement", "Finding", "Page")),
            [
                (
                    Words(
                        words.plain(section.requirement or section.title),
                        STRONG,
                        link=mark(section),
                    ),
                    text,
                    PageOf(mark(section)),
                )
                for section, text in found
            ],
        )
    yield Text("Requirements", SUBHEADING, above=4)
    yield Rows(
        Form(
            widths=shares(0.17, 0.4, 0.17, 0.18, 0.08),
            heads=("Requirement", "Section", "Verdict", "In PCI DSS 3.2.1", "Page"),
        ),
        [*_contents(report)],
    )
    main = [figure for figure in report.figures() if figure.main]
    if main:
        yield CondPageBreak(100)
        yield Text("Main figures", SUBHEADING, above=4)
        yield numbers(report, main)
    yield from _list_of_lists(report)
    yield CondPageBreak(200)
    yield Text("About this report", SUBHEADING, above=4)
    yield Rows(
        Form(widths=shares(0.24, 0.76)),
        [(Words(label, STRONG), text) for label, text in words.facts(header, sha256)],
    )
    yield Text(_READING, NOTE)


def _contents(report: Report) -> Iterator[tuple[Cell, ...]]:
    for section in words.sections(report):
        verdict, place = words.verdict(section), mark(section)
        yield (
            Words(words.plain(section.requirement) or "–", STRONG, link=place),
            Words(words.plain(section.title), link=place),
            _verdict(verdict),
            words.plain(section.old) or "–",
            PageOf(place),
        )


def _list_of_lists(report: Report) -> Iterator[Flowable]:
    found = list(lists_of(report))
    if not found:
        return
    yield CondPageBreak(90)
    yield Text("Lists", SUBHEADING, above=4)
    yield Rows(
        Form(
            widths=shares(0.17, 0.56, 0.13, 0.06, 0.08),
            heads=("Requirement", "List", "Rows", "", "Page"),
            right=(False, False, True, False, False),
        ),
        [
            (
                words.plain(section.requirement) or "–",
                Words(words.plain(table.title), link=f"list-{table.key}"),
                grouped(table.count),
                "",
                PageOf(f"list-{table.key}"),
            )
            for section, table in found
        ],
    )


def numbers(report: Report, figures: Iterable[Figure]) -> Flowable:
    """A list of figures."""
    before = report.header.previous_week
    return Rows(
        Form(
            widths=shares(0.34, 0.14, 0.14, 0.38),
            heads=("Figure", "Number", f"Since {before}" if before else "Change", ""),
            right=(False, True, True, False),
        ),
        [
            (
                words.plain(figure.label),
                Words(words.number(figure), INKS[Verdict.FINDING])
                if words.is_finding(figure)
                else Words(words.number(figure), STRONG),
                words.change(figure),
                words.plain(figure.words),
            )
            for figure in figures
        ],
    )


def lists_of(report: Report) -> Iterator[tuple[Section, Table]]:
    """All lists, each with its section."""
    for section in report.sections:
        yield from ((section, table) for table in section.tables)


def shares(*parts: float) -> tuple[float, ...]:
    """Widths of columns by their parts of the page."""
    return tuple(part * TALL_ROOM for part in parts)


def mark(section: Section) -> str:
    """Where the section begins."""
    return f"section-{section.key}"


def _verdict(verdict: Verdict | None) -> Cell:
    return Words(words.VERDICTS[verdict], INKS[verdict]) if verdict else "–"
