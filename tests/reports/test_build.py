"""The report is built once from all packages, and says what it was before."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connections

from pciops.audit.services import PCIOPS
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import evidence
from pciops.lib.evidence import Figure, Part, Question
from pciops.reports import build
from pciops.reports.archive import codec, store
from pciops.reports.sections.headings import BY_KEY, HEADINGS
from tests.factories import NOW, make_ldap_user, make_locked_user, make_user
from tests.reports.scenes import WEEK, built, figure, section, table

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def test_every_section_has_something_to_say() -> None:
    report = built().report

    assert [one.key for one in report.sections] == [heading.key for heading in HEADINGS]
    assert [one.key for one in report.sections if not (one.statements or one.figures)] == []


def test_every_part_is_of_a_section_that_there_is() -> None:
    built()

    assert {source.section for source in evidence._sources} <= set(BY_KEY)


def test_it_is_the_same_after_json() -> None:
    make_locked_user()
    make_ldap_user("<lena>")
    report = built().report

    assert codec.from_dict(codec.as_dict(report)) == report


def test_columns_and_cells_agree_in_number() -> None:
    make_locked_user(at=NOW)
    make_ldap_user()
    make_user("gone", last_active_at=NOW.date() - timedelta(days=300))
    found = built()

    for one in found.report.tables():
        assert {len(row) for row in found.rows(one.key)} <= {len(one.columns)}, one.key
        assert set(one.identity) <= {column.key for column in one.columns}, one.key


def test_a_figure_knows_what_it_was_a_week_before() -> None:
    make_locked_user(at=NOW)
    store.keep(built(WEEK.before, now=NOW - timedelta(minutes=1)), initiator=PCIOPS)
    make_locked_user("bob", at=NOW)
    report = built().report

    assert (figure(report, "locked").number, figure(report, "locked").change) == (2, 1)


def test_the_first_report_has_nothing_to_compare_with() -> None:
    assert {one.change for one in built().report.figures()} == {None}


def test_late_it_says_so() -> None:
    [sentence, *_] = section(built().report, "sources").statements

    assert "6 days after the week had ended" in sentence.words


def test_keystones_database_away_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise KeystoneDatabaseDownError("gone")

    with (
        connections["keystone"].execute_wrapper(refuse),
        pytest.raises(KeystoneDatabaseDownError),
    ):
        built()


def test_two_parts_of_one_name_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(question: Question) -> list[Part]:
        return [Figure(key="locked", label="again", number=1)]

    source = evidence._Source(section="8.3.4", order=99, parts=twice)
    monkeypatch.setattr(evidence, "_sources", [*evidence._sources, source])

    with pytest.raises(ValueError, match="locked"):
        built()


@pytest.mark.parametrize("words", ["other", "Other"])
def test_a_domain_is_found_by_id_and_by_name(words: str) -> None:
    make_user(domain_id="other")

    assert build.domain_of(words).id == "other"


def test_a_domain_that_there_is_not_is_refused() -> None:
    with pytest.raises(build.DomainError, match="nowhere"):
        build.domain_of("nowhere")


def test_the_statements_that_are_sent_do_not_grow_with_the_cloud() -> None:
    def statements() -> int:
        sent = 0

        def count(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
            nonlocal sent
            sent += 1
            return execute(sql, params, many, context)

        with connections["keystone"].execute_wrapper(count):
            built()
        return sent

    for number in range(2):
        make_user(f"a{number}", last_active_at=NOW.date() - timedelta(days=300))
        make_locked_user(f"l{number}")
    few = statements()
    for number in range(2, 40):
        make_user(f"a{number}", last_active_at=NOW.date() - timedelta(days=300))
        make_locked_user(f"l{number}")

    assert statements() == few


def test_the_table_holds_the_first_rows_and_counts_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pciops.lib.spool.FIRST", 2)
    for number in range(3):
        make_ldap_user(f"lena{number}")
    found = table(built().report, "not_covered")

    assert (found.count, len(found.shown)) == (3, 2)
