"""A job that is due runs once, however many processes are told to run it."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pciops.lib import jobs
from pciops.lib.models import JobRun
from tests.factories import NOW

EVERY = timedelta(minutes=5)
LEASE = timedelta(minutes=10)
SLOT = NOW.replace(minute=0, second=0)
ROOT = Path(__file__).resolve().parent.parent.parent


def claim(now: datetime = NOW, *, job: str = "count", slot: datetime = SLOT) -> JobRun | None:
    return jobs.claim(job, slot, now=now, lease=LEASE)


@pytest.mark.parametrize(
    ("time", "every", "slot"),
    [
        ("14:02:11", EVERY, "14:00:00"),
        ("14:04:59.999999", EVERY, "14:00:00"),
        ("14:05:00", EVERY, "14:05:00"),
        ("00:00:00", EVERY, "00:00:00"),
        ("23:59:59", EVERY, "23:55:00"),
        ("14:02:11", timedelta(hours=1), "14:00:00"),
        ("14:02:11", timedelta(days=1), "00:00:00"),
    ],
)
def test_a_slot_begins_when_the_job_was_last_due(time: str, every: timedelta, slot: str) -> None:
    now = datetime.fromisoformat(f"2026-11-22T{time}+00:00")

    assert jobs.slot(now, every) == datetime.fromisoformat(f"2026-11-22T{slot}+00:00")


def test_a_slot_does_not_depend_on_the_time_zone() -> None:
    tokyo = datetime.fromisoformat("2026-11-22T23:02:11+09:00")

    assert jobs.slot(tokyo, timedelta(days=1)) == NOW.replace(hour=0, minute=0, second=0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("other", "claimed"),
    [({}, False), ({"job": "mail"}, True), ({"slot": SLOT + EVERY}, True)],
    ids=["same slot", "another job", "another slot"],
)
def test_each_slot_is_claimed_once(other: dict[str, Any], claimed: bool) -> None:
    assert claim() is not None
    assert (claim(**other) is not None) is claimed


@pytest.mark.django_db
def test_a_finished_slot_is_never_claimed_again() -> None:
    run = claim()
    assert run is not None
    jobs.finish(run, NOW)

    assert claim(NOW + 2 * LEASE) is None


@pytest.mark.django_db
def test_a_slot_that_was_given_up_is_claimed_at_once() -> None:
    run = claim()
    assert run is not None
    jobs.give_up(run)

    assert claim() is not None


@pytest.mark.django_db
def test_a_run_with_a_lapsed_lease_neither_finishes_nor_releases_the_slot() -> None:
    slow, successor = claim(), claim(NOW + LEASE)
    assert slow is not None
    assert successor is not None
    jobs.give_up(slow)

    assert jobs.finish(slow, NOW + LEASE) is False
    assert claim(NOW + LEASE) is None
    assert jobs.finish(successor, NOW + LEASE) is True


@pytest.mark.django_db
def test_once_runs_the_work_of_a_slot_once() -> None:
    done: list[datetime] = []
    ran = [jobs.once("count", timedelta(days=1), done.append) for _ in range(2)]

    assert (ran, len(done)) == ([True, False], 1)


@pytest.mark.django_db
def test_once_releases_the_slot_when_the_work_fails() -> None:
    def fail(now: datetime) -> None:
        raise ZeroDivisionError(now)

    with pytest.raises(ZeroDivisionError):
        jobs.once("count", timedelta(days=1), fail)

    assert jobs.once("count", timedelta(days=1), lambda _: None) is True


@pytest.mark.django_db
def test_runs_of_a_job_are_deleted_after_a_week() -> None:
    claim()
    claim(slot=SLOT - timedelta(days=8))
    claim(slot=SLOT - timedelta(days=8), job="mail")

    jobs.forget("count", NOW)

    assert list(JobRun.objects.values_list("job", "slot").order_by("slot")) == [
        ("mail", SLOT - timedelta(days=8)),
        ("count", SLOT),
    ]


RACER = """
import sys, django
django.setup()
from datetime import datetime, timedelta
from pciops.lib import jobs
first = datetime.fromisoformat(sys.argv[1])
sys.stdout.write("ready\\n"); sys.stdout.flush()
sys.stdin.readline()
for number in range(40):
    slot = first + number * timedelta(minutes=5)
    if jobs.claim("race", slot, now=slot, lease=timedelta(minutes=5)):
        print(slot)
"""


def test_one_of_four_processes_claims_each_slot(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "pciops.settings",
        "PCIOPS_DATABASE_URL": f"sqlite:///{tmp_path / 'race.sqlite3'}",
        "PCIOPS_VAR": str(tmp_path),
    }
    migrate = [sys.executable, "manage.py", "migrate", "lib", "--verbosity", "0"]
    subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, SLOT.isoformat()],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    won = [racer.communicate("go\n")[0].splitlines() for racer in racers]

    assert [racer.returncode for racer in racers] == [0] * 4
    assert sorted(sum(won, [])) == [str(SLOT + number * EVERY) for number in range(40)]
