"""The four formats of a report agree, number by number, whatever is in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pciops.lib.canonical import canonical
from pciops.reports.archive import codec
from pciops.reports.render import csv, html
from pciops.reports.render import json as json_format
from pciops.reports.spool import BuiltReport
from pciops.reports.value import Row
from tests.reports import rendered
from tests.reports.samples import (
    HOSTILE,
    arbitrary_reports,
    changes,
    numbers,
    sample_report,
)
from tests.support.examples import some

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[2] / "docs" / "report.schema.json").read_text()
)
# A PDF takes a second to write and to read.
few, more = some(6), some(25)

Draw = Callable[[], int | None]


def with_numbers(sample: BuiltReport, number: Draw, change: Draw) -> BuiltReport:
    """The report with other numbers and changes in its figures."""
    sections = tuple(
        replace(
            section,
            figures=tuple(
                replace(figure, number=number(), change=change()) for figure in section.figures
            ),
        )
        for section in sample.report.sections
    )
    return replace(sample, report=replace(sample.report, sections=sections))


@st.composite
def renumbered(draw: st.DrawFn) -> BuiltReport:
    """The believable report with any numbers in it."""
    sample = sample_report(draw(st.integers(0, 30)))
    return with_numbers(sample, lambda: draw(st.none() | numbers), lambda: draw(changes))


@more
@given(sample=arbitrary_reports())
@pytest.mark.parametrize("read", [rendered.from_html, rendered.from_json, rendered.from_csv])
def test_every_figure_and_every_count_is_that_of_the_value(
    read: Callable[[BuiltReport], rendered.Numbers], sample: BuiltReport
) -> None:
    assert read(sample) == rendered.from_value(sample)


@few
@given(sample=renumbered())
def test_the_pdf_has_the_same_figures_and_counts(sample: BuiltReport) -> None:
    assert rendered.from_pdf(sample) == rendered.from_value(sample) == rendered.from_html(sample)


def test_the_pdf_neither_cuts_nor_breaks_a_large_number() -> None:
    large = 888_888_888
    sample = with_numbers(sample_report(3), lambda: large, lambda: -large)
    sections = tuple(
        replace(
            section,
            judgments=tuple(
                replace(one, population=large, tested=large, exceptions=large)
                for one in section.judgments or ()
            ),
        )
        for section in sample.report.sections
    )
    sample = replace(sample, report=replace(sample.report, sections=sections))
    words = rendered.pdf_text(rendered.printed(sample))

    assert set(re.findall("8[8,]{3,}…?", words)) == {"888,888,888"}


@few
@given(sample=arbitrary_reports())
def test_any_report_can_be_printed(sample: BuiltReport) -> None:
    assert rendered.printed(sample).pages


@more
@given(sample=arbitrary_reports())
def test_the_json_matches_the_published_schema(sample: BuiltReport) -> None:
    found = json.loads("".join(json_format.stream(rendered.content(sample))))

    Draft202012Validator(SCHEMA).validate(found)


def test_the_schema_is_valid() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@more
@given(sample=arbitrary_reports())
def test_json_and_csv_have_every_row(sample: BuiltReport) -> None:
    document, lines = rendered.document(sample), rendered.files(sample)

    for key, spool in sample.tables.spools.items():
        assert [tuple(row) for row in document["rows"][key]] == list(spool.rows())
        assert len(lines[f"lists/{key}.csv"]) == spool.count + 1


@more
@given(sample=arbitrary_reports())
def test_the_hash_is_over_the_report_in_the_json(sample: BuiltReport) -> None:
    report = rendered.document(sample)["report"]

    assert canonical(report) == codec.text(sample.report)


def test_no_cell_of_the_csv_begins_a_formula() -> None:
    sample = sample_report()

    for lines in rendered.files(sample).values():
        for line in lines:
            for cell in line:
                assert not cell.startswith(("=", "+", "@", "\t", "\r"))
                assert not cell.startswith("-") or cell[1:].isdigit()


def test_no_name_is_markup_in_the_html() -> None:
    page = rendered.page(sample_report())

    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "</table><b>" not in page


def test_control_characters_are_escapes_in_html_and_pdf() -> None:
    sample = sample_report()
    page, words = rendered.page(sample), rendered.pdf_text(rendered.printed(sample))

    for character in ("\u202e", "\x07", "\x00"):
        for text in (page, words):
            assert character not in text
            assert character.encode("unicode_escape").decode() in text


def test_the_html_needs_no_other_file() -> None:
    page = rendered.page(sample_report())

    for reference in ("<link", "<script", "<img", "src=", "url(/", "http", " style="):
        assert reference not in page.replace("url(#", "")


def test_hostile_names_are_whole_in_the_json() -> None:
    found = json.dumps(rendered.document(sample_report()))

    for name in HOSTILE:
        assert json.dumps(name)[1:-1] in found


def test_two_zips_of_one_report_are_the_same() -> None:
    sample = sample_report()

    assert b"".join(csv.stream(rendered.content(sample))) == b"".join(
        csv.stream(rendered.content(sample))
    )


def test_a_list_that_breaks_off_leaves_no_whole_file() -> None:
    sample = sample_report()

    def rows(key: str) -> Iterator[Row]:
        yield from list(sample.tables.rows(key))[:1]
        raise OSError("gone")

    for stream in (csv.stream, json_format.stream):
        with pytest.raises(OSError, match="gone"):
            list(stream(rendered.content(sample, rows=rows)))


def test_html_names_the_file_that_has_all_rows_of_a_table() -> None:
    page = "".join(html.stream(rendered.content(sample_report(700))))

    assert "The first 500 of 700 rows" in page
    assert "lists/inactive.csv" in page
