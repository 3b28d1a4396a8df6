"""Programs that the demo starts and stops."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from pciops.demo import process
from pciops.demo.process import DemoError

WAITS = "import time; print('here', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}"


def test_what_steers_others_does_not_reach_the_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PCIOPS_HTTPS", "OS_CLOUD", "GUNICORN_CMD_ARGS", "PYTHONPATH", "WEB_CONCURRENCY"):
        monkeypatch.setenv(name, "foreign")
    monkeypatch.setenv("LANG", "C.UTF-8")

    variables = process.environment(PCIOPS_VAR="/ours")

    assert "foreign" not in variables.values()
    assert variables["LANG"] == "C.UTF-8"
    assert variables["PCIOPS_VAR"] == "/ours"


def test_a_taken_port_is_chosen_around() -> None:
    with process.listen(None) as first:
        first.listen()
        taken = first.getsockname()[1]
        with process.listen(taken) as second:
            assert second.getsockname()[1] != taken


@pytest.mark.parametrize(
    ("program", "ended_by"), [(WAITS, signal.SIGTERM), (STUBBORN, signal.SIGKILL)]
)
def test_a_program_is_stopped_also_where_it_will_not(
    tmp_path: Path, program: str, ended_by: signal.Signals
) -> None:
    log = tmp_path / "log"
    child = process.start([sys.executable, "-c", program], env=process.environment(), log=log)
    while "here" not in log.read_text():
        pass

    process.stop(child, patience=0.2)
    process.stop(child)

    assert child.returncode == -ended_by


def test_a_program_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such table')"]

    with pytest.raises(DemoError, match=r"Making tables failed\.(.|\n)*no such table"):
        process.run("Making tables", command, env=process.environment(), log=tmp_path / "log")


def test_a_server_that_ends_is_not_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = process.start([sys.executable, "-c", ""], env=process.environment(), log=log)

    with pytest.raises(DemoError, match="ended by itself"):
        process.wait_until_answers("http://127.0.0.1:9/", child, log=log)

    process.stop(child)


def test_a_server_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = process.start([sys.executable, "-c", WAITS], env=process.environment(), log=log)

    with pytest.raises(DemoError, match="answers nothing after 0 s"):
        process.wait_until_answers("http://127.0.0.1:9/", child, log=log, seconds=0.3)

    process.stop(child)


def test_a_log_without_a_word_is_said(tmp_path: Path) -> None:
    assert "no word" in process.last_lines(tmp_path / "missing")
