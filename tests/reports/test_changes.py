"""Differences between two reports: new and gone accounts, and the change of figures."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from pciops.reports import changes
from pciops.reports.changes import ListChange
from pciops.reports.spool import BuiltReport, ReportTables
from pciops.reports.value import Figure, Row
from tests.reports.samples import ACCOUNT, columns, make_report, make_section


def report(rows: Iterable[Row], figures: tuple[Figure, ...] = ()) -> BuiltReport:
    """Return a report with one table of these rows."""
    tables = ReportTables()
    table = tables.add("inactive", "Inactive", ACCOUNT, rows)
    section = make_section("8.2.6", tables=(table,), figures=figures)
    return BuiltReport(report=make_report(section), tables=tables)


def list_changes(before: BuiltReport, after: BuiltReport) -> list[ListChange]:
    rows_before, rows_after = before.tables.rows, after.tables.rows
    return list(changes.list_changes(before.report, rows_before, after.report, rows_after))


def compared(before: Iterable[Row], after: Iterable[Row]) -> ListChange:
    [change] = list_changes(report(before), report(after))
    return change


def account(number: int, name: str = "ann") -> Row:
    return f"id-{number}", name, "Default"


ids = st.lists(st.integers(0, 40))


@settings(deadline=None)
@given(before=ids, after=ids)
def test_accounts_of_one_side_are_new_or_gone(before: list[int], after: list[int]) -> None:
    change = compared(map(account, before), map(account, after))
    new, gone = set(after) - set(before), set(before) - set(after)

    assert {row[0] for row in change.new.rows} == {f"id-{number}" for number in new}
    assert {row[0] for row in change.gone.rows} == {f"id-{number}" for number in gone}
    assert (change.new.count, change.gone.count) == (len(new), len(gone))
    assert change.stayed == len(set(before) & set(after))


def test_an_account_with_another_name_stays() -> None:
    change = compared([account(1, "ann")], [account(1, "anna")])

    assert (change.new.count, change.gone.count, change.stayed) == (0, 0, 1)


def test_only_the_first_are_named_and_all_are_counted() -> None:
    change = compared([], map(account, range(changes.NAMED + 5)))

    assert change.new.count == changes.NAMED + 5
    assert len(change.new.rows) == changes.NAMED


def test_a_table_of_events_is_not_compared() -> None:
    tables = ReportTables()
    heads, rows = (*ACCOUNT, *columns(at="instant")), [(*account(1), "2026-11-20T10:00:00Z")]
    table = tables.add("unlocks", "Unlocks", heads, rows, identity=("user_id", "at"))
    both = BuiltReport(report=make_report(make_section("8", tables=(table,))), tables=tables)

    assert list_changes(both, both) == []


def test_a_table_that_the_earlier_report_lacks_is_not_compared() -> None:
    before = BuiltReport(report=make_report(), tables=ReportTables())

    assert list_changes(before, report([account(1)])) == []


def test_figures_have_their_numbers_in_both() -> None:
    before = report([], (Figure("inactive", "inactive", 3),)).report
    after = report([], (Figure("inactive", "inactive", 5), Figure("new", "new", 1))).report

    assert [
        (change.figure.key, change.before, change.after, change.difference)
        for change in changes.figure_changes(before, after)
    ] == [("inactive", 3, 5, 2), ("new", None, 1, None)]
