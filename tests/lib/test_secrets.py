"""A secret is made once, however many ask at once."""

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
from pciops.lib.secrets import kept_secret


def test_the_secret_stays_the_same(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"

    assert kept_secret(path) == kept_secret(path)


def test_two_places_have_two_secrets(tmp_path: Path) -> None:
    assert kept_secret(tmp_path / "one") != kept_secret(tmp_path / "two")


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    before = os.umask(0)
    try:
        kept_secret(path)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_is_long_enough_for_django(tmp_path: Path) -> None:
    assert len(kept_secret(tmp_path / "secret_key")) >= 50


def test_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "var" / "pciops" / "secret_key"
    kept_secret(path)

    assert path.is_file()


def test_nothing_else_is_left_in_its_folder(tmp_path: Path) -> None:
    kept_secret(tmp_path / "secret_key")

    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_a_secret_that_the_site_put_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    path.write_text("chosen by the site", encoding="ascii")

    assert kept_secret(path) == "chosen by the site"


@pytest.mark.parametrize("taken", ["", "secret_key"], ids=["by a file", "by a folder"])
def test_a_place_that_cannot_hold_it_is_named(tmp_path: Path, taken: str) -> None:
    folder = tmp_path / "var"
    (folder / taken).mkdir(parents=True) if taken else folder.touch()

    with pytest.raises(SettingError, match="^PCIOPS_VAR is a folder in which secret_key cannot"):
        kept_secret(folder / "secret_key")


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    words = [sys.executable, "-c"]
    words.append(
        "import sys; from pathlib import Path; from pciops.lib.secrets import kept_secret; "
        "sys.stdin.read(); print(kept_secret(Path(sys.argv[1])))"
    )
    words.append(str(tmp_path / "secret_key"))
    started = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in started:
        if process.stdin:
            process.stdin.close()  # the starting shot
            process.stdin = None
    answers = {process.communicate(timeout=60)[0] for process in started}

    assert len(answers) == 1
    assert len(answers.pop().strip()) >= 50


def test_processes_of_the_same_number_agree(tmp_path: Path) -> None:
    """As in two containers that share a folder: each is process 1 of its own."""
    together, callers = threading.Barrier(8), range(8)

    def ask(path: Path) -> str:
        together.wait()
        return kept_secret(path)

    paths = [tmp_path / f"secret_key{number}" for number in range(50)]
    with ThreadPoolExecutor(8) as pool:
        answers = [set(pool.map(ask, [path for _ in callers])) for path in paths]

    assert answers == [{path.read_text(encoding="ascii")} for path in paths]
