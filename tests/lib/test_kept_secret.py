"""Tests of a secret that is generated once, also by concurrent processes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pciops.lib.env import SettingError
from pciops.lib.private import kept_secret


def test_secret_is_generated_once_for_each_path(tmp_path: Path) -> None:
    path = tmp_path / "var" / "pciops" / "secret_key"

    assert kept_secret(path) == kept_secret(path)
    assert kept_secret(path) != kept_secret(tmp_path / "other")
    assert [path.name for path in path.parent.iterdir()] == ["secret_key"]


def test_secret_is_long_and_readable_only_by_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    before = os.umask(0)
    try:
        secret = kept_secret(path)
    finally:
        os.umask(before)

    assert len(secret) >= 50
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_existing_secret_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    path.write_text("chosen by the site", encoding="ascii")

    assert kept_secret(path) == "chosen by the site"


@pytest.mark.parametrize("taken", ["", "secret_key"], ids=["by a file", "by a folder"])
def test_unusable_folder_is_a_setting_error(tmp_path: Path, taken: str) -> None:
    folder = tmp_path / "var"
    (folder / taken).mkdir(parents=True) if taken else folder.touch()

    with pytest.raises(
        SettingError, match="^PCIOPS_VAR is a folder in which pciops can't keep secret_key"
    ):
        kept_secret(folder / "secret_key")


def test_concurrent_processes_get_the_same_secret(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from pciops.lib.private import kept_secret; "
        "sys.stdin.read(); print(kept_secret(Path(sys.argv[1])))"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "secret_key")]
    processes = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in processes:
        if process.stdin:
            process.stdin.close()  # all start now
            process.stdin = None
    answers = {process.communicate(timeout=60)[0] for process in processes}

    assert len(answers) == 1
    assert len(answers.pop().strip()) >= 50


def test_processes_with_the_same_number_get_the_same_secret(tmp_path: Path) -> None:
    """As in two containers that share a folder, each with a process 1."""
    together, callers = threading.Barrier(8), range(8)

    def ask(path: Path) -> str:
        together.wait()
        return kept_secret(path)

    paths = [tmp_path / f"secret_key{number}" for number in range(50)]
    with ThreadPoolExecutor(8) as pool:
        answers = [set(pool.map(ask, [path for _ in callers])) for path in paths]

    assert answers == [{path.read_text(encoding="ascii")} for path in paths]
