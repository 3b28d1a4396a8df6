"""The image: built from nothing, and each service of the compose file runs in it.

It takes minutes, so it is built only if TEST_LONG=yes is set; it needs root, buildah, debootstrap,
and the network. The base is a Debian of debootstrap, because a registry may be out of reach.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.support.deploy import compose, words_of
from tests.support.processes import ROOT, Program, running, wait_until
from tests.support.rabbitmq import RabbitMQ

USER = 10001
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
SERVICES = compose()["services"]
NOT_THESE = " ".join(  # what each container has for itself
    f"! -path '{path}*'"
    for path in ("/dev", "/proc", "/run/lock", "/tmp", "/var/lib/pciops", "/var/tmp")
)


class Image:
    """The image in a storage of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        storage = ["--root", f"{folder}/storage", "--runroot", f"{folder}/run"]
        self._buildah = ["buildah", *storage, "--storage-driver", "vfs"]

    def buildah(self, *arguments: str) -> str:
        """Run buildah and return what it prints."""
        done = subprocess.run(
            [*self._buildah, *arguments],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.strip()

    def build(self) -> None:
        """Make the base, and build the image on it."""
        base = str(self.folder / "base")
        debootstrap = ["debootstrap", "--variant=minbase", "--include=ca-certificates"]
        subprocess.run([*debootstrap, "bookworm", base], stdout=subprocess.DEVNULL, check=True)
        container = self.buildah("from", "scratch")
        self.buildah("copy", "--quiet", container, base, "/")
        self.buildah("commit", "--quiet", container, "localhost/base")
        self.buildah("rm", container)
        # pip may have to trust the authorities of this machine.
        certificates = Path(os.environ.get("SSL_CERT_FILE", CERTIFICATES)).resolve()
        self.buildah(
            *("build", "--isolation", "chroot", "--format", "docker", "--tag", "localhost/pciops"),
            *("--volume", f"{certificates}:{CERTIFICATES}:ro"),
            *("--build-arg", "BASE=localhost/base"),
            *("--file", "deploy/container/Containerfile", "."),
        )

    def command(self, var: Path, env: dict[str, str], *words: str) -> list[str]:
        """Return the command line that runs these words in the image, as its user.

        A folder is /var/lib/pciops, and Keystone's file is /run/keystone.conf.
        """
        container = self.buildah("from", "--pull-never", "localhost/pciops")
        conf = env["PCIOPS_KEYSTONE_CONF"]
        settings = {
            name: value
            for name, value in env.items()
            if name.startswith(("PCIOPS_", "OS_")) and name != "PCIOPS_VAR"
        } | {"PCIOPS_KEYSTONE_CONF": "/run/keystone.conf"}
        return [
            *(*self._buildah, "run", "--isolation", "chroot"),
            *("--volume", f"{var}:/var/lib/pciops", "--volume", f"{conf}:/run/keystone.conf:ro"),
            *(word for name, value in settings.items() for word in ("--env", f"{name}={value}")),
            *("--", container, "setpriv", "--pdeathsig", "TERM", *words),
        ]


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """The image, until the tests of this module end."""
    if os.environ.get("TEST_LONG") != "yes" or not all(
        (os.geteuid() == 0, shutil.which("buildah"), shutil.which("debootstrap"))
    ):
        pytest.skip("The image is built only by root with TEST_LONG=yes, buildah, and debootstrap")
    folder = Path(tempfile.mkdtemp(prefix="pciops-image-", dir="/var/tmp"))
    image = Image(folder)
    image.build()
    yield image
    image.buildah("rm", "--all")
    # What is mounted there would be deleted, too.
    assert str(folder) not in Path("/proc/mounts").read_text()
    shutil.rmtree(folder)


def test_every_service_runs_in_the_image(
    image: Image, events_environment: dict[str, str], rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    var = tmp_path / "var"
    var.mkdir()
    os.chown(var, USER, USER)
    conf = tmp_path / "keystone.conf"
    shutil.copy(events_environment["PCIOPS_KEYSTONE_CONF"], conf)
    conf.chmod(0o644)
    env = {
        **events_environment,
        "PCIOPS_BROKER_URL": rabbitmq.url,
        "PCIOPS_KEYSTONE_CONF": str(conf),
    }

    def once(*words: str) -> str:
        done = subprocess.run(
            image.command(var, env, *words), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def service(name: str) -> Iterator[Program]:
        command = image.command(var, env, *words_of(name))
        with running(command, env=os.environ, log=tmp_path / name) as started:
            yield started
            started.stop()

    def answers() -> bool:
        try:
            return requests.get("http://127.0.0.1:8000/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    once(*words_of("migrate"))
    once("sh", "-c", f"test $(id -u) = {USER}")
    # `find` fails for folders that this user may not enter: nothing in them can be written, either.
    writable = once("sh", "-c", f"find / -xdev -writable ! -type l {NOT_THESE} 2>/dev/null || true")
    with service("web") as web:
        wait_until(answers, "the web server is ready", web.process, web.log)
        once(*SERVICES["web"]["healthcheck"]["test"][1:])
    with service("consumer") as consumer:
        consumer.wait_for_output("connected to")
    with service("worker") as worker:
        worker.wait_for_output("process of worker")
    with service("beat") as beat:
        beat.wait_for_output("is starting")

    assert writable == ""  # so the root file system can be read-only
