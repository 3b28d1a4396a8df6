"""The units of systemd: systemd has no complaint about them, and each of their commands runs.

The commands have a root file system that is read-only, as in a container of the compose file and
by ProtectSystem=strict of the units.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.support.deploy import UNITS, changed, exec_start, read_only, values
from tests.support.mariadb import MariaDB
from tests.support.processes import Program, free_port, program, running, wait_until
from tests.support.rabbitmq import RabbitMQ, publish

SERVICES = sorted(path.stem.removeprefix("pciops-") for path in UNITS.glob("pciops-*.service"))
COMMON = UNITS / "pciops-.service.d" / "common.conf"


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """A copy of the units that names the programs of this environment."""
    folder = tmp_path / "units"
    shutil.copytree(UNITS, folder)
    for path in folder.glob("*.service"):
        [line] = values(path, "ExecStart")
        # systemd wants to see each program.
        text = changed(path, {line.split()[0]: sys.executable})
        path.write_text(text, encoding="utf-8")
    return folder


def analyzed(units: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze on files; it starts nothing."""
    return subprocess.run(
        [program("systemd-analyze", package="systemd"), *arguments],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_systemd_finds_nothing_wrong_in_the_units(units: Path) -> None:
    files = [str(path) for path in units.iterdir() if path.is_file()]

    done = analyzed(units, "verify", "--man=no", "--recursive-errors=no", *files)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_systemd_names_an_option_of_the_units_that_it_does_not_know(units: Path) -> None:
    common = units / "pciops-.service.d" / "common.conf"
    common.write_text(changed(common, {"Restart=": "Restrat="}), encoding="utf-8")

    done = analyzed(units, "verify", "--man=no", str(units / "pciops-web.service"))

    assert "Restrat" in done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_systemd_counts_each_service_as_little_exposed(units: Path, name: str) -> None:
    file = str(units / f"pciops-{name}.service")

    # 0 is not exposed, and 100 is: what systemd itself calls "OK" ends at 50.
    done = analyzed(units, "security", "--offline=true", "--threshold=20", file)

    assert done.returncode == 0, done.stdout


def test_the_target_starts_the_services_that_are_enabled(tmp_path: Path) -> None:
    folder = tmp_path / "etc/systemd/system"
    shutil.copytree(UNITS, folder)
    systemctl = [program("systemctl", package="systemd"), f"--root={tmp_path}", "enable"]

    # In another root, it makes links and starts nothing.
    subprocess.run([*systemctl, "pciops.target", "pciops-web"], check=True, capture_output=True)

    enabled = sorted(str(path.relative_to(folder)) for path in folder.glob("*.wants/*"))
    assert enabled == [
        "multi-user.target.wants/pciops.target",
        "pciops.target.wants/pciops-web.service",
    ]


def test_services_restart_always_and_write_only_into_their_own_folder() -> None:
    options = ("NoNewPrivileges", "PrivateTmp", "ProtectSystem", "Restart", "StateDirectory")

    assert [values(COMMON, option) for option in (*options, "UMask")] == [
        *(["yes"], ["yes"], ["strict"], ["always"], ["pciops"], ["0077"])
    ]


@contextmanager
def service(
    name: str, env: dict[str, str], folder: Path, changes: dict[str, str]
) -> Iterator[Program]:
    """Run a service as its unit does; it has to end by itself, without an error.

    It can write only into PCIOPS_VAR and into the folder.
    """
    command = [changes.get(word, word) for word in exec_start(name)]
    command = read_only(command, Path(env["PCIOPS_VAR"]), folder)
    with running(command, env=env, log=folder / name) as started:
        yield started
        assert started.stop() == 0, started.output
    assert "Traceback" not in started.output


def alerts_raised(mariadb: MariaDB) -> bool:
    """Return whether a worker has done the job that only beat starts, every 20 seconds."""
    done = "SELECT 1 FROM lib_jobrun WHERE job = 'notices.alerts' AND done_at IS NOT NULL"
    return bool(mariadb.execute(done, database="events"))


def test_every_service_runs_with_the_command_of_its_unit_and_a_read_only_root(
    events_environment: dict[str, str], mariadb: MariaDB, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    metrics = own / "metrics"
    metrics.mkdir(parents=True)
    env = {
        **events_environment,
        "PCIOPS_BROKER_URL": rabbitmq.url,
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "TMPDIR": str(own),
    }
    port = free_port()
    changes = {"127.0.0.1:8000": f"127.0.0.1:{port}"}
    collect = [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"]
    subprocess.run(read_only(collect, Path(env["PCIOPS_VAR"])), env=env, check=True)
    assert subprocess.run(read_only(["test", "-w", "/"], own), check=False).returncode == 1

    def answers() -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    with service("web", env, own, changes) as web:
        wait_until(answers, "the web server is ready", web.process, web.log)
        assert list(metrics.iterdir())
    publish(rabbitmq.url, [])  # now there is an exchange
    with service("consumer", env, own, {}) as consumer:
        consumer.wait_for_output("connected to")
    with service("worker", env, own, {}) as worker:
        worker.wait_for_output("process of worker")
        with service("beat", env, own, {}):
            wait_until(
                lambda: alerts_raised(mariadb), "the job is done", worker.process, worker.log
            )
    assert SERVICES == ["beat", "consumer", "web", "worker"]
