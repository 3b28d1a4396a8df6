"""The report of each week is built once it is due, by one process, also after an outage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection, connections
from kombu.exceptions import OperationalError
from pytest_django import Settings

from pciops.audit.models import Event
from pciops.audit.services import PCIOPS
from pciops.celery import app
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import doctor, jobs
from pciops.lib.models import JobRun
from pciops.lib.times import iso
from pciops.notices.models import OperatorMail
from pciops.reports import rebuild, schedule, tasks
from pciops.reports.archive import store
from pciops.reports.build import build
from pciops.reports.doctor import report_triggers, reports
from pciops.reports.models import BuildFailure, StoredReport
from pciops.reports.sources import CloudSources
from pciops.reports.weeks import Week
from tests.factories import NOW, make_domain, make_initiator, make_locked_user, make_user
from tests.reports.samples import store_sample
from tests.reports.weekly import take_censuses

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

REQUESTED = str(iso(NOW - timedelta(seconds=5)))
MONDAY = datetime(2026, 11, 23, 6, tzinfo=UTC)  # W47 is due


@pytest.fixture(autouse=True)
def data() -> None:
    take_censuses(MONDAY - timedelta(days=10))  # in W46


def weeks(now: datetime) -> list[str]:
    return [str(week) for week in schedule.due(now)]


def refuse(*_: object) -> None:
    raise KeystoneDatabaseDownError("gone")


# --- What is due ---------------------------------------------------------------------------------
def test_a_week_is_due_from_its_hour_on() -> None:
    assert weeks(MONDAY - timedelta(seconds=1)) == ["2026-W46"]
    assert weeks(MONDAY) == ["2026-W46", "2026-W47"]


def test_day_hour_and_zone_are_settings(settings: Settings) -> None:
    settings.REPORT_DAY, settings.REPORT_HOUR = "WEDNESDAY", 7
    settings.SITE_ZONE = ZoneInfo("Asia/Tokyo")

    assert schedule.due_at(Week(2026, 47)) == datetime(2026, 11, 24, 22, tzinfo=UTC)


def test_missed_weeks_are_due_for_four_weeks() -> None:
    assert weeks(MONDAY + timedelta(weeks=9)) == ["2026-W53", "2027-W01", "2027-W02", "2027-W03"]


def test_before_the_first_data_nothing_is_due() -> None:
    assert weeks(MONDAY - timedelta(weeks=3)) == []


# --- Building ------------------------------------------------------------------------------------
def test_a_due_report_is_built_once() -> None:
    first, second = schedule.build_due(MONDAY), schedule.build_due(MONDAY + timedelta(minutes=5))

    assert [one.week for one in first] == ["2026-W46", "2026-W47"]
    assert second == []


def test_a_domain_with_contacts_has_its_own_report(tmp_path: Path, settings: Settings) -> None:
    make_domain("other", "Other")
    (tmp_path / "domains.toml").write_text('[Other]\ncontacts = ["desk@other.example"]\n')
    settings.NOTICE_DOMAINS = str(tmp_path / "domains.toml")
    make_locked_user("ann", at=MONDAY)
    make_user("bob", domain_id="other")
    schedule.build_due(MONDAY)
    stored = store.newest("2026-W47", "other")

    assert stored is not None
    numbers = {figure["key"]: figure["number"] for figure in stored.main_figures}
    assert (numbers["accounts"], numbers["locked"]) == (1, 0)
    assert set(OperatorMail.objects.values_list("to", "domain_id")) == {
        ("desk@other.example", "other")
    }


def test_keystones_database_away_stores_only_the_failure() -> None:
    with (
        connections["keystone"].execute_wrapper(refuse),
        pytest.raises(KeystoneDatabaseDownError),
    ):
        schedule.build_due(MONDAY)

    assert not StoredReport.objects.exists()
    assert BuildFailure.objects.get().problem == "Keystone's database does not answer: gone"


@pytest.mark.parametrize("gone", [True, False])
def test_the_doctor_reports_a_failure_until_it_is_over(gone: bool) -> None:
    with time_machine.travel(MONDAY, tick=False):
        with connections["keystone"].execute_wrapper(refuse):
            tasks.build_due()
        if not gone:
            tasks.build_due()
        levels = [found.level for found in reports()]

    assert (doctor.CheckLevel.PROBLEM in levels) is gone


def test_the_doctor_names_a_dropped_trigger_of_reports() -> None:
    [before] = report_triggers()
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER reports_signoff_no_update")
    [after] = report_triggers()

    assert (before.level, after.level) == (doctor.CheckLevel.OK, doctor.CheckLevel.PROBLEM)
    assert "reports_signoff_no_update" in after.sentence


def test_without_recipients_it_is_stored_and_the_doctor_warns() -> None:
    with time_machine.travel(MONDAY, tick=False):
        tasks.build_due()
        [found] = reports()

    assert StoredReport.objects.count() == 2
    assert (found.level, "sent" in found.sentence) == (doctor.CheckLevel.WARNING, True)


def test_with_recipients_the_doctor_finds_no_problem(settings: Settings) -> None:
    settings.REPORT_RECIPIENTS = ["cso@cloud.example"]
    with time_machine.travel(MONDAY, tick=False):
        tasks.build_due()
        [found] = reports()

    assert found.level == "ok"


# --- Two at once ---------------------------------------------------------------------------------
def test_a_second_process_builds_nothing() -> None:
    with time_machine.travel(MONDAY, tick=False):
        jobs.claim("reports.issue", MONDAY, now=MONDAY, lease=tasks.LEASE)
        tasks.build_due()

    assert not StoredReport.objects.exists()


def test_a_process_that_died_is_followed_by_another() -> None:
    jobs.claim("reports.issue", MONDAY, now=MONDAY, lease=tasks.LEASE)
    with time_machine.travel(MONDAY + tasks.LEASE, tick=False):
        tasks.build_due()

    assert StoredReport.objects.count() == 2


def test_two_processes_that_built_the_same_week_store_one() -> None:
    cloud = CloudSources(now=MONDAY)
    both = [build(Week(2026, 47), cloud=cloud) for _ in range(2)]

    assert len({store.keep(built, initiator=PCIOPS).pk for built in both}) == 1


def test_after_a_run_the_lease_is_released() -> None:
    with time_machine.travel(MONDAY, tick=False):
        tasks.build_due()

    assert [run.claimed_until for run in JobRun.objects.all()] == [None]


# --- Building again ------------------------------------------------------------------------------
def test_the_message_has_only_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    stored, sent = store_sample(domain_id="shops"), []
    monkeypatch.setattr(app, "send_task", lambda name, args, **_: sent.append((name, args)))
    rebuild.request_rebuild(stored, initiator=make_initiator("olga"), now=NOW)

    assert sent == [("reports.build_again", ("2026-W46", "shops", str(iso(NOW))))]
    event = Event.objects.get(initiator_name="olga")
    assert event.remark == "asked for another revision"


def test_a_broker_that_is_down_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise OperationalError("refused")

    monkeypatch.setattr(app, "send_task", fail)
    with pytest.raises(rebuild.BrokerDownError, match="refused"):
        rebuild.request_rebuild(store_sample(), initiator=make_initiator(), now=NOW)


@time_machine.travel(NOW, tick=False)
def test_a_worker_stores_another_revision_and_the_old_one_stays() -> None:
    store_sample("2026-W45")  # its row in the audit log is the first data
    old = store_sample()
    tasks.build_again("2026-W46", "", REQUESTED)
    new = store.newest("2026-W46", "")

    assert new is not None
    assert new.revision == 2
    assert store.report(new).header.previous_week == "2026-W45"
    assert store.get("2026-W46", "", 1) == old
    assert store.report(new).header.generated_at == NOW


@time_machine.travel(NOW, tick=False)
def test_a_message_delivered_twice_makes_one_revision() -> None:
    store_sample("2026-W45")
    store_sample()
    for _ in range(2):
        tasks.build_again("2026-W46", "", REQUESTED)

    assert StoredReport.objects.filter(week="2026-W46").count() == 2


def test_a_rebuild_of_a_week_without_data_is_an_error_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with time_machine.travel(MONDAY, tick=False):
        tasks.build_again("2019-W01", "", "2026-11-23T05:00:00Z")

    assert "2019-W01" in caplog.text
