"""The demo starts, watches and stops programs, and reports its progress."""

from __future__ import annotations

import re
import signal
import sys
from io import StringIO
from pathlib import Path

import pytest

from pciops.demo import process
from pciops.demo.process import DemoError, Progress

WAITS = "import time; print('here', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}"


def test_environment_drops_foreign_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PCIOPS_HTTPS", "OS_CLOUD", "GUNICORN_CMD_ARGS", "PYTHONPATH", "WEB_CONCURRENCY"):
        monkeypatch.setenv(name, "foreign")
    monkeypatch.setenv("LANG", "C.UTF-8")

    variables = process.environment(PCIOPS_VAR="/ours")

    assert "foreign" not in variables.values()
    assert variables["LANG"] == "C.UTF-8"
    assert variables["PCIOPS_VAR"] == "/ours"


def test_listen_chooses_a_free_port_if_the_port_is_taken() -> None:
    with process.listen(None) as first:
        first.listen()
        taken = first.getsockname()[1]
        with process.listen(taken) as second:
            assert second.getsockname()[1] != taken


@pytest.mark.parametrize(
    ("program", "ended_by"), [(WAITS, signal.SIGTERM), (STUBBORN, signal.SIGKILL)]
)
def test_stop_kills_a_program_that_ignores_the_signal(
    tmp_path: Path, program: str, ended_by: signal.Signals
) -> None:
    log = tmp_path / "log"
    child = process.start([sys.executable, "-c", program], env=process.environment(), log=log)
    while "here" not in log.read_text():
        pass

    process.stop(child, patience=0.2)
    process.stop(child)

    assert child.returncode == -ended_by


def test_run_raises_with_the_end_of_the_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such table')"]

    with pytest.raises(DemoError, match=r"Making tables failed\.(.|\n)*no such table"):
        process.run("Making tables", command, env=process.environment(), log=tmp_path / "log")


def test_waiting_stops_when_the_server_ends(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = process.start([sys.executable, "-c", ""], env=process.environment(), log=log)

    with pytest.raises(DemoError, match="stopped"):
        process.wait_until_answers("http://127.0.0.1:9/", child, log=log)

    process.stop(child)


def test_waiting_stops_after_its_seconds(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = process.start([sys.executable, "-c", WAITS], env=process.environment(), log=log)

    with pytest.raises(DemoError, match="answers nothing after 0 s"):
        process.wait_until_answers("http://127.0.0.1:9/", child, log=log, seconds=0.3)

    process.stop(child)


def test_last_lines_names_a_missing_log(tmp_path: Path) -> None:
    assert "empty or missing" in process.last_lines(tmp_path / "missing")


# --- Progress -----------------------------------------------------------------------------------
class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class Closed(StringIO):
    def write(self, text: str) -> int:
        raise OSError


def without_times(text: str) -> str:
    """Return the text with T for each time."""
    return re.sub(r"\d+\.\d", "T", text)


def test_progress_writes_one_line_for_each_step() -> None:
    progress = Progress(stream := StringIO())
    progress("Making tables")
    progress("Making tables")
    progress("Starting")
    progress.say("Ready.")

    assert without_times(stream.getvalue()) == "Making tables… T s\nStarting… T s\nReady.\n"


def test_progress_shows_passing_seconds_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 2.5, 2.5, 3.0])
    monkeypatch.setattr("pciops.demo.process.time.monotonic", lambda: next(clock))
    progress = Progress(stream := Terminal())
    progress("Installing")
    progress("Installing")
    progress.done()

    assert stream.getvalue() == "Installing…\rInstalling… 2 s\rInstalling… 3.0 s\n"


def test_progress_writes_no_time_for_an_interrupted_step() -> None:
    progress = Progress(stream := StringIO())
    progress("Installing")
    progress.interrupt()
    progress.interrupt()
    progress.done()

    assert stream.getvalue() == "Installing…\n"


def test_progress_ignores_a_closed_terminal() -> None:
    Progress(Closed()).say("Ready.")
