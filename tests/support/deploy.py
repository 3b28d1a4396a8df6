"""The files of deploy/, changed so that they run on loopback and below a temporary folder."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

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


def read_only(command: Sequence[object], *writable: Path) -> list[str]:
    """Return the command with a root file system that is read-only but for these folders."""
    names = [shlex.quote(str(path)) for path in writable]
    mounts = [f"mount --bind {name} {name}" for name in names]
    script = "; ".join([*mounts, "mount -o remount,bind,ro /", 'exec "$@"'])
    alone = ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid() != 0:
        alone.append("--map-root-user")
    return [*alone, "sh", "-ec", script, "sh", *map(str, command)]


def compose() -> dict[str, Any]:
    """Return the compose file."""
    text = (DEPLOY / "container/compose.yaml").read_text(encoding="utf-8")
    value: dict[str, Any] = yaml.safe_load(text)
    return value


def words_of(service: str) -> list[str]:
    """Return the command of a service of the compose file, or the image's own."""
    if command := compose()["services"][service].get("command"):
        return [str(word) for word in command]
    containerfile = (DEPLOY / "container/Containerfile").read_text(encoding="utf-8")
    line = next(line for line in containerfile.splitlines() if line.startswith("CMD "))
    words: list[str] = yaml.safe_load(line.removeprefix("CMD "))
    return words
