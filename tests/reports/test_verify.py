"""Verification proves stored reports against the audit log, and names the first that fails."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import StateApps
from pytest_django import Settings

from pciops.audit import apps as audit_apps
from pciops.audit.models import Event
from pciops.audit.prune import prune as prune_audit_log
from pciops.audit.services import PCIOPS, record
from pciops.lib.canonical import digest
from pciops.reports.archive import prune, store, triggers, verify
from pciops.reports.models import RowChunk, SignOff, StoredReport
from pciops.reports.render.formats import FORMATS, content_of
from tests.audit.helpers import chained, forge
from tests.factories import NOW, make_initiator
from tests.reports.samples import store_sample

pytestmark = pytest.mark.django_db

OLD_REPORT = Path(__file__).parent / "report-0.1.0.json"  # as that release stored it


@pytest.fixture
def three() -> list[StoredReport]:
    weeks = ("2026-W44", "2026-W45", "2026-W46")
    return [store_sample(week, seed=number) for number, week in enumerate(weeks)]


def problem() -> str:
    return verify.verify().problem


def delete(stored: StoredReport) -> None:
    """Delete a report with the login of the database."""
    with connection.constraint_checks_disabled():
        forge("DELETE FROM reports_rows WHERE report_id = %s", stored.pk)
        forge("DELETE FROM reports_storedreport WHERE id = %s", stored.pk)


def test_unchanged_reports_pass(three: list[StoredReport]) -> None:
    store_sample(domain_id="other")

    assert verify.verify() == verify.ReportCheck(reports=4)


def test_no_reports_pass() -> None:
    assert verify.verify() == verify.ReportCheck(reports=0)


@pytest.mark.parametrize(
    ("also", "term"),
    [
        ("", "2026-W45, revision 1: its content was changed"),
        ("hash", "2026-W45, revision 1: the audit log has no row"),
        ("audit log", "the audit log row"),
    ],
)
def test_a_changed_report_is_found(also: str, term: str, three: list[StoredReport]) -> None:
    stored = three[1]
    text = stored.text.replace("no worker took part", "all was well")
    content, hash_ = zlib.compress(text.encode()), digest(text)
    forge("UPDATE reports_storedreport SET content = %s WHERE id = %s", content, stored.pk)
    if also:
        forge("UPDATE reports_storedreport SET hash = %s WHERE id = %s", hash_, stored.pk)
    if also == "audit log":
        remarks = (f"SHA-256 {hash_}", f"SHA-256 {stored.hash}")
        forge("UPDATE audit_event SET remark = %s WHERE remark = %s", *remarks)

    assert term in problem()


@pytest.mark.parametrize(
    ("column", "value"),
    [("week", "2026-W01"), ("revision", 7), ("domain_id", "x"), ("figures", "[]")],
)
def test_a_changed_column_is_found(column: str, value: object, three: list[StoredReport]) -> None:
    forge(f"UPDATE reports_storedreport SET {column} = %s WHERE id = %s", value, three[2].pk)

    assert problem() != ""


@pytest.mark.parametrize("change", ["change", "delete"])
def test_changed_and_missing_rows_of_a_table_are_found(
    change: str, three: list[StoredReport]
) -> None:
    chunk = RowChunk.objects.filter(report=three[1]).earliest("pk")
    if change == "delete":
        forge("DELETE FROM reports_rows WHERE id = %s", chunk.pk)
    else:
        lines = zlib.decompress(bytes(chunk.data)).replace(b"a", b"b", 1)
        forge("UPDATE reports_rows SET data = %s WHERE id = %s", zlib.compress(lines), chunk.pk)

    assert f"2026-W45, revision 1: rows of its list {chunk.table} were changed" in problem()


@pytest.mark.parametrize("numbers", [[0], [1], [2], [0, 1, 2]])
def test_a_missing_report_is_found(numbers: list[int], three: list[StoredReport]) -> None:
    for number in numbers:
        delete(three[number])

    assert f"{three[numbers[0]]} is missing" in problem()


def test_a_report_older_than_the_audit_log_passes_without_proof(settings: Settings) -> None:
    settings.TRAIL_MONTHS = 12
    with time_machine.travel(NOW, tick=False):
        store_sample("2026-W46")
    chained(2, start=NOW + timedelta(days=1))
    prune_audit_log(NOW + timedelta(days=366))

    assert verify.verify() == verify.ReportCheck(reports=1, unproven=1)


# --- Pruning -------------------------------------------------------------------------------------
LATER = NOW + timedelta(days=355)  # W44 and W45 are older than a year then, W46 is not


@pytest.fixture
def one_year(settings: Settings) -> None:
    settings.REPORT_MONTHS = 12


@pytest.mark.usefixtures("one_year")
def test_old_reports_are_pruned_and_not_missing(three: list[StoredReport]) -> None:
    store.sign_off(three[0], initiator=make_initiator(), remark="", now=NOW)

    assert prune.prune(LATER) == 2
    assert verify.verify() == verify.ReportCheck(reports=1)
    assert not SignOff.objects.exists()
    store_sample("2026-W47")
    assert verify.verify() == verify.ReportCheck(reports=2)


@pytest.mark.usefixtures("one_year", "three")
def test_pruning_is_in_the_audit_log() -> None:
    prune.prune(LATER)
    event = Event.objects.get(action="delete/trail")

    assert (event.resource, event.remark) == (
        "reports",
        "2 reports built before 2026-11-12T14:02:11Z",
    )


@pytest.mark.usefixtures("one_year")
def test_a_young_report_is_missing_after_pruning_too(three: list[StoredReport]) -> None:
    prune.prune(LATER)
    delete(three[2])

    assert "2026-W46, revision 1 is missing" in problem()


def test_young_reports_are_not_pruned(three: list[StoredReport]) -> None:
    assert prune.prune(LATER) == 0


@pytest.mark.usefixtures("one_year")
def test_a_report_that_fails_is_not_pruned(
    three: list[StoredReport], caplog: pytest.LogCaptureFixture
) -> None:
    forge("UPDATE reports_rows SET data = %s WHERE report_id = %s", b"x", three[0].pk)

    assert prune.prune(LATER) == 1
    assert "not pruned" in caplog.text
    assert "2026-W44" in problem()


def test_reports_pruned_by_the_old_chain_are_not_missing(three: list[StoredReport]) -> None:
    for stored in three[:2]:
        delete(stored)
    record(
        Event.Action.PRUNE,
        Event.Outcome.SUCCESS,
        initiator=PCIOPS,
        resource="reports",
        remark=f"reports 1 to 2, the last {three[1].hash}",
        now=NOW,
    )

    assert verify.verify() == verify.ReportCheck(reports=1)
    delete(three[2])
    assert "2026-W46, revision 1 is missing" in problem()


# --- Reports of 0.1.0 ----------------------------------------------------------------------------
@pytest.fixture
def old_schema(transactional_db: None) -> Iterator[StateApps]:
    """The tables of 0.1.0; the models of that time are in the value."""
    call_command("migrate", "reports", "0001", verbosity=0)
    state = MigrationExecutor(connection).loader.project_state([("reports", "0001_initial")])
    yield state.apps
    call_command("migrate", "reports", verbosity=0)
    with connection.cursor() as cursor:  # the database is flushed, which they would refuse
        for guard in (*audit_apps.GUARDS, *triggers.GUARDS):
            cursor.execute(f"DROP TRIGGER {guard.name}")


@pytest.mark.django_db(transaction=True)
def test_a_report_of_0_1_0_is_read_and_proven_after_the_migration(old_schema: StateApps) -> None:
    old = json.loads(OLD_REPORT.read_text(encoding="utf-8"))
    content = base64.b64decode(old["report"].pop("content"))
    report = old_schema.get_model("reports", "StoredReport")(content=content, **old["report"])
    report.save()
    for row in old["rows"]:
        data = base64.b64decode(row.pop("data"))
        old_schema.get_model("reports", "Rows")(report=report, data=data, **row).save()
    record(Event.Action.BUILD, Event.Outcome.SUCCESS, initiator=PCIOPS, now=NOW, **old["audit"])
    call_command("migrate", "reports", verbosity=0)
    stored = StoredReport.objects.get()

    assert verify.verify() == verify.ReportCheck(reports=1)
    assert store.report(stored).header.previous_week == "2026-W45"
    assert len(list(store.rows(stored, "inactive"))) == 3
    for format_ in FORMATS.values():
        assert b"".join(format_.blocks(content_of(stored)))
    with pytest.raises(DatabaseError, match="never changed"):
        StoredReport.objects.update(revision=2)
