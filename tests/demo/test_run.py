"""The demo as a whole: its folders, and its check against a real Keystone."""

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
from pciops.demo.process import DemoError
from pciops.demo.progress import Progress
from pciops.demo.run import Options, run

CHECK = Options(port=8000, check=True, reset=False)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """The demo is made to be a process of its own: it sets signals and the file mode."""
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

    run(tmp_path, CHECK, Progress(said := StringIO()))

    assert "again: let in" in said.getvalue()
    assert "The demo works" in said.getvalue()


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with demo.alone(tmp_path), pytest.raises(DemoError, match="is running in"):
        run(tmp_path, CHECK, Progress(StringIO()))


@pytest.mark.parametrize("reset", [True, False])
def test_what_the_demo_has_not_made_is_left_alone(tmp_path: Path, reset: bool) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").touch()
    options = Options(port=8000, check=True, reset=reset)

    with pytest.raises(DemoError, match="not made by the demo"):
        run(tmp_path, options, Progress(StringIO()))

    assert [path.name for path in (tmp_path / "data").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_wrong_usage(port: str) -> None:
    with pytest.raises(CommandError, match="is no port"):
        call_command(Command(), f"--port={port}")


def test_a_kept_password_stays_and_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "password"

    assert kept_password(path) == kept_password(path)
    assert path.stat().st_mode & 0o777 == 0o600
