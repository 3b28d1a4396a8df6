"""The tasks of the trail."""

from __future__ import annotations

import pytest
from django.utils import timezone

from pciops.audit import tasks
from pciops.audit.models import ChainCheck, Event
from pciops.celery import app
from tests.audit.acts import chained, forge

pytestmark = pytest.mark.django_db


def test_every_line_of_the_timetable_names_a_task() -> None:
    app.loader.import_default_modules()
    named = {entry["task"] for entry in app.conf.beat_schedule.values()}

    assert named <= set(app.tasks)


def test_the_policy_is_looked_at_once_a_slot() -> None:
    tasks.record_policy_changes()
    tasks.record_policy_changes()

    assert Event.objects.filter(action="update/policy").count() == 1


def test_the_chain_is_verified_and_the_result_is_kept() -> None:
    chained(2)
    tasks.verify_chain()

    assert (ChainCheck.objects.get().rows, ChainCheck.objects.get().problem) == (2, "")


def test_a_chain_that_does_not_fit_is_an_error_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    chained(2)
    forge("UPDATE audit_event SET remark = 'forged' WHERE position = 1")
    tasks.verify_chain()

    assert "the trail does not fit: row 1" in caplog.text


def test_a_chain_that_does_not_fit_is_not_pruned_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    chained(2, start=timezone.now() - 500 * tasks.DAY)
    forge("UPDATE audit_event SET remark = 'forged' WHERE position = 1")
    tasks.prune_rows()

    assert "nothing is pruned" in caplog.text
