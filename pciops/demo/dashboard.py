"""pciops itself as the demo serves it: its own database and files, and none of our settings."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from urllib.parse import quote

from django.conf import settings

from pciops.demo import process
from pciops.demo.process import Report

CLOUD_NAME = "Demo cloud"
MAILS = "mails"  # notices become files in this folder, and go to nobody


class Dashboard:
    """The dashboard in front of one Keystone.

    Attributes:
        url: http://127.0.0.1:<port>/, from `start` on.
        process: the running server.
    """

    def __init__(self, data: Path, *, auth_url: str, keystone_conf: Path, database: Path) -> None:
        """Nothing is done before `start`.

        Args:
            data: folder of its database, static files and log.
            database: Keystone's SQLite file.
        """
        self.data = data
        self.log = data / "pciops.log"
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None
        self.env = process.environment(
            PCIOPS_VAR=str(data),
            PCIOPS_DATABASE_URL=f"sqlite:///{quote(str(data / 'pciops.sqlite3'))}",
            PCIOPS_KEYSTONE_DATABASE_URL=f"sqlite:///{quote(str(database))}",
            PCIOPS_KEYSTONE_CONF=str(keystone_conf),
            PCIOPS_HTTPS="no",
            PCIOPS_CLOUD_NAME=CLOUD_NAME,
            PCIOPS_EMAIL_URL=f"file://{quote(str(data / MAILS))}",
            PCIOPS_MAIL_FROM=f"{CLOUD_NAME} <pciops@demo.example>",
            PCIOPS_DIGEST_RECIPIENTS="operators@demo.example",
            PCIOPS_DIGEST_HOUR="0",
            OS_AUTH_URL=auth_url,
            DJANGO_SETTINGS_MODULE="pciops.demo.settings",
        )

    def start(self, port: int | None, report: Report) -> None:
        """Prepare what has to be, and serve on this port, or a free one where it is taken.

        Raises:
            DemoError: with the last lines of the log; nothing is left running then.
        """
        self.log.write_bytes(b"")
        for words, *command in (
            ("Making pciops' tables", "migrate", "--verbosity", "0"),
            ("Collecting static files", "collectstatic", "--noinput", "--verbosity", "0"),
            ("Counting the accounts of the days before", "demo_past"),
            ("Counting the accounts", "census"),
            ("Building last week's report", "report", *("--output", self.data / "report.html")),
            ("Writing the mails that are due", "send_notices"),
        ):
            process.run(
                words,
                [sys.executable, settings.ROOT / "manage.py", *command],
                env=self.env,
                log=self.log,
                tick=partial(report, words),
            )
        listener = process.listen(port)
        try:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
            self.process = process.start(
                [
                    # Not --preload: what is open in SQLite when a process forks loses its locks,
                    # and with them the file. pciops.wsgi ends a server that cannot start anyway.
                    *(sys.executable, "-m", "gunicorn", "--no-control-socket"),
                    *("--worker-class", "gthread", "--workers", "2", "--threads", "4"),
                    *("--graceful-timeout", "1", "--chdir", settings.ROOT),
                    *("--bind", f"fd://{listener.fileno()}", "pciops.wsgi:application"),
                ],
                env=self.env,
                log=self.log,
                listener=listener,
            )
        finally:
            listener.close()
        try:
            process.wait_until_answers(
                f"{self.url}healthz",
                self.process,
                log=self.log,
                tick=lambda: report("Starting the dashboard"),
            )
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server; one that is not running is fine."""
        if self.process is not None:
            process.stop(self.process, by=process.QUICKLY)
            self.process = None
