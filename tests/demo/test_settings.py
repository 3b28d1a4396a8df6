"""The demo's commands are not part of a production site."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = {path.stem for path in (ROOT / "pciops/demo/management/commands").glob("[a-z]*.py")}


@pytest.mark.parametrize(
    ("settings", "listed"), [("pciops.settings", set()), ("pciops.demo.settings", COMMANDS)]
)
def test_manage_lists_demo_commands_only_with_the_settings_of_the_demo(
    tmp_path: Path, settings: str, listed: set[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "help", "--commands"],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": settings,
            "PCIOPS_VAR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "consume_events" in done.stdout.split()
    assert set(done.stdout.split()) & COMMANDS == listed
    assert {"demo", "demo_feed", "demo_past"} == COMMANDS


def test_the_unit_tests_run_without_the_demo() -> None:
    assert not apps.is_installed("pciops.demo")
