"""The whole demo: its folders, and its check against a real Keystone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from pciops.demo import run as demo
from pciops.demo.keystone import is_installed
from pciops.demo.management.commands.demo import Command
from pciops.demo.passwords import kept_password
from pciops.demo.process import DemoError, Progress
from pciops.demo.run import DemoOptions, run

CHECK = DemoOptions(port=8000, check=True, reset=False)


@pytest.fixture(autouse=True)
def _restore_process() -> Iterator[None]:
    """Restore signal handlers and umask, which the demo sets."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = {number: signal.getsignal(number) for number in numbers}
    mask = os.umask(0o077)
    yield
    os.umask(mask)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.live
def test_the_check_of_the_demo_succeeds(tmp_path: Path) -> None:
    environment = os.environ.get("TEST_KEYSTONE", "")
    if not is_installed(Path(environment)):
        pytest.fail("TEST_KEYSTONE names no installed Keystone; script/test makes one.")
    (tmp_path / "keystone").symlink_to(environment)

    run(tmp_path, CHECK, Progress(output := StringIO()))

    assert "again: accepted" in output.getvalue()
    assert "The demo works" in output.getvalue()


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with demo.exclusive(tmp_path), pytest.raises(DemoError, match="already running in"):
        run(tmp_path, CHECK, Progress(StringIO()))


@pytest.mark.parametrize("reset", [True, False])
def test_foreign_files_are_left_alone(tmp_path: Path, reset: bool) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").touch()
    options = DemoOptions(port=8000, check=True, reset=reset)

    with pytest.raises(DemoError, match="not from the demo"):
        run(tmp_path, options, Progress(StringIO()))

    assert [path.name for path in (tmp_path / "data").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_an_invalid_port_is_a_usage_error(port: str) -> None:
    with pytest.raises(CommandError, match="is not a port"):
        call_command(Command(), f"--port={port}")


def test_a_kept_password_stays_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "password"

    assert kept_password(path) == kept_password(path)
    assert path.stat().st_mode & 0o777 == 0o600
