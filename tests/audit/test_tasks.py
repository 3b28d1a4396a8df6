"""Tests of the tasks of the audit log, and of its check by the doctor."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from pciops.audit import doctor, tasks
from pciops.audit.models import ChainCheck, Event
from pciops.celery import app
from tests.audit.helpers import chained, forge

pytestmark = pytest.mark.django_db


def test_timetable_names_only_tasks_that_exist() -> None:
    app.loader.import_default_modules()
    named = {entry["task"] for entry in app.conf.beat_schedule.values()}

    assert named <= set(app.tasks)


def test_policy_changes_are_recorded_once_in_a_slot() -> None:
    tasks.record_policy_changes()
    tasks.record_policy_changes()

    assert Event.objects.filter(action="update/policy").count() == 1


def test_verification_saves_its_result() -> None:
    chained(2)
    tasks.verify_chain()

    assert (ChainCheck.objects.get().rows, ChainCheck.objects.get().problem) == (2, "")


def test_broken_chain_is_an_error_in_the_log_and_is_not_pruned(
    caplog: pytest.LogCaptureFixture,
) -> None:
    chained(2, start=timezone.now() - 500 * tasks.DAY)
    forge("UPDATE audit_event SET remark = 'forged' WHERE position = 1")
    tasks.verify_chain()
    assert "integrity check failed: row 1" in caplog.text
    tasks.prune_rows()

    assert "nothing was pruned" in caplog.text


@pytest.mark.parametrize(
    ("age", "problem", "level", "term"),
    [
        (None, "", "warning", "not been verified"),
        (timedelta(hours=2), "", "ok", "7 rows was verified 2 h ago"),
        (timedelta(hours=27), "", "warning", "1 day ago"),
        (timedelta(hours=2), "row 3 is missing", "problem", "2 h ago: row 3 is missing"),
    ],
    ids=["never", "last night", "not last night", "broken"],
)
def test_doctor_reports_the_last_verification(
    age: timedelta | None, problem: str, level: str, term: str
) -> None:
    if age is not None:
        ChainCheck.objects.create(
            checked_at=timezone.now() - age, milliseconds=1, rows=7, position=7, problem=problem
        )
    [result] = doctor.audit_log()

    assert result.level == level
    assert term in result.sentence
