"""A private RabbitMQ: its own folder, ports of loopback, cookie and name service; gone afterwards.

with RabbitMQ() as server:
    Connection(server.url)
    server.restart()
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.support.processes import ENDS_WITH_US, free_port, program, wait_until

USER = PASSWORD = "pciops"

_CONF = """\
listeners.tcp.1 = 127.0.0.1:{port}
default_user = {user}
default_pass = {password}
default_permissions.configure = .*
default_permissions.read = .*
default_permissions.write = .*
disk_free_limit.absolute = 1MB
log.console = true
log.console.level = info
log.file = false
heartbeat = 10
"""
_TLS = """\
listeners.ssl.1 = 127.0.0.1:{port}
ssl_options.certfile = {folder}/server.pem
ssl_options.keyfile = {folder}/server.pem
ssl_options.verify = verify_none
"""


class RabbitMQ:
    """One node.

    Attributes:
        url: for AMQP, with a login that may do everything.
    """

    def __init__(self, *, certificate: Path | None = None) -> None:
        """Nothing is started before the block.

        Args:
            certificate: With its key, in one PEM file; the node then speaks TLS on `tls_port` too.
        """
        # The server gives up root for a user that must be able to get there.
        self.folder = Path(tempfile.mkdtemp(prefix="pciops-rabbitmq-"))
        self.log = self.folder / "log"
        self.port, self.tls_port = free_port(), free_port()
        self.url = f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.port}//"
        self._names, self._nodes = free_port(), free_port()
        self._certificate = certificate
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._write()
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Serve; what was durable before is there again."""
        self._run("/usr/bin/epmd", "-port", self._names, "-address", "127.0.0.1")
        self._run(program("/usr/lib/rabbitmq/bin/rabbitmq-server", package="rabbitmq-server"))
        wait_until(self._answers, "RabbitMQ answers", self._processes[-1], self.log)

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """End it in good order, or by SIGKILL."""
        for process in reversed(self._processes):  # the name service last
            process.send_signal(by)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=60)
            process.kill()
            process.wait()
        self._processes = []

    def restart(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Everybody is thrown out, and what is not durable is gone."""
        self.stop(by)
        self.start()

    def control(self, *words: str) -> None:
        """What its operator does with rabbitmqctl."""
        name = f"pciops-{self.port}@localhost"
        command = ["/usr/lib/rabbitmq/bin/rabbitmqctl", "--node", name, *words]
        done = subprocess.run(
            [*self._as_user, *command],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def _as_user(self) -> list[str]:
        """As root: the cookie is its user's."""
        root = ["setpriv", "--reuid=rabbitmq", "--regid=rabbitmq", "--clear-groups"]
        return root if os.geteuid() == 0 else []

    def _run(self, *command: object) -> None:
        with self.log.open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    [*ENDS_WITH_US, *self._as_user[1:], *map(str, command)],
                    cwd=self.folder,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            )

    @property
    def _environment(self) -> dict[str, str]:
        here = str(self.folder)
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        return {
            **kept,
            "HOME": here,  # the cookie
            "ERL_EPMD_PORT": str(self._names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RUNNING_UNDER_SYSTEMD": "1",  # the script becomes the node, which SIGTERM then reaches
            "RABBITMQ_NODENAME": f"pciops-{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._nodes),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CONF_ENV_FILE": f"{here}/none",
            "RABBITMQ_CONFIG_FILE": f"{here}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{here}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{here}/data",
            "RABBITMQ_LOG_BASE": here,
            "RABBITMQ_LOGS": "-",
        }

    def _write(self) -> None:
        conf = _CONF.format(port=self.port, user=USER, password=PASSWORD)
        if self._certificate:
            conf += _TLS.format(port=self.tls_port, folder=self.folder)
            shutil.copy(self._certificate, self.folder / "server.pem")
        (self.folder / "rabbitmq.conf").write_text(conf)
        (self.folder / "plugins").write_text("[].\n")
        self.log.touch()
        if os.geteuid() == 0:
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, "rabbitmq", "rabbitmq")

    def _answers(self) -> bool:
        if (
            "Server startup complete"
            not in self.log.read_text(errors="replace").rpartition("Starting RabbitMQ")[2]
        ):
            return False
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            return True
        return False
