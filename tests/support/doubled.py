"""pciops with two of each process behind HAProxy, on three nodes of Galera and of RabbitMQ."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests

from pciops.demo.keystone import Keystone
from tests.support.cloud import ATTEMPTS, keystone_on
from tests.support.galera import GaleraNode, galera
from tests.support.haproxy import haproxy
from tests.support.processes import ENDS_WITH_US, ROOT, free_port, wait_until
from tests.support.rabbitmq import RabbitMQ, publish
from tests.support.site import READER, READERS_PASSWORD, environment, manage

# A worker that also prints each slot of a job that it claims or finishes.
_WORKER = """
from pciops.celery import app
from pciops.lib import jobs
claim, finish = jobs.claim, jobs.finish
def printing_claim(job, slot, **options):
    run = claim(job, slot, **options)
    if run is not None:
        print("claimed", job, slot.isoformat(), flush=True)
    return run
def printing_finish(run, now):
    done = finish(run, now)
    if done:
        print("finished", run.job, run.slot.isoformat(), flush=True)
    return done
jobs.claim, jobs.finish = printing_claim, printing_finish
app.worker_main(["worker", "--pool", "solo", "--without-gossip", "--without-mingle",
    "--without-heartbeat"])
"""


class Process:
    """A process of pciops that a test kills and starts again."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        log: Path,
        ready: Callable[[Process], bool],
    ) -> None:
        """Start nothing yet."""
        self.name = name
        self.log = log
        self.starts = 0
        self._ready = ready
        self._command = command
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start it, and do not wait for it."""
        self.starts += 1
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*ENDS_WITH_US, *self._command],
                cwd=ROOT,
                env=self._env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill it with its children, as if its machine had stopped."""
        if self._process:
            with suppress(ProcessLookupError):  # it has ended
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def wait(self) -> None:
        """Return once it works."""
        wait_until(lambda: self._ready(self), f"{self.name} works", self._process, self.log)


@dataclass
class Doubled:
    """The installation.

    Attributes:
        processes: by name, such as `worker 2`.
    """

    url: str
    env: dict[str, str]
    nodes: list[GaleraNode]
    brokers: list[RabbitMQ]
    keystone: Keystone
    processes: dict[str, Process] = field(default_factory=dict)

    @property
    def broker_url(self) -> str:
        return self.env["PCIOPS_BROKER_URL"]


@contextmanager
def doubled(folder: Path, settings: Mapping[str, str]) -> Iterator[Doubled]:
    """Run it inside this block.

    Args:
        settings: of pciops, on top of its own.
    """
    http, site, proxied, *web = (free_port() for _ in range(5))
    with ExitStack() as stack:
        nodes = stack.enter_context(galera())
        ports = [node.port for node in nodes]
        stack.enter_context(
            haproxy(folder, http=http, site=site, web=web, galera=proxied, nodes=ports)
        )
        first = stack.enter_context(RabbitMQ())
        brokers = [first, *(stack.enter_context(RabbitMQ(member_of=first)) for _ in range(2))]
        policy = {"lockout_failure_attempts": ATTEMPTS, "lockout_duration": 1800}
        keystone = keystone_on(
            nodes[0], "keystone", folder / "keystone", security_compliance=policy
        )
        keystone.database = keystone.database.replace(str(ports[0]), str(proxied))
        stack.enter_context(keystone)
        rabbit = ";".join(broker.url for broker in brokers)
        nodes[0].create_database("pciops", password="ours")
        env = environment(
            folder,
            {
                "OS_AUTH_URL": keystone.url,
                "PCIOPS_BROKER_URL": rabbit,
                "PCIOPS_DATABASE_URL": nodes[0].url(
                    "pciops", user="pciops", password="ours", port=proxied
                ),
                "PCIOPS_KEYSTONE_CONF": str(keystone.conf),
                "PCIOPS_KEYSTONE_DATABASE_URL": nodes[0].url(
                    "keystone", user=READER, password=READERS_PASSWORD, port=proxied
                ),
                "PCIOPS_NOTIFICATIONS_URL": rabbit,
                "PCIOPS_OPERATOR_UNLOCKS_PER_HOUR": "100000",
                "PCIOPS_PROXIES": "1",
                "PCIOPS_QUEUE_TYPE": "quorum",
                # So many processes are too slow with checks of memory and warnings.
                "PYTHONDEVMODE": "",
                "PYTHONMALLOC": "",
                **settings,
            },
        )
        _prepare(env, nodes[0])
        installation = Doubled(f"http://127.0.0.1:{site}", env, nodes, brokers, keystone)
        publish(rabbit, [])  # now there is an exchange
        for name, (command, ready) in _commands(web).items():
            log = folder / f"{name.replace(' ', '-')}.log"
            installation.processes[name] = process = Process(name, command, env, log, ready)
            stack.callback(process.kill)
            process.start()
        for process in installation.processes.values():
            process.wait()
        yield installation


def _prepare(env: Mapping[str, str], node: GaleraNode) -> None:
    for command in (["migrate", "-v0"], ["collectstatic", "--noinput", "-v0"]):
        done = manage(env, *command)
        assert done.code == 0, done.stdout + done.stderr
    node.execute(f"CREATE USER '{READER}'@'%%' IDENTIFIED BY %s", READERS_PASSWORD)
    grants = manage(env, "grants", "--user", READER)
    assert grants.code == 0, grants.stderr
    node.execute(grants.stdout)


def _commands(web: Sequence[int]) -> dict[str, tuple[list[str], Callable[[Process], bool]]]:
    """Return for each process its command, and whether it works."""
    python = sys.executable
    gunicorn = [python, "-m", "gunicorn", "pciops.wsgi:application", "--no-control-socket"]
    commands: dict[str, tuple[list[str], Callable[[Process], bool]]] = {}
    for number, port in enumerate(web, 1):
        commands |= {
            f"web {number}": (
                [*gunicorn, "--bind", f"127.0.0.1:{port}", "--threads", "8"],
                _answers(port),
            ),
            f"worker {number}": ([python, "-c", _WORKER], _writes("start/process")),
            f"beat {number}": (
                [python, "-m", "celery", "-A", "pciops", "beat"],
                _writes("maxinterval"),
            ),
            f"consumer {number}": (
                [python, "manage.py", "consume_events"],
                _writes("connected to"),
            ),
        }
    return commands


def _answers(port: int) -> Callable[[Process], bool]:
    def answers(process: Process) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).ok
        except requests.RequestException:
            return False

    return answers


def _writes(text: str) -> Callable[[Process], bool]:
    """Return whether it has written this after each start."""
    return lambda process: process.output.count(text) >= process.starts
