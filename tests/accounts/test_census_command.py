"""The census from the command line and as a task."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import OperationalError, connections

from pciops.accounts import tasks
from pciops.accounts.census import census
from pciops.accounts.models import Census
from pciops.accounts.states import STATES
from pciops.celery import app
from pciops.lib import jobs
from pciops.lib.models import JobRun
from tests.factories import NOW, POLICY, make_locked_user, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def run(*words: str) -> tuple[str, str]:
    """What the command writes to standard output and to standard error."""
    out, err = io.StringIO(), io.StringIO()
    call_command("census", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def refuse(*_: Any) -> None:
    """What a server that is away does."""
    raise OperationalError(2002, "Can't connect to server on 'db.example'")


@pytest.fixture
def _keystone_down() -> Iterator[None]:
    with connections["keystone"].execute_wrapper(refuse):
        yield


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What pciops logs."""
    caplog.set_level(logging.INFO, logger="pciops")
    return caplog


def at(text: str) -> datetime:
    """A time of the day of the tests, UTC."""
    return datetime.fromisoformat(f"2026-11-22T{text}+00:00")


# --- The command --------------------------------------------------------------------------------
def test_the_command_takes_a_census_and_shows_it() -> None:
    make_locked_user("ann")
    make_user("bob")
    out, err = run()
    rows = [line.split() for line in out.splitlines()]

    assert [row[0] for row in rows] == ["state", *(state.name for state in STATES), "all"]
    assert rows[1] == ["locked", "1", "0", "0"]
    assert rows[-1] == ["all", "2", "0", "0"]
    assert err.startswith("2 accounts counted in 0.")
    assert err.endswith(" s, and kept\n")
    assert Census.objects.count() == 1


def test_a_dry_run_keeps_nothing() -> None:
    make_user()
    _, err = run("--dry-run")

    assert "1 account counted" in err
    assert err.endswith("; nothing is kept: --dry-run\n")
    assert Census.objects.count() == 0


def test_the_census_as_json_is_for_programs() -> None:
    make_locked_user()
    found = json.loads(run("--format", "json")[0])

    assert found["counted_at"].endswith("Z")
    assert found["seconds"] >= 0
    assert found["states"][0] == {
        "state": "locked",
        "accounts": 1,
        "administrator": 0,
        "service": 0,
    }


def test_the_command_thins_out_what_is_old() -> None:
    census.take(policy=POLICY, now=NOW - timedelta(days=4000))
    run()

    assert Census.objects.count() == 1


@pytest.mark.usefixtures("_keystone_down")
def test_the_command_says_that_keystones_database_is_down() -> None:
    with pytest.raises(CommandError, match="does not answer: Can't connect") as raised:
        run()

    assert raised.value.returncode == 1
    assert Census.objects.count() == 0


# --- The task -----------------------------------------------------------------------------------
def test_the_task_takes_one_census_in_a_slot(said: pytest.LogCaptureFixture) -> None:
    for time in ("14:00:00", "14:04:59"):
        with time_machine.travel(at(time), tick=False):
            tasks.census()

    assert [row.counted_at for row in Census.objects.all()] == [at("14:00:00")]
    assert "census taken" in said.messages[0]
    assert said.messages[1:] == ["the census of these five minutes is taken already"]


def test_the_task_takes_another_in_the_next_slot() -> None:
    for time in ("14:04:59", "14:05:00"):
        with time_machine.travel(at(time), tick=False):
            tasks.census()

    assert Census.objects.count() == 2


@pytest.mark.usefixtures("_keystone_down")
def test_the_task_says_in_one_line_that_keystones_database_is_down(
    said: pytest.LogCaptureFixture,
) -> None:
    tasks.census()
    [record] = said.records

    assert record.getMessage() == (
        "census: Keystone's database does not answer: Can't connect to server on 'db.example'"
    )
    assert record.exc_info is None


def test_a_slot_in_which_the_task_failed_may_be_tried_again() -> None:
    with time_machine.travel(at("14:00:00"), tick=False):
        with connections["keystone"].execute_wrapper(refuse):
            tasks.census()
        tasks.census()

    assert Census.objects.count() == 1


def test_the_task_says_in_one_line_that_our_own_database_is_down(
    said: pytest.LogCaptureFixture,
) -> None:
    with connections["default"].execute_wrapper(refuse):
        tasks.census()
    [record] = said.records

    assert record.getMessage().startswith("census: pciops' own database does not answer: Can't")
    assert record.exc_info is None


def test_the_slot_of_a_worker_that_died_is_taken_over_within_the_slot() -> None:
    with time_machine.travel(at("14:00:00"), tick=False):
        jobs.claim("census", at("14:00:00"), now=at("14:00:00"), lease=tasks.LEASE)
    with time_machine.travel(at("14:00:00") + tasks.LEASE, tick=False):
        tasks.census()

    assert Census.objects.count() == 1


def test_the_task_thins_out_and_forgets_what_is_old() -> None:
    census.take(policy=POLICY, now=NOW - timedelta(days=4000))
    JobRun.objects.create(job="census", slot=NOW - timedelta(days=30), done_at=NOW)
    with time_machine.travel(NOW, tick=False):
        tasks.census()

    assert (Census.objects.count(), JobRun.objects.count()) == (1, 1)


# --- The timetable ------------------------------------------------------------------------------
def test_the_timetable_tells_tasks_that_there_are_at_their_slots() -> None:
    app.loader.import_default_modules()
    [entry] = [it for it in app.conf.beat_schedule.values() if it["task"] == "accounts.census"]

    assert all(it["task"] in app.tasks for it in app.conf.beat_schedule.values())
    assert entry["schedule"].minute == set(range(0, 60, 5))
    assert timedelta(minutes=5) == tasks.EVERY
    assert timedelta(seconds=entry["options"]["expires"]) < tasks.EVERY


def test_messages_are_json_and_leave_no_results() -> None:
    assert (app.conf.task_serializer, app.conf.accept_content) == ("json", ["json"])
    assert (app.conf.result_backend, app.conf.task_ignore_result) == (None, True)
    assert (app.conf.timezone, app.conf.enable_utc, app.conf.task_acks_late) == ("UTC", True, True)
