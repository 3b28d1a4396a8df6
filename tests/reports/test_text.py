"""The text of a report: verdicts, findings, numbers, names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pciops.reports.render import text
from pciops.reports.value import Cell, Column, Figure, ReportVerdict, Statement
from tests.reports.samples import make_report, make_section, sample_report

NAME = Column("name", "Name")
MET, FINDING, UNKNOWN = ReportVerdict.MET, ReportVerdict.FINDING, ReportVerdict.UNKNOWN


def statements(*verdicts: ReportVerdict | None) -> tuple[Statement, ...]:
    return tuple(Statement(f"{verdict}.", verdict) for verdict in verdicts)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({}, None),
        ({"statements": statements(None)}, None),
        ({"statements": statements(None, MET)}, MET),
        ({"statements": statements(MET, UNKNOWN)}, UNKNOWN),
        ({"statements": statements(UNKNOWN, FINDING)}, FINDING),
        ({"figures": (Figure("a", "a", 0, finding=True),)}, None),
        ({"figures": (Figure("a", "a", 3),)}, None),
        ({"figures": (Figure("a", "a", None, finding=True),)}, UNKNOWN),
        (
            {
                "figures": (Figure("a", "a", 3, finding=True),),
                "statements": statements(MET),
            },
            FINDING,
        ),
    ],
)
def test_a_section_has_its_worst_verdict(parts: object, expected: ReportVerdict | None) -> None:
    assert make_section("s", **parts).verdict is expected  # type: ignore[arg-type] # keywords


def test_findings_are_statements_and_figures() -> None:
    findings = text.findings(sample_report().report)

    assert [(section.requirement, sentence) for section, sentence in findings] == [
        ("8.3.4", "Set lockout_duration to at least 1800 seconds."),
        ("8.2.6", "inactive for over 90 days: 40"),
    ]


@pytest.mark.parametrize(
    ("verdicts", "numbers"),
    [
        ([], []),
        ([MET, MET], ["No findings", "2"]),
        ([MET, FINDING], ["1 of 2"]),
        ([UNKNOWN, MET], ["No findings", "1 lacks"]),
        ([UNKNOWN] * 2 + [FINDING], ["1 of 3", "2 lack"]),
    ],
)
def test_the_answer_counts_the_verdicts(verdicts: list[ReportVerdict], numbers: list[str]) -> None:
    sections = [
        make_section(str(number), statements=statements(verdict))
        for number, verdict in enumerate(verdicts)
    ]
    answer = text.answer(make_report(*sections))

    assert answer.endswith(".")
    for number in numbers:
        assert number in answer


@pytest.mark.parametrize(
    ("change", "expected"), [(None, "–"), (0, "±0"), (1204, "+1,204"), (-1204, "−1,204")]
)
def test_a_change_has_its_sign(change: int | None, expected: str) -> None:
    assert text.change_text(change) == expected


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (None, "text", "–"),
        ("ann", "text", "ann"),
        ("a\x07b", "text", "a\\x07b"),
        (12480, "number", "12,480"),
        (2026, "text", "2026"),
        (True, "yes", "yes"),
        (False, "yes", "no"),
        ("2026-11-22T14:02:11Z", "instant", "2026-11-22 14:02:11"),
        ("2026-11-22", "day", "22 Nov 2026"),
        ("yesterday\n", "instant", "yesterday\\n"),
        ("never", "day", "never"),
    ],
)
def test_a_cell_is_written_by_the_kind_of_its_column(value: Cell, kind: str, expected: str) -> None:
    assert text.cell_text(value, replace(NAME, kind=kind)) == expected  # type: ignore[arg-type] # a kind


def test_every_text_of_a_report_becomes_printable() -> None:
    section = make_section("s", "a\x07", statements=(Statement("b\u202e"),))
    printable = text.printable_report(make_report(section, cloud="c\x00"))

    assert printable.header.cloud == "c\\x00"
    assert printable.sections[0].title == "a\\x07"
    assert printable.sections[0].statements[0].words == "b\\u202e"
