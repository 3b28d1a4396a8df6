"""Installs the real Keystone from PyPI, with hashes, in an environment of its own."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

from pciops.demo import process
from pciops.demo.process import Report

REQUIREMENTS = Path(__file__).with_name("requirements-keystone.txt")


def _release(requirements: Path) -> str:
    lines = requirements.read_text(encoding="utf-8").splitlines()
    return next(line.split()[0] for line in lines if line.startswith("keystone=="))


RELEASE = _release(REQUIREMENTS)


def install(environment: Path, report: Report, *, requirements: Path = REQUIREMENTS) -> None:
    """Make the environment and install Keystone in it, unless these versions are there and run.

    A copy of the requirements inside says what is there. It is written last, so an install that
    was interrupted is begun anew.

    Raises:
        DemoError: where the environment cannot be made or pip fails.
    """
    environment.parent.mkdir(parents=True, exist_ok=True)
    with environment.with_name(f"{environment.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several may want it at once: the tests, say
        _install(environment, report, requirements)


def _install(environment: Path, report: Report, requirements: Path) -> None:
    stamp = environment / requirements.name
    current = stamp.is_file() and stamp.read_bytes() == requirements.read_bytes()
    if current and _imports(environment, "keystone"):
        return
    shutil.rmtree(environment, ignore_errors=True)
    env = process.environment(PIP_USER="0", PIP_DISABLE_PIP_VERSION_CHECK="1")
    log = environment.with_name(f"{environment.name}-install.log")
    log.write_bytes(b"")
    words = f"Installing Keystone {_release(requirements).removeprefix('keystone==')} from PyPI"

    def tick() -> None:
        report(words)

    run = partial(process.run, words, env=env, log=log, tick=tick)
    run([sys.executable, "-m", "venv", environment])
    pip = [python(environment), "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
    run([*pip, "--quiet", "--require-hashes", "-r", requirements])
    shutil.copyfile(requirements, stamp)
    log.unlink()


def is_installed(environment: Path) -> bool:
    """Whether the Keystone in this environment can be run at all."""
    return _imports(environment, "gunicorn, keystone.server.wsgi")


def _imports(environment: Path, modules: str) -> bool:
    command = [str(python(environment)), "-c", f"import {modules}"]
    try:
        probe = subprocess.run(command, env=process.environment(), capture_output=True, check=False)
    except OSError:
        return False  # there is no such file, or none that can be run
    return probe.returncode == 0


def python(environment: Path) -> Path:
    """Its Python."""
    # Programs are run by `python -m`, not by the scripts in bin: those begin with the path of
    # their Python, which may not hold a blank and does not follow when a folder is moved.
    return environment / "bin" / "python"
