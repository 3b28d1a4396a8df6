"""The command line: which commands there are, exit codes, and a reader who leaves early."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from pciops import __version__
from tests.test_settings import GOOD, ROOT, manage


@pytest.mark.parametrize("name", ["createsuperuser", "flush", "nonsense"])
def test_a_command_that_is_not_ours_is_wrong_usage(tmp_path: Path, name: str) -> None:
    done = manage(tmp_path, name, **GOOD)

    assert done.returncode == 2
    assert name in done.stderr
    assert "help" in done.stderr


@pytest.mark.parametrize("words", [["nonsense"], ["audit", "9999"]])
def test_a_migration_that_does_not_exist_is_wrong_usage(words: list[str]) -> None:
    with pytest.raises(CommandError, match=words[-1]) as refused:
        call_command("migrate", *words)

    assert refused.value.returncode == 2


@pytest.mark.parametrize("word", ["version", "--version"])
def test_the_version_is_that_of_pciops(tmp_path: Path, word: str) -> None:
    assert manage(tmp_path, word).stdout.strip() == __version__


@pytest.mark.parametrize("words", [["help"], ["grants"], ["grants", "--help"]])
def test_what_runs_before_an_installation_makes_no_file(tmp_path: Path, words: list[str]) -> None:
    done = manage(tmp_path / "var", *words, PCIOPS_ENV_FILE=str(tmp_path / "missing"))

    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["grants"], ["help"], ["version"], ["accounts", "--help"]])
def test_a_reader_who_leaves_early_is_no_error(tmp_path: Path, words: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={"PCIOPS_ENV_FILE": os.devnull, "PCIOPS_VAR": str(tmp_path), **GOOD},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()

    assert errors == ""
    assert process.returncode == 1
