"""Entry points: what they create is for its owner only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.test_settings import GOOD, WITHOUT_KEY, manage, run


def test_no_other_user_reads_what_a_command_creates(tmp_path: Path) -> None:
    var = tmp_path / "var"
    before = os.umask(0o022)
    try:
        var.mkdir(mode=0o755)  # by an older version
        done = manage(var, "migrate", "signin", **WITHOUT_KEY)
    finally:
        os.umask(before)

    assert done.returncode == 0, done.stderr
    modes = {path.name: path.stat().st_mode & 0o777 for path in (var, *var.iterdir())}
    assert modes.pop("var") == 0o700
    assert {"pciops.sqlite3", "secret_key"} <= modes.keys()
    assert {name for name, mode in modes.items() if mode & 0o077} == set()


@pytest.mark.parametrize("module", ["pciops.celery", "pciops.wsgi"])
def test_every_entry_point_creates_files_for_its_owner_only(tmp_path: Path, module: str) -> None:
    (tmp_path / "static").mkdir()
    words = f"""
import os
os.umask(0o022)
try:
    import {module}
except SystemExit:
    pass
print(oct(os.umask(0)))
"""
    assert run(tmp_path, "-c", words, **GOOD).stdout.strip().endswith("0o77")
