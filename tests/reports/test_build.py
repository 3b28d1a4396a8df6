"""The report is built once from all sections, with the changes since the week before."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connections

from pciops.accounts.census import census
from pciops.accounts.census.counting import CensusTally
from pciops.accounts.policy.policy import Policy
from pciops.accounts.selectors import Domain
from pciops.audit.services import PCIOPS
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.reports import build as building
from pciops.reports.archive import codec, store
from pciops.reports.build import build
from pciops.reports.sources import CloudSources
from pciops.reports.spool import BuiltReport
from pciops.reports.value import Figure, Report
from pciops.reports.weeks import Week
from tests.factories import NOW, make_ldap_user, make_locked_user, make_user
from tests.reports.weekly import BY_KEY, WEEK

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def built(week: Week = WEEK) -> BuiltReport:
    return build(week, cloud=CloudSources(now=NOW))


def figure(report: Report, key: str) -> Figure:
    [one] = [figure for figure in report.figures() if figure.key == key]
    return one


def test_every_section_is_there_in_order_and_says_something() -> None:
    sections = built().report.sections

    assert [section.key for section in sections] == list(BY_KEY)
    assert [s.key for s in sections if not (s.statements or s.figures)] == []


def test_no_two_figures_have_the_same_key() -> None:
    keys = [figure.key for figure in built().report.figures()]

    assert len(keys) == len(set(keys))


def test_a_report_is_the_same_after_json() -> None:
    make_locked_user()
    make_ldap_user("<lena>")
    report = built().report

    assert codec.from_dict(codec.as_dict(report)) == report


def test_every_row_has_a_cell_for_each_column() -> None:
    make_locked_user(at=NOW)
    make_ldap_user()
    make_user("gone", last_active_at=NOW.date() - timedelta(days=300))
    made = built()

    for table in made.report.tables():
        assert {len(row) for row in made.tables.rows(table.key)} <= {len(table.columns)}, table.key
        assert set(table.identity) <= {column.key for column in table.columns}, table.key


def test_figures_change_since_the_week_before() -> None:
    make_locked_user(at=NOW)
    before = store.keep(built(WEEK.before), initiator=PCIOPS)
    store.keep(built(WEEK.after), initiator=PCIOPS)  # built earlier than the week it follows
    make_locked_user("bob", at=NOW)
    report = built().report

    assert (figure(report, "locked").number, figure(report, "locked").change) == (2, 1)
    assert report.header.previous_week == str(WEEK.before)
    assert report.header.previous_hash == before.hash


def test_the_first_report_has_no_changes() -> None:
    report = built().report

    assert {figure.change for figure in report.figures()} == {None}
    assert report.header.previous_week == ""


def test_a_late_report_says_how_late_it_is() -> None:
    [sentence, *_] = built().report.sections[0].statements

    assert "6 days after" in sentence.words


def test_reports_of_one_time_count_the_accounts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counting, counts = census.count, []

    def count(*, policy: Policy, now: datetime, passwords: bool) -> CensusTally:
        counts.append(now)
        return counting(policy=policy, now=now, passwords=passwords)

    monkeypatch.setattr(census, "count", count)
    cloud = CloudSources(now=NOW)
    for week, domain in ((WEEK.before, ""), (WEEK, ""), (WEEK, "other")):
        with build(week, Domain(id=domain, name=domain), cloud=cloud):
            pass

    assert len(counts) == 1


def test_keystones_database_away_leaves_nothing() -> None:
    def refuse(*_: object) -> None:
        raise KeystoneDatabaseDownError("gone")

    with (
        connections["keystone"].execute_wrapper(refuse),
        pytest.raises(KeystoneDatabaseDownError),
    ):
        built()


@pytest.mark.parametrize("name", ["other", "Other"])
def test_a_domain_is_found_by_id_and_by_name(name: str) -> None:
    make_user(domain_id="other")

    assert building.domain_of(name).id == "other"


def test_an_unknown_domain_is_refused() -> None:
    with pytest.raises(building.DomainError, match="nowhere"):
        building.domain_of("nowhere")


def test_the_number_of_statements_does_not_grow_with_the_cloud() -> None:
    def statements() -> int:
        sent = 0

        def count(execute, sql, params, many, context):  # type: ignore[no-untyped-def] # Django's
            nonlocal sent
            sent += 1
            return execute(sql, params, many, context)

        with connections["keystone"].execute_wrapper(count):
            built()
        return sent

    def fill(numbers: range) -> None:
        for number in numbers:
            make_user(f"a{number}", last_active_at=NOW.date() - timedelta(days=300))
            make_locked_user(f"l{number}")

    fill(range(2))
    few = statements()
    fill(range(2, 40))

    assert statements() == few


def test_a_table_has_its_first_rows_and_the_count_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pciops.reports.spool.FIRST_ROWS", 2)
    for number in range(3):
        make_ldap_user(f"lena{number}")
    [table] = [table for table in built().report.tables() if table.key == "not_covered"]

    assert (table.count, len(table.shown)) == (3, 2)
