"""What a report says in words: verdicts, findings, numbers, names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pciops.lib.evidence import Cell, Column, Statement, Verdict
from pciops.reports.render import words
from pciops.reports.value import Report
from tests.reports.made_up import believable, figure, header, section

TEXT = Column(key="name", title="Name")


def statements(*verdicts: Verdict | None) -> tuple[Statement, ...]:
    return tuple(Statement(words=f"{verdict}.", verdict=verdict) for verdict in verdicts)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({}, None),
        ({"statements": statements(None)}, None),
        ({"statements": statements(None, Verdict.MET)}, Verdict.MET),
        ({"statements": statements(Verdict.MET, Verdict.UNKNOWN)}, Verdict.UNKNOWN),
        ({"statements": statements(Verdict.UNKNOWN, Verdict.FINDING)}, Verdict.FINDING),
        ({"figures": (figure("a", "a", 0, finding=True),)}, None),
        ({"figures": (figure("a", "a", 3),)}, None),
        ({"figures": (figure("a", "a", None, finding=True),)}, Verdict.UNKNOWN),
        (
            {
                "figures": (figure("a", "a", 3, finding=True),),
                "statements": statements(Verdict.MET),
            },
            Verdict.FINDING,
        ),
    ],
)
def test_the_verdict_is_the_worst_that_is_said(parts: object, expected: Verdict | None) -> None:
    assert words.verdict(section("s", "8.2.6", "", "S", "", **parts)) is expected  # type: ignore[arg-type]


def test_findings_are_sentences_and_then_numbers() -> None:
    found = [(one.requirement, text) for one, text in words.findings(believable().report)]

    assert found == [
        ("8.3.4", "The lock is too short: set lockout_duration to at least 1800 seconds."),
        ("8.2.6", "inactive for over 90 days: 40"),
    ]


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], "No requirement was judged."),
        ([Verdict.MET, Verdict.MET], "No findings: all 2 requirements that were judged are met."),
        ([Verdict.MET, Verdict.FINDING], "Findings in 1 of 2 sections."),
        ([Verdict.UNKNOWN, Verdict.MET], "No findings; 1 lacks evidence."),
        (
            [Verdict.UNKNOWN] * 2 + [Verdict.FINDING],
            "Findings in 1 of 3 sections; 2 lack evidence.",
        ),
    ],
)
def test_the_answer_is_one_sentence(verdicts: list[Verdict], expected: str) -> None:
    sections = tuple(
        section(str(number), "8.2.6", "", "S", "", statements=statements(verdict))
        for number, verdict in enumerate(verdicts)
    )
    report = Report(header=header(), sections=sections, gaps=())

    assert words.answer(report) == expected


@pytest.mark.parametrize(
    ("change", "expected"), [(None, "–"), (0, "±0"), (1204, "+1,204"), (-1204, "−1,204")]
)
def test_a_change_has_its_sign(change: int | None, expected: str) -> None:
    assert words.change(figure("a", "a", 1, change)) == expected


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
def test_a_cell_is_written_by_its_kind(value: Cell, kind: str, expected: str) -> None:
    assert words.cell(value, replace(TEXT, kind=kind)) == expected  # type: ignore[arg-type]


def test_gaps_and_signatures_have_a_section_in_every_report() -> None:
    found = [one.key for one in words.sections(believable().report)]

    assert found[-2:] == ["gaps", "review"]
