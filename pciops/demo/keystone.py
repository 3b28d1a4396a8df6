"""A real Keystone from PyPI, in an environment of its own, on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from pciops.demo import process
from pciops.demo.installation import RELEASE, install, is_installed, python
from pciops.demo.passwords import kept_password
from pciops.demo.process import Report

__all__ = ["RELEASE", "Keystone", "install", "is_installed"]

REGION = "RegionOne"

_CONF = """\
# Written anew at each start.
[DEFAULT]
log_file = {log}

[database]
connection = {database}

[cache]
enabled = true
backend = dogpile.cache.memory

[identity]
# Rows of accounts are written behind Keystone's back: by an unlock, and by the demo's ageing.
# An unlock needs no cache switched off, but the ageing would not be seen before it expires.
caching = false
# The least that bcrypt takes. The default of 12 makes each of some hundred sign-ins, real and
# failed, cost a quarter of a second of computing, and nobody attacks the hashes of a demo.
password_hash_rounds = 4

[auth]
# Its default has no totp.
methods = password,token,application_credential,totp

[token]
provider = fernet

[fernet_tokens]
key_repository = {data}/fernet-keys

[fernet_receipts]
key_repository = {data}/fernet-keys

[credential]
key_repository = {data}/credential-keys

[security_compliance]
{security_compliance}

{further}
"""

# gunicorn has read its arguments when it makes the application; Keystone reads what is left.
# Where it has `driver = log`, each notification becomes a line of a file of its own.
_SERVE = """\
import logging, os, sys
if path := os.environ.get("DEMO_NOTIFICATIONS"):
    notifications = logging.getLogger("oslo.messaging.notification")
    notifications.addHandler(logging.FileHandler(path, encoding="utf-8"))
    notifications.setLevel(logging.INFO)
    notifications.propagate = False
