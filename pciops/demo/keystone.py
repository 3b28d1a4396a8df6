"""A real Keystone from PyPI, in an environment of its own, on loopback."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pciops.demo import process
from pciops.demo.passwords import kept_password
from pciops.demo.process import ReportStep

REQUIREMENTS = Path(__file__).with_name("requirements-keystone.txt")
REGION = "RegionOne"

_CONF = """\
# Written at each start.
[DEFAULT]
log_file = {log}

[database]
connection = {database}

[cache]
enabled = true
backend = dogpile.cache.memory

[identity]
# The demo writes the ages of accounts into Keystone's tables; a cache would hide them until it
# expires. (An unlock by pciops needs no cache switched off.)
caching = false
# The minimum of bcrypt. The default of 12 costs a quarter of a second of CPU for each of about a
# hundred sign-ins, and the hashes of a demo need no protection.
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

# gunicorn reads its arguments before it makes the application; Keystone reads the remaining ones.
# With `driver = log`, each notification becomes a line of a separate file.
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
    """A Keystone with its files in a folder and its rows in a database.

    Attributes:
        url: http://127.0.0.1:<port>/v3, from `start` on.
        conf: its keystone.conf.
        admin_password: of the user `admin` in the domain `Default`, with the role `admin` on the
            system.
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
        report: ReportStep = lambda words: None,
    ) -> None:
        """Do nothing before `start`.

        Args:
            environment: the folder that `install` got.
            data: folder of this Keystone only.
            database: as SQLAlchemy spells it: `sqlite:////path`, `mysql+pymysql://…`.
            port: None for the port of the last start; a free port if it is taken.
            security_compliance: options of that section of keystone.conf.
            further: sections for the end of keystone.conf, verbatim.
            notifications: file for the notifications that `driver = log` writes, a line each.
            workers: processes; SQLite cannot use more than one.
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

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Prepare the database if necessary, and serve.

        Raises:
            DemoError: it does not start; the message has the last lines of the log.
        """
        last_url = self._prepared().get("url", "")
        with process.listen(self.port or urlsplit(last_url).port) as listener:
            self.prepare(f"http://127.0.0.1:{listener.getsockname()[1]}/v3")
            self.process = process.start(
                [
                    *(_python(self.environment), "-W", "ignore", "-c", _SERVE),
                    *("--worker-class", "gthread", "--threads", "8", "--workers", self.workers),
                    *("--graceful-timeout", "1", "--no-control-socket"),
                    # Loaded before the fork, so a Keystone that cannot start ends at once.
                    *("--preload", "--chdir", self.data, "--bind", f"fd://{listener.fileno()}"),
                    # Not keystone.wsgi.api, which releases before 26 do not have.
                    "keystone.server.wsgi:initialize_public_application()",
                ],
                env=self._env(),
                log=self.log,
                listener=listener,
            )
        tick = partial(self.report, "Starting Keystone")
        process.wait_until_answers(self.url, self.process, log=self.log, tick=tick)

    def prepare(self, url: str) -> None:
        """Make its files and its rows for this address, as far as they are missing."""
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.log.write_bytes(b"")
        self.admin_password = kept_password(self.data / "admin_password")
        self.url = url
        self._write_conf()
        self._prepare()

    def stop(self) -> None:
        """Stop the server if it runs."""
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
        self.conf.touch(mode=0o600)  # the database URL has a password
        self.conf.write_text(text, encoding="utf-8")

    @property
    def _stamp(self) -> Path:
        """Return the file that records the prepared release, database and address."""
        return self.data / "prepared.json"

    def _prepared(self) -> dict[str, str]:
        with suppress(OSError, ValueError):
            done: dict[str, str] = json.loads(self._stamp.read_text(encoding="utf-8"))
            return done
        return {}

    def _prepare(self) -> None:
        """Make tables, keys and the administrator, once for a release, database and address."""
        now = {
            "release": _release(REQUIREMENTS),
            "url": self.url,
            "database": hashlib.sha256(self.database.encode()).hexdigest(),
        }
        done = self._prepared() if self._has_database() else {}
        if done == now:
            return
        self._stamp.unlink(missing_ok=True)
        if {**done, "url": self.url} != now:
            self._manage("Creating Keystone's tables", "db_sync")
            self._manage("Creating Keystone's keys", "fernet_setup", *_ownership())
        self._bootstrap()
        self._stamp.write_text(json.dumps(now), encoding="utf-8")

    def _has_database(self) -> bool:
        scheme, _, path = self.database.partition(":///")
        return scheme != "sqlite" or Path(path).exists()

    def _bootstrap(self) -> None:
        """Make the administrator and the catalog; a repetition changes nothing."""
        urls = [f"--bootstrap-{kind}-url={self.url}" for kind in ("admin", "public", "internal")]
        self._manage(
            "Creating Keystone's administrator",
            *("bootstrap", "--bootstrap-username", "admin", "--bootstrap-project-name", "admin"),
            *("--bootstrap-region-id", REGION, *urls),
            # Not an argument: every user of the machine can see those.
            env={**self._env(), "OS_BOOTSTRAP_PASSWORD": self.admin_password},
        )

    def _manage(self, words: str, *arguments: str, env: dict[str, str] | None = None) -> None:
        program = "from keystone.cmd.manage import main; main()"
        process.run(
            words,
            [
                *(_python(self.environment), "-W", "ignore", "-c", program),
                *("--config-file", self.conf, *arguments),
            ],
            env=env or self._env(),
            log=self.log,
            report=self.report,
        )


def _plain(value: str | Path | int) -> str:
    """Return the value as oslo.config reads it back: a dollar sign refers to another option."""
    return str(value).replace("$", "$$")


def _ownership() -> list[str]:
    """Return the owner of the keys, which fernet_setup demands from root."""
    if os.geteuid() != 0:
        return []
    return ["--keystone-user", "0", "--keystone-group", "0"]


# --- Installation -------------------------------------------------------------------------------
def install(environment: Path, report: ReportStep, *, requirements: Path = REQUIREMENTS) -> None:
    """Install Keystone in this environment, unless these versions are there and run.

    A copy of the requirements in the environment records the versions. It is written last, so an
    interrupted installation is repeated.

    Raises:
        DemoError: the environment cannot be made, or pip fails.
    """
    environment.parent.mkdir(parents=True, exist_ok=True)
    with environment.with_name(f"{environment.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # parallel tests may install it at the same time
        _install(environment, report, requirements)


def _install(environment: Path, report: ReportStep, requirements: Path) -> None:
    stamp = environment / requirements.name
    current = stamp.is_file() and stamp.read_bytes() == requirements.read_bytes()
    if current and _imports(environment, "keystone"):
        return
    shutil.rmtree(environment, ignore_errors=True)
    env = process.environment(PIP_USER="0", PIP_DISABLE_PIP_VERSION_CHECK="1")
    log = environment.with_name(f"{environment.name}-install.log")
    log.write_bytes(b"")
    words = f"Installing Keystone {_release(requirements).removeprefix('keystone==')} from PyPI"
    run = partial(process.run, words, env=env, log=log, report=report)
    run([sys.executable, "-m", "venv", environment])
    pip = [_python(environment), "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
    run([*pip, "--quiet", "--require-hashes", "-r", requirements])
    shutil.copyfile(requirements, stamp)
    log.unlink()


def release() -> str:
    """Return the version of the demo's Keystone."""
    return _release(REQUIREMENTS).removeprefix("keystone==")


def _release(requirements: Path) -> str:
    lines = requirements.read_text(encoding="utf-8").splitlines()
    return next(line.split()[0] for line in lines if line.startswith("keystone=="))


def is_installed(environment: Path) -> bool:
    """Return whether the Keystone in this environment can run."""
    return _imports(environment, "gunicorn, keystone.server.wsgi")


def _imports(environment: Path, modules: str) -> bool:
    command = [str(_python(environment)), "-c", f"import {modules}"]
    try:
        probe = subprocess.run(command, env=process.environment(), capture_output=True, check=False)
    except OSError:
        return False  # the file is missing, or cannot be run
    return probe.returncode == 0


def _python(environment: Path) -> Path:
    # Programs are run by `python -m`. The scripts in bin begin with the path of their Python,
    # which may not contain a blank, and which is wrong after the folder was moved.
    return environment / "bin" / "python"
