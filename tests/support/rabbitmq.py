"""A private RabbitMQ with its own folder, ports, cookie and name service, removed afterwards.

Several make a cluster: `RabbitMQ(member_of=first)`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

from kombu import Connection, Exchange
from kombu.exceptions import OperationalError

from tests.support.certificates import certificate
from tests.support.processes import ENDS_WITH_US, free_port, program, wait_until

USER = PASSWORD = "pciops"
EXCHANGE = Exchange("keystone", "topic", durable=False)  # as Keystone declares it

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
listeners.ssl.1 = 127.0.0.1:{tls_port}
ssl_options.certfile = {certificate}
ssl_options.keyfile = {certificate}
ssl_options.verify = verify_none
{cluster}
"""
_MEMBER = """\
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = {first}
"""


class RabbitMQ:
    """One node.

    Attributes:
        name: The node's, for Erlang.
        url: For AMQP, with a login that has all rights.
        tls_port: For AMQP over TLS, as `localhost`.
        certificate: The file of the node's self-signed certificate.
    """

    def __init__(self, *, member_of: RabbitMQ | None = None) -> None:
        """Start nothing yet.

        Args:
            member_of: the first node of a cluster, which must run when this one starts.
        """
        # The server gives up root for a user that must be able to reach this folder.
        self.folder = Path(tempfile.mkdtemp(prefix="pciops-rabbitmq-"))
        self.log = self.folder / "log"
        self.certificate = certificate(self.folder, name="localhost")
        self.port, self.tls_port = free_port(), free_port()
        self.url = f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.port}//"
        self.name = f"pciops-{self.port}@localhost"
        self._first = member_of or self
        self._nodes = free_port()
        self._names: int = member_of._names if member_of else free_port()
        self._cookie: str = member_of._cookie if member_of else secrets.token_hex()
        self._name_service: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._write()
        try:
            if self._first is self:
                address = ("-port", self._names, "-address", "127.0.0.1")
                self._name_service = self._run("/usr/bin/epmd", *address)
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._name_service:
            self._name_service.kill()
            self._name_service.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Serve; what was durable before is there again."""
        server = program("/usr/lib/rabbitmq/bin/rabbitmq-server", package="rabbitmq-server")
        self._process = self._run(server)
        wait_until(self._answers, "RabbitMQ answers", self._process, self.log)

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Stop it in good order, or by SIGKILL."""
        if self._process:
            self._process.send_signal(by)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=60)
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Close all connections and lose what is not durable."""
        self.stop(by)
        self.start()

    def control(self, *arguments: str) -> str:
        """Run rabbitmqctl and return what it prints."""
        command = ["/usr/lib/rabbitmq/bin/rabbitmqctl", "--node", self.name, *arguments]
        done = subprocess.run(
            [*self._as_user, *command],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def _as_user(self) -> list[str]:
        """Return what makes root the owner of the cookie."""
        root = ["setpriv", "--reuid=rabbitmq", "--regid=rabbitmq", "--clear-groups"]
        return root if os.geteuid() == 0 else []

    def _run(self, *command: object) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*ENDS_WITH_US, *self._as_user[1:], *map(str, command)],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def _environment(self) -> dict[str, str]:
        folder = str(self.folder)
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        return {
            **kept,
            "HOME": folder,  # the cookie
            "ERL_EPMD_PORT": str(self._names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RUNNING_UNDER_SYSTEMD": "1",  # the script execs the node, so SIGTERM reaches it
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_DIST_PORT": str(self._nodes),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": folder,
            "RABBITMQ_LOGS": "-",
        }

    def _write(self) -> None:
        conf = _CONF.format(
            port=self.port,
            user=USER,
            password=PASSWORD,
            tls_port=self.tls_port,
            certificate=self.certificate,
            cluster="" if self._first is self else _MEMBER.format(first=self._first.name),
        )
        cookie = self.folder / ".erlang.cookie"
        cookie.write_text(self._cookie)
        cookie.chmod(0o400)
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


def publish(url: str, bodies: Iterable[str | bytes]) -> None:
    """Publish these as Keystone does, and return when each is in its queues.

    A body that is not confirmed is repeated on a new connection, to the next node if the URL names
    several. While a quorum queue elects a leader, RabbitMQ refuses messages, or never confirms one.
    """
    waiting = deque(bodies)
    while not _published(url, waiting):
        time.sleep(0.1)


def _published(url: str, waiting: deque[str | bytes]) -> bool:
    """Publish until all are confirmed, or return False."""
    link = Connection(url, connect_timeout=2, transport_options={"confirm_publish": True})
    try:
        channel = link.default_channel
        EXCHANGE(channel).declare()
        producer = link.Producer(channel, exchange=EXCHANGE, auto_declare=False)
        while waiting:
            producer.publish(
                waiting[0], "notifications.info", content_type="application/json", timeout=3
            )
            waiting.popleft()
    except (OperationalError, *link.recoverable_connection_errors):  # refusals and timeouts, too
        return False
    finally:
        link.collect()  # without a message to RabbitMQ, which may be gone
    return True
