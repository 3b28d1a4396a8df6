"""Each week's report is built once it is due, by one process, and made up for after an outage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connections
from pytest_django import Settings

from pciops.audit.services import PCIOPS
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import doctor, jobs
from pciops.lib.models import JobRun, OwedMail
from pciops.reports import schedule, tasks
from pciops.reports.archive import store
from pciops.reports.build import build
from pciops.reports.doctor import reports
from pciops.reports.models import StoredReport, Trouble
from pciops.reports.weeks import Week
from tests.factories import make_domain, make_locked_user, make_user
from tests.reports.scenes import counted

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

MONDAY = datetime(2026, 11, 23, 6, tzinfo=UTC)  # W47 is due


@pytest.fixture(autouse=True)
def data() -> None:
    counted(MONDAY - timedelta(days=10))  # in W46


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


def test_missed_mondays_are_made_up_for_as_far_as_a_month_back() -> None:
    assert weeks(MONDAY + timedelta(weeks=9)) == ["2026-W53", "2027-W01", "2027-W02", "2027-W03"]


def test_before_the_first_data_nothing_is_due() -> None:
    assert weeks(MONDAY - timedelta(weeks=3)) == []


# --- Building ------------------------------------------------------------------------------------
def test_what_is_due_is_built_once() -> None:
    first, second = schedule.issue(MONDAY), schedule.issue(MONDAY + timedelta(minutes=5))

    assert [one.week for one in first] == ["2026-W46", "2026-W47"]
    assert second == []


def test_domains_with_contacts_get_their_own(tmp_path: Path, settings: Settings) -> None:
    make_domain("other", "Other")
    (tmp_path / "domains.toml").write_text('[Other]\ncontacts = ["desk@other.example"]\n')
    settings.NOTICE_DOMAINS = str(tmp_path / "domains.toml")
    make_locked_user("ann", at=MONDAY)
    make_user("bob", domain_id="other")
    schedule.issue(MONDAY)
    stored = store.newest("2026-W47", "other")

    assert stored is not None
    assert [one["number"] for one in stored.main if one["key"] in {"accounts", "locked"}] == [1, 0]
    assert set(OwedMail.objects.values_list("to", "domain_id")) == {("desk@other.example", "other")}


def test_keystones_database_away_keeps_nothing_but_the_trouble() -> None:
    with (
        connections["keystone"].execute_wrapper(refuse),
        pytest.raises(KeystoneDatabaseDownError),
    ):
        schedule.issue(MONDAY)

    assert not StoredReport.objects.exists()
    assert Trouble.objects.get().problem == "Keystone's database does not answer: gone"


@pytest.mark.parametrize("gone", [True, False])
def test_the_doctor_says_of_the_trouble_until_it_is_over(gone: bool) -> None:
    with time_machine.travel(MONDAY, tick=False):
        with connections["keystone"].execute_wrapper(refuse):
            tasks.issue_due()
        if not gone:
            tasks.issue_due()
        levels = [found.level for found in reports()]

    assert (doctor.CheckLevel.PROBLEM in levels) is gone


def test_without_recipients_it_is_built_and_kept_and_the_doctor_says_so() -> None:
    with time_machine.travel(MONDAY, tick=False):
        tasks.issue_due()
        [found] = reports()

    assert StoredReport.objects.count() == 2
    assert "nobody is sent them" in found.sentence


def test_with_recipients_all_is_in_order(settings: Settings) -> None:
    settings.REPORT_RECIPIENTS = ["cso@cloud.example"]
    with time_machine.travel(MONDAY, tick=False):
        tasks.issue_due()
        [found] = reports()

    assert found.level == "ok"


# --- Two at once ---------------------------------------------------------------------------------
def test_who_comes_while_another_is_at_it_does_nothing() -> None:
    with time_machine.travel(MONDAY, tick=False):
        jobs.claim("reports.issue", MONDAY, now=MONDAY, lease=tasks.LEASE)
        tasks.issue_due()

    assert not StoredReport.objects.exists()


def test_a_builder_that_died_is_followed_by_another() -> None:
    jobs.claim("reports.issue", MONDAY, now=MONDAY, lease=tasks.LEASE)
    with time_machine.travel(MONDAY + tasks.LEASE, tick=False):
        tasks.issue_due()

    assert StoredReport.objects.count() == 2


def test_two_who_have_built_the_same_week_keep_one() -> None:
    found = [build(Week(2026, 47), now=MONDAY) for _ in range(2)]
    kept = {store.keep(one, initiator=PCIOPS).pk for one in found}

    assert len(kept) == 1


def test_after_a_run_nobody_holds_the_lease() -> None:
    with time_machine.travel(MONDAY, tick=False):
        tasks.issue_due()

    assert [run.leased_until <= MONDAY for run in JobRun.objects.all()] == [True]


# --- Again ---------------------------------------------------------------------------------------
def test_a_message_that_comes_twice_makes_one_revision() -> None:
    with time_machine.travel(MONDAY, tick=False):
        tasks.issue_due()
    with time_machine.travel(MONDAY + timedelta(hours=1), tick=False):
        for _ in range(2):
            tasks.build_again("2026-W47", "", "2026-11-23T06:59:00Z")

    assert list(
        StoredReport.objects.filter(week="2026-W47").values_list("revision", flat=True)
    ) == [1, 2]


def test_a_week_that_makes_no_sense_is_an_error_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with time_machine.travel(MONDAY, tick=False):
        tasks.build_again("2019-W01", "", "2026-11-23T05:00:00Z")

    assert "2019-W01 is not built again" in caplog.text
