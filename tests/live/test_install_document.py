"""docs/install.md, pasted: each block of commands runs in its order, below a folder of the test.

Not run are the commands of `openstack`, which is Keystone's own client, and of `podman` (see
test_image). Instead of downloading the locked libraries, the new environment takes those of the
tests, which are the same, and their pip.
"""

from __future__ import annotations

import getpass
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from pciops.demo.keystone import Keystone
from tests.support.deploy import changed
from tests.support.mariadb import MariaDB
from tests.support.processes import ENDS_WITH_US, ROOT, TIMEOUT, program, wait_until

DOCUMENT = ROOT / "docs" / "install.md"
COMMANDS = ("cp ", "pciops ", "python3 ", "systemctl ", "useradd ")  # first words of a block
USE_LIBRARIES = f""".venv/bin/python -c 'import pathlib, sysconfig; \
folder = pathlib.Path(sysconfig.get_path("purelib")); \
(folder / "libraries.pth").write_text("{sysconfig.get_path("purelib")}")'"""


def commands(text: str) -> list[str]:
    """Return the indented blocks that are commands, in their order, each as a script."""
    blocks = re.findall(r"(?:^    .*\n)+", text, re.M)
    return [dedent(block) for block in blocks if block.strip().startswith(COMMANDS)]


@dataclass
class Host:
    """A host whose folders are below the folder of the test."""

    folder: Path
    text: str  # of the document, with this host's paths and addresses

    @property
    def environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PCIOPS_", "OS_", "DJANGO_", "PYTHONDEVMODE"))
        }
        return {
            **kept,
            "PATH": f"{self.folder}/bin:{os.environ['PATH']}",
            "PCIOPS_ENV_FILE": f"{self.folder}/etc/pciops/pciops.env",
            "PCIOPS_VAR": f"{self.folder}/var",
        }

    def state(self) -> dict[str, object]:
        """Return what a second `setup` must not change: the settings, and the keys."""
        files = [*self.folder.glob("etc/pciops/*.env"), *self.folder.glob("var/*_key*")]
        return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    def paste(self, block: str, answers: str = "", meanwhile: Callable[[str], bool] = bool) -> str:
        """Run a block, which must not fail, and return its output.

        Args:
            answers: What is typed at once.
            meanwhile: Called with the output until it returns True; then Enter is typed.
        """
        log = self.folder / "log"
        with log.open("wb") as output:
            shell = subprocess.Popen(
                [*ENDS_WITH_US, "sh", "-eu", "-c", block],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
            )
        assert shell.stdin
        with shell.stdin as keyboard:
            if answers:
                keyboard.write(answers.encode())
                keyboard.flush()
                wait_until(lambda: meanwhile(log.read_text()), "it asks", shell, log)
                keyboard.write(b"\n")
        assert shell.wait(timeout=3 * TIMEOUT) == 0, f"{block}\n{log.read_text()}"
        return log.read_text()


@pytest.fixture
def host(tmp_path: Path, keystone: Keystone) -> Host:
    """The host, with stand-ins for programs that change the machine."""
    folders = ("bin", "etc/pciops", "etc/systemd/system", "opt")
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    systemctl = program("systemctl", package="systemd")
    stand_ins = {
        "useradd": ":",
        "python3": f'exec {sys.executable} "$@" --without-pip',  # of `-m venv`
        # In another root it makes links, and starts nothing.
        "systemctl": f'test "$1" = daemon-reload || {systemctl} --root={tmp_path} '
        '$(echo "$@" | sed "s/--now//")',
    }
    for name, words in stand_ins.items():
        path = tmp_path / "bin" / name
        path.write_text(f"#!/bin/sh\n{words}\n")
        path.chmod(0o700)
    text = changed(
        DOCUMENT,
        {
            ".venv/bin/pip install --require-hashes -r requirements.txt": USE_LIBRARIES,
            ".venv/bin/pip install --no-deps .": ".venv/bin/python -m pip install --no-deps "
            "--no-index --no-build-isolation --disable-pip-version-check .",
            "pciops setup": f"pciops setup --user {getpass.getuser()}",
            "/etc/keystone/keystone.conf": str(keystone.conf),
            "https://keystone.example:5000/v3": keystone.url,
            "/usr/local/bin": f"{tmp_path}/bin",
            "/etc/pciops": f"{tmp_path}/etc/pciops",
            "/etc/systemd": f"{tmp_path}/etc/systemd",
            "/opt/pciops": f"{tmp_path}/opt/pciops",
        },
    )
    return Host(tmp_path, text)


def test_the_document_installs_pciops(host: Host, keystone: Keystone, mariadb: MariaDB) -> None:
    place = f"127.0.0.1:{mariadb.port}/document"
    (host.folder / "etc/pciops/admin_url").write_text(
        f"mysql://root@localhost/?unix_socket={mariadb.socket}\n"
    )
    executed = False

    def administer(output: str) -> bool:
        """Run the SQL that `setup` asks for."""
        nonlocal executed
        if "Then press Enter" in output and not executed:
            mariadb.execute("\n".join(re.findall(r"^[A-Z].*;$", output, re.M)))
            executed = True
        return executed

    outputs, states = [], []
    for block in commands(host.text):
        asks = "pciops setup" in block and "--yes" not in block
        answers = f"{keystone.conf}\n{keystone.url}\n\n{place}\n" if asks else ""
        outputs.append(host.paste(block, answers, administer))
        states.append(host.state())

    assert len(outputs) >= 7
    runs = [number for number, output in enumerate(outputs) if "Set up in" in output]
    assert len(runs) == 2
    assert states[runs[0]] == states[runs[1]] == states[-1]  # the second run changes nothing
    links = host.folder.glob("etc/systemd/system/*.wants/*")
    assert sorted(path.name for path in links) == [
        *("pciops-beat.service", "pciops-web.service", "pciops-worker.service", "pciops.target")
    ]
