"""The worker as production runs it, with its timetable in the same process and files as broker."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.cloud import Cloud
from tests.support.mariadb import MariaDB
from tests.support.processes import ENDS_WITH_US, ROOT, wait_until
from tests.support.site import Site


@dataclass
class Worker:
    """A worker that runs, and what it has said."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_until_it_says(self, words: str) -> None:
        """Return once it has written this."""
        wait_until(
            lambda: words in self.log.read_text(encoding="utf-8"),
            f"the worker says {words!r}",
            self.process,
            self.log,
        )


@pytest.fixture
def worker(site: Site, tmp_path: Path) -> Iterator[Worker]:
    """A worker of the site, until the test is over; it has to end in good order."""
    log = tmp_path / "worker.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *ENDS_WITH_US,
                *(sys.executable, "-m", "celery", "-A", "pciops", "worker", "--beat"),
                *("--pool", "solo", "--without-gossip", "--without-mingle", "--without-heartbeat"),
            ],
            cwd=ROOT,
            env=site.environment,
            stdout=output,
            stderr=output,
        )
    try:
        yield Worker(process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=60)
    assert code == 0
    assert "Traceback" not in log.read_text(encoding="utf-8")


def tell(site: Site) -> None:
    """Send the message that the timetable sends."""
    result = site.manage("shell", "-c", "from pciops.accounts.tasks import census; census.delay()")
    assert result.code == 0, result.stderr


def test_a_worker_takes_the_census_once_keystones_database_answers(
    worker: Worker, site: Site, cloud: Cloud, mariadb: MariaDB
) -> None:
    cloud.create_locked()
    with site.keystone_database.shut():
        tell(site)
        worker.wait_until_it_says("census: Keystone's database does not answer")
    tell(site)
    worker.wait_until_it_says("census taken")

    [row] = mariadb.execute(
        "SELECT number FROM accounts_censuscount WHERE state = 'locked' AND domain_id = ''"
        " AND kind = '' ORDER BY census_id DESC LIMIT 1",
        database="pciops",
    )
    assert int(str(row["number"])) >= 1


def test_the_broker_s_folders_are_their_owner_s_alone(worker: Worker, site: Site) -> None:
    tell(site)
    worker.wait_until_it_says("INFO pciops.accounts.tasks")
    folder = site.folder / "broker"

    assert [path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())] == [0o700] * 3
