"""A job that is due is done once, however often it is told to be done."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

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
def test_a_slot_begins_when_the_job_was_due_last(time: str, every: timedelta, slot: str) -> None:
    now = datetime.fromisoformat(f"2026-11-22T{time}+00:00")

    assert jobs.slot(now, every) == datetime.fromisoformat(f"2026-11-22T{slot}+00:00")


def test_a_slot_is_the_same_instant_wherever_the_clock_stands() -> None:
    tokyo = datetime.fromisoformat("2026-11-22T23:02:11+09:00")

    assert jobs.slot(tokyo, timedelta(days=1)) == NOW.replace(hour=0, minute=0, second=0)


@pytest.mark.django_db
def test_the_first_wins_the_slot_and_the_second_does_not() -> None:
    assert claim() is not None
    assert claim() is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    "other", [{"job": "mail"}, {"slot": SLOT + EVERY}], ids=["another job", "another slot"]
)
def test_what_is_another_is_won_for_itself(other: dict[str, str]) -> None:
    claim()

    assert claim(**other) is not None  # type: ignore[arg-type]  # one or the other


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("after", "won"), [(LEASE - timedelta(microseconds=1), False), (LEASE, True)]
)
def test_the_slot_of_a_dead_winner_is_won_again_when_its_lease_ends(
    after: timedelta, won: bool
) -> None:
    claim()

    assert (claim(NOW + after) is not None) is won


@pytest.mark.django_db
def test_a_slot_that_is_done_is_never_won_again() -> None:
    run = claim()
    assert run is not None
    jobs.finish(run, NOW)

    assert claim(NOW + 2 * LEASE) is None


@pytest.mark.django_db
def test_a_job_that_was_given_up_is_won_by_the_next_at_once() -> None:
    run = claim()
    assert run is not None
    jobs.give_up(run)

    assert claim() is not None


@pytest.mark.django_db
def test_who_wins_a_lapsed_slot_holds_it_for_a_lease_of_its_own() -> None:
    claim()
    claim(NOW + LEASE)

    assert claim(NOW + LEASE + timedelta(seconds=1)) is None


@pytest.mark.django_db
def test_a_winner_whose_lease_ran_out_can_neither_finish_nor_give_up_what_is_anothers() -> None:
    slow, heir = claim(), claim(NOW + LEASE)
    assert slow is not None
    assert heir is not None
    jobs.give_up(slow)

    assert jobs.finish(slow, NOW + LEASE) is False
    assert claim(NOW + LEASE) is None
    assert jobs.finish(heir, NOW + LEASE) is True


@pytest.mark.django_db
def test_the_work_of_a_slot_is_done_by_the_first_who_is_told() -> None:
    done: list[datetime] = []
    won = [jobs.once("count", timedelta(days=1), done.append) for _ in range(2)]

    assert (won, len(done)) == ([True, False], 1)


@pytest.mark.django_db
def test_work_that_fails_gives_its_slot_up() -> None:
    done: list[datetime] = []

    def fail(now: datetime) -> None:
        raise ZeroDivisionError(now)

    with pytest.raises(ZeroDivisionError):
        jobs.once("count", timedelta(days=1), fail)

    assert jobs.once("count", timedelta(days=1), done.append) is True


@pytest.mark.django_db
def test_runs_are_forgotten_after_a_week() -> None:
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


def test_of_four_processes_one_wins_each_slot(tmp_path: Path) -> None:
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
