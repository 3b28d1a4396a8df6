"""pciops as the demo runs it: site, Celery worker and consumer, with settings of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

from django.conf import settings

from pciops.demo import keystone, process
from pciops.demo.process import ReportStep

CLOUD_NAME = "Demo cloud"
MAILS = "mails"  # notices become files in this folder; none is sent


class Dashboard:
    """The site in front of one Keystone.

    Attributes:
        url: http://127.0.0.1:<port>/, from `start` on.
        process: the running server.
    """

    def __init__(self, data: Path, *, auth_url: str, keystone_conf: Path, database: Path) -> None:
        """Do nothing before `start`.

        Args:
            data: folder of its database, static files and log.
            database: Keystone's SQLite file.
        """
        self.data = data
        self.log = data / "pciops.log"
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.env = process.environment(
            PCIOPS_ENV_FILE=os.devnull,
            PCIOPS_VAR=str(data),
            PCIOPS_DATABASE_URL=f"sqlite:///{quote(str(data / 'pciops.sqlite3'))}",
            PCIOPS_KEYSTONE_DATABASE_URL=f"sqlite:///{quote(str(database))}",
            PCIOPS_KEYSTONE_CONF=str(keystone_conf),
            PCIOPS_KEYSTONE_RELEASE=keystone.release(),
            PCIOPS_HTTPS="no",
            PCIOPS_CLOUD_NAME=CLOUD_NAME,
            PCIOPS_EMAIL_URL=f"file://{quote(str(data / MAILS))}",
            PCIOPS_MAIL_FROM=f"{CLOUD_NAME} <pciops@demo.example>",
            PCIOPS_DIGEST_RECIPIENTS="operators@demo.example",
            PCIOPS_DIGEST_HOUR="0",
            PCIOPS_NOTICE_DOMAINS=str(Path(__file__).with_name("domains.toml")),
            OS_AUTH_URL=auth_url,
            DJANGO_SETTINGS_MODULE="pciops.demo.settings",
        )

    def start(self, port: int | None, report: ReportStep) -> None:
        """Prepare the database and files, and serve on this port, or a free one if it is taken.

        Raises:
            DemoError: it does not start; the message has the last lines of the log.
        """
        self.log.write_bytes(b"")
        for words, *command in (
            ("Creating pciops' tables", "migrate", "--verbosity", "0"),
            ("Collecting static files", "collectstatic", "--noinput", "--verbosity", "0"),
            ("Counting the accounts of the days before", "demo_past"),
            ("Counting the accounts", "census"),
            ("Building last week's report", "report", *("--output", self.data / "report.html")),
            ("Writing the emails that are due", "send_notices"),
        ):
            process.run(
                words,
                [sys.executable, settings.ROOT / "manage.py", *command],
                env=self.env,
                log=self.log,
                report=report,
            )
        with process.listen(port) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            self.process = process.start(
                [
                    # Not --preload: SQLite connections must not be carried across a fork.
                    # pciops.wsgi ends a server that cannot start.
                    *(sys.executable, "-m", "gunicorn", "--no-control-socket"),
                    *("--worker-class", "gthread", "--workers", "2", "--threads", "4"),
                    *("--graceful-timeout", "1", "--chdir", settings.ROOT),
                    *("--bind", f"fd://{listener.fileno()}", "pciops.wsgi:application"),
                ],
                env=self.env,
                log=self.log,
                listener=listener,
            )
        tick, health = partial(report, "Starting the dashboard"), f"{self.url}healthz"
        process.wait_until_answers(health, self.process, log=self.log, tick=tick)

    def stop(self) -> None:
        """Stop the server if it runs."""
        if self.process is not None:
            process.stop(self.process, by=process.QUICKLY)
            self.process = None


class Worker:
    """A program beside the site: the Celery worker or the consumer."""

    def __init__(self, log: Path, env: Mapping[str, str], command: Sequence[object]) -> None:
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.env = env
        self.command = command

    def start(self) -> None:
        self.log.write_bytes(b"")
        self.process = process.start(self.command, env=self.env, log=self.log)

    def stop(self) -> None:
        """Stop it if it runs. It may be killed after a second: it loses nothing."""
        if self.process is not None:
            process.stop(self.process, by=signal.SIGTERM, patience=1)
            self.process = None


def celery_worker(data: Path, env: Mapping[str, str]) -> Worker:
    """Return a Celery worker with the timetable; its broker is a folder below `data`."""
    command = [
        *(sys.executable, "-m", "celery", "-A", "pciops", "--workdir", settings.ROOT),
        *("--quiet", "worker", "--beat", "--pool", "solo"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]
    return Worker(data / "worker.log", env, command)


def consumer(data: Path, env: Mapping[str, str], notifications: Path) -> Worker:
    """Return a consumer that reads Keystone's notifications from this file."""
    command = [sys.executable, settings.ROOT / "manage.py", "demo_feed", notifications]
    return Worker(data / "consumer.log", env, command)
