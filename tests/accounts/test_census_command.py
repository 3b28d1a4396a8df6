"""Tests of the census as a command and as a task."""

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
    """Return standard output and standard error of the command."""
    out, err = io.StringIO(), io.StringIO()
    call_command("census", *words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def refuse(*_: Any) -> None:
    raise OperationalError(2002, "Can't connect to server on 'db.example'")


@pytest.fixture
def _keystone_down() -> Iterator[None]:
    with connections["keystone"].execute_wrapper(refuse):
        yield


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="pciops")
    return caplog


def at(text: str) -> datetime:
    """Return a UTC time on 22 November 2026."""
    return datetime.fromisoformat(f"2026-11-22T{text}+00:00")


# --- The command --------------------------------------------------------------------------------
def test_command_takes_a_census_and_prints_it() -> None:
    make_locked_user("ann")
    make_user("bob")
    out, err = run()
    rows = [line.split() for line in out.splitlines()]

    assert [row[0] for row in rows] == ["state", *(state.name for state in STATES), "all"]
    assert rows[1] == ["locked", "1", "0", "0"]
    assert rows[-1] == ["all", "2", "0", "0"]
    assert "2 accounts counted in 0." in err
    assert Census.objects.count() == 1


def test_dry_run_stores_nothing() -> None:
    make_user()
    _, err = run("--dry-run")

    assert "1 account counted" in err
    assert "--dry-run" in err
    assert Census.objects.count() == 0


def test_command_prints_json() -> None:
    make_locked_user()
    content = json.loads(run("--format", "json")[0])

    assert content["counted_at"].endswith("Z")
    assert content["seconds"] >= 0
    assert content["states"][0] == {
        "state": "locked",
        "accounts": 1,
        "administrator": 0,
        "service": 0,
    }


def test_command_deletes_old_censuses() -> None:
    census.take(policy=POLICY, now=NOW - timedelta(days=4000))
    run()

    assert Census.objects.count() == 1


@pytest.mark.usefixtures("_keystone_down")
def test_command_fails_if_keystones_database_is_down() -> None:
    with pytest.raises(CommandError, match="does not answer: Can't connect") as raised:
        run()

    assert raised.value.returncode == 1
    assert Census.objects.count() == 0


# --- The task -----------------------------------------------------------------------------------
def test_task_takes_one_census_in_a_slot(logged: pytest.LogCaptureFixture) -> None:
    for time in ("14:00:00", "14:04:59", "14:05:00"):
        with time_machine.travel(at(time), tick=False):
            tasks.census()
    taken = Census.objects.order_by("counted_at").values_list("counted_at", flat=True)

    assert list(taken) == [at("14:00:00"), at("14:05:00")]
    assert ["census taken in" in message for message in logged.messages] == [True, False, True]


@pytest.mark.parametrize(
    ("alias", "term"),
    [("keystone", "Keystone's database"), ("default", "pciops' own database")],
)
def test_task_logs_a_database_outage_in_one_line(
    logged: pytest.LogCaptureFixture, alias: str, term: str
) -> None:
    with connections[alias].execute_wrapper(refuse):
        tasks.census()
    [record] = logged.records

    assert record.getMessage().startswith(f"census: {term} does not answer: Can't connect")
    assert record.exc_info is None


def test_failed_slot_can_be_taken_again() -> None:
    with time_machine.travel(at("14:00:00"), tick=False):
        with connections["keystone"].execute_wrapper(refuse):
            tasks.census()
        tasks.census()

    assert Census.objects.count() == 1


def test_slot_of_a_killed_worker_is_taken_over() -> None:
    with time_machine.travel(at("14:00:00"), tick=False):
        jobs.claim("census", at("14:00:00"), now=at("14:00:00"), lease=tasks.LEASE)
    with time_machine.travel(at("14:00:00") + tasks.LEASE, tick=False):
        tasks.census()

    assert Census.objects.count() == 1


def test_task_deletes_old_censuses_and_runs() -> None:
    census.take(policy=POLICY, now=NOW - timedelta(days=4000))
    JobRun.objects.create(job="census", slot=NOW - timedelta(days=30), done_at=NOW)
    with time_machine.travel(NOW, tick=False):
        tasks.census()

    assert Census.objects.count() == 1
    assert JobRun.objects.filter(job="census").count() == 1


# --- The timetable ------------------------------------------------------------------------------
def test_timetable_names_existing_tasks_at_their_slots() -> None:
    app.loader.import_default_modules()
    entries = app.conf.beat_schedule.values()
    [entry] = [entry for entry in entries if entry["task"] == "accounts.census"]

    assert all(entry["task"] in app.tasks for entry in entries)
    assert entry["schedule"].minute == set(range(0, 60, 5))
    assert timedelta(minutes=5) == tasks.EVERY
    assert timedelta(seconds=entry["options"]["expires"]) < tasks.EVERY


def test_messages_are_json_without_results() -> None:
    assert (app.conf.task_serializer, app.conf.accept_content) == ("json", ["json"])
    assert (app.conf.result_backend, app.conf.task_ignore_result) == (None, True)
    assert (app.conf.timezone, app.conf.enable_utc, app.conf.task_acks_late) == ("UTC", True, True)
