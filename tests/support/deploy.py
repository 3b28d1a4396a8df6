"""The files of deploy/, changed so that they run on loopback and below a temporary folder."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from tests.support.processes import ROOT

DEPLOY = ROOT / "deploy"
UNITS = DEPLOY / "systemd"


def changed(path: Path, changes: dict[str, str]) -> str:
    """Return the text of a file with each of these words replaced; each has to be there."""
    text = path.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text, f"{path} has no {old!r}"
        text = text.replace(old, new)
    return text


def values(unit: Path, name: str) -> list[str]:
    """Return the values that a unit or drop-in of systemd gives an option, in their order."""
    lines = unit.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")]


def exec_start(name: str) -> list[str]:
    """Return the command line of a service, with this Python and its programs."""
    [line] = values(UNITS / f"pciops-{name}.service", "ExecStart")
    program, *arguments = shlex.split(line)
    if Path(program).name == "pciops":  # the package is not installed here
        return [sys.executable, "-m", "pciops.cli", *arguments]
    return [str(Path(sys.executable).with_name(Path(program).name)), *arguments]