from gunicorn.app.wsgiapp import WSGIApplication
server = WSGIApplication()
del sys.argv[1:]
server.run()
"""


class Keystone:
    """One Keystone: its files in a folder, its rows in a database, served while it is started.

    Attributes:
        url: http://127.0.0.1:<port>/v3, from `start` on.
        conf: its keystone.conf.
        admin_password: of the user `admin` in the domain `Default`, who has the role `admin` on
            the system.
        process: the running server.
    """

    def __init__(
        self,
        environment: Path,
        data: Path,
        *,
        database: str,
        port: int | None = None,
        security_compliance: Mapping[str, str | int] | None = None,
        workers: int = 1,
        further: str = "",
        notifications: Path | None = None,
        report: Report = lambda words: None,
    ) -> None:
        """Nothing is done before `start`.

        Args:
            environment: where `install` put Keystone.
            data: folder of this Keystone alone.
            database: in SQLAlchemy's spelling: `sqlite:////path`, `mysql+pymysql://…`.
            port: None for that of the last start; a free one where it is taken.
            security_compliance: options of that section of keystone.conf.
            further: sections for the end of keystone.conf, as they are.
            notifications: file for what `driver = log` writes, a line each.
            workers: processes that answer; SQLite has no use for a second one.
        """
        self.environment = environment.resolve()
        self.data = data.resolve()
        self.database = database
        self.port = port
        self.security_compliance = dict(security_compliance or {})
        self.workers = workers
        self.further = further
        self.notifications = notifications
        self.report = report
        self.url = ""
        self.conf = self.data / "keystone.conf"
        self.log = self.data / "keystone.log"
        self.admin_password = ""
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Prepare the database where that has not been done, and serve.

        Raises:
            DemoError: with the last lines of the log; nothing is left running then.
        """
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.log.write_bytes(b"")
        self.admin_password = kept_password(self.data / "admin_password")
        listener = process.listen(self.port or self._last_port())
        try:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/v3"
            self._write_conf()
            self._prepare()
            self.process = process.start(
                [
                    *(python(self.environment), "-W", "ignore", "-c", _SERVE),
                    *("--worker-class", "gthread", "--threads", "8", "--workers", self.workers),
                    *("--graceful-timeout", "1", "--no-control-socket"),
                    # Loaded before it forks: so a Keystone that cannot start ends at once.
                    *("--preload", "--chdir", self.data, "--bind", f"fd://{listener.fileno()}"),
                    # Not keystone.wsgi.api, which releases before 26 have not.
                    "keystone.server.wsgi:initialize_public_application()",
                ],
                env=self._env(),
                log=self.log,
                listener=listener,
            )
        finally:
            listener.close()  # the server has its own copy, and where it ends nobody listens
        try:
            process.wait_until_answers(
                self.url, self.process, log=self.log, tick=lambda: self.report("Starting Keystone")
            )
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server; one that is not running is fine."""
        if self.process is not None:
            process.stop(self.process, by=process.QUICKLY)
            self.process = None

    def _env(self) -> dict[str, str]:
        env = process.environment(
            OS_KEYSTONE_CONFIG_DIR=str(self.data), OS_KEYSTONE_CONFIG_FILES=self.conf.name
        )
        if self.notifications:
            env["DEMO_NOTIFICATIONS"] = str(self.notifications)
        return env

    def _write_conf(self) -> None:
        text = _CONF.format(
            log=_plain(self.log),
            data=_plain(self.data),
            database=_plain(self.database),
            security_compliance="\n".join(
                f"{option} = {_plain(value)}" for option, value in self.security_compliance.items()
            ),
            further=self.further,
        )
        self.conf.touch(mode=0o600)  # the database's address holds a password
        self.conf.write_text(text, encoding="utf-8")

    @property
    def _stamp(self) -> Path:
        """Says what has been prepared, for which release, database and address."""
        return self.data / "prepared.json"

    def _prepared(self) -> dict[str, str]:
        with suppress(OSError, ValueError):
            done: dict[str, str] = json.loads(self._stamp.read_text(encoding="utf-8"))
            return done
        return {}

    def _last_port(self) -> int | None:
        """The one of the last start: the catalogue has it, and need not be changed then."""
        return urlsplit(self._prepared().get("url", "")).port

    def _prepare(self) -> None:
        """Tables, keys, the administrator: once for a release, a database and an address."""
        now = {
            "release": RELEASE,
            "url": self.url,
            "database": hashlib.sha256(self.database.encode()).hexdigest(),
        }
        done = self._prepared() if self._has_database() else {}
        if done == now:
            return
        self._stamp.unlink(missing_ok=True)
        if {**done, "url": self.url} != now:
            self._manage("Making Keystone's tables", "db_sync")
            self._manage("Making Keystone's keys", "fernet_setup", *_ownership())
        self._bootstrap()
        self._stamp.write_text(json.dumps(now), encoding="utf-8")

    def _has_database(self) -> bool:
        scheme, _, path = self.database.partition(":///")
        return scheme != "sqlite" or Path(path).exists()

    def _bootstrap(self) -> None:
        """The administrator, and the catalogue with our address; repeating it changes nothing."""
        urls = [f"--bootstrap-{kind}-url={self.url}" for kind in ("admin", "public", "internal")]
        self._manage(
            "Making Keystone's administrator",
            *("bootstrap", "--bootstrap-username", "admin", "--bootstrap-project-name", "admin"),
            *("--bootstrap-region-id", REGION, *urls),
            # Not an argument: those are for every user of the machine to see.
            env={**self._env(), "OS_BOOTSTRAP_PASSWORD": self.admin_password},
        )

    def _manage(self, words: str, *arguments: str, env: dict[str, str] | None = None) -> None:
        program = "from keystone.cmd.manage import main; main()"
        process.run(
            words,
            [
                *(python(self.environment), "-W", "ignore", "-c", program),
                *("--config-file", self.conf, *arguments),
            ],
            env=env or self._env(),
            log=self.log,
            tick=lambda: self.report(words),
        )


def _plain(value: str | Path | int) -> str:
    """The value as oslo.config reads it back: a dollar sign would begin another option's name."""
    return str(value).replace("$", "$$")


def _ownership() -> list[str]:
    """As root, fernet_setup asks whom the keys are to belong to."""
    if os.geteuid() != 0:
        return []
    return ["--keystone-user", "0", "--keystone-group", "0"]
