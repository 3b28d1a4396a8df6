"""The text of a report: verdicts, findings, numbers, names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pciops.reports.render import text
from pciops.reports.requirements import judge
from pciops.reports.value import Cell, Column, Figure, Found, ReportVerdict, Statement, Verdict
from tests.reports.samples import make_report, make_section, sample_report

NAME = Column("name", "Name")


def statements(*verdicts: ReportVerdict | None) -> tuple[Statement, ...]:
    return tuple(Statement(f"{verdict}.", verdict) for verdict in verdicts)


EXCEPTION, NO_EXCEPTION = Verdict.EXCEPTION, Verdict.NO_EXCEPTION
NOT_TESTED, PARTLY_TESTED = Verdict.NOT_TESTED, Verdict.PARTLY_TESTED


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"tested": 4}, NO_EXCEPTION),
        ({"tested": 4, "not_tested": ["", "6 LDAP accounts."]}, PARTLY_TESTED),
        ({"tested": 4, "found": [Found(0, "none")]}, NO_EXCEPTION),
        ({"tested": 4, "found": [Found(2, "unused")], "not_tested": ["6."]}, EXCEPTION),
        ({"tested": 0}, NOT_TESTED),
        ({"tested": 0, "not_tested": ["All."]}, NOT_TESTED),
        ({"tested": 0, "found": [Found(1, "rule")]}, EXCEPTION),
    ],
)
def test_a_verdict_claims_no_more_than_was_tested(facts: dict[str, Any], expected: Verdict) -> None:
    made = judge("8.2.6", unit="accounts", population=10, **facts)

    assert made.verdict is expected
    assert made.exceptions == sum(found.number for found in made.found)


@pytest.mark.parametrize(
    ("facts", "known"),
    [
        ({"tested": 0}, False),
        ({"tested": 4}, True),
        ({"tested": 0, "found": [Found(1, "rule")]}, True),
    ],
)
def test_exceptions_are_counted_only_where_something_was_tested(
    facts: dict[str, Any], known: bool
) -> None:
    made = judge("8.2.6", unit="accounts", population=10, **facts)

    assert ("exception" in text.counts(made)) is known


def test_a_section_without_a_requirement_has_no_verdict() -> None:
    figures = (Figure("a", "a", 3, finding=True),)

    assert make_section("policy", figures=figures).verdict is None


def test_exceptions_are_those_of_the_judgments() -> None:
    exceptions = text.exceptions(sample_report().report)

    assert [(one.requirement, one.words) for one in exceptions] == [
        ("8.3.4", "Set lockout_duration to at least 1800 seconds."),
        ("8.2.6", "Accounts were not used for 90 days: 40"),
    ]


@pytest.mark.parametrize(
    ("found", "not_tested", "terms"),
    [
        ([[]], [[]], ["No exception found in 1 of 1"]),
        ([[Found(1, "a")], []], [[], ["b"]], ["Exceptions in 1 of 2", "1 partly tested"]),
        ([[], []], [["a"], ["b"]], ["No exception found in 0 of 2", "2 partly tested"]),
    ],
)
def test_the_answer_counts_the_verdicts(
    found: list[list[Found]], not_tested: list[list[str]], terms: list[str]
) -> None:
    judgments = tuple(
        judge("8.2.6", unit="accounts", population=1, tested=1, found=some, not_tested=others)
        for some, others in zip(found, not_tested, strict=True)
    )
    answer = text.answer(make_report(make_section("s", judgments=judgments)))

    assert all(term in answer for term in terms), answer


@pytest.mark.parametrize("verdict", ReportVerdict)
def test_a_report_of_0_1_0_is_not_said_to_meet_anything(verdict: ReportVerdict) -> None:
    section = make_section("s", judgments=None, statements=statements(verdict))

    assert "no longer used" in text.answer(make_report(section))
    assert text.VERDICTS[verdict] != "Met"


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
