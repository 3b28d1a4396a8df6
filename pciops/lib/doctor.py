"""The checks of a running installation: their registry, and those of pciops itself.

Each package registers its own checks in a module `doctor`:

    @check("clocks", after="database")
    def clocks() -> Iterator[CheckResult]:
        yield ok("The clocks agree.")

Checks that need only the settings are Django's system checks: `pciops check`.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core import checks
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.module_loading import autodiscover_modules

from pciops.lib import charset, env, galera, shared_cache, times
from pciops.lib.numbers import counted

log = logging.getLogger(__name__)

TIMEOUT: Final = 5  # seconds that a check waits for an answer
BEFORE: Final = 20  # seconds within which checks begin for a page or the API
ENOUGH_NODES: Final = 3  # of a Galera cluster: the loss of one leaves a majority


class CheckLevel(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The result of a check in a sentence, and the remedy. Neither contains a secret."""

    level: CheckLevel
    sentence: str
    remedy: str = ""
    check: str = ""  # set by `run`


CheckFunction = Callable[[], Iterable[CheckResult]]


def ok(sentence: str) -> CheckResult:
    return CheckResult(level=CheckLevel.OK, sentence=sentence)


def warning(sentence: str, remedy: str) -> CheckResult:
    return CheckResult(level=CheckLevel.WARNING, sentence=sentence, remedy=remedy)


def problem(sentence: str, remedy: str) -> CheckResult:
    return CheckResult(level=CheckLevel.PROBLEM, sentence=sentence, remedy=remedy)


LATE: Final = warning(
    f"Not checked: earlier checks took more than {BEFORE} seconds.",
    "Run pciops doctor. It waits for every check.",
)


@dataclass(frozen=True, kw_only=True)
class _Check:
    run: CheckFunction
    after: str
    by_command: bool


_checks: dict[str, _Check] = {}  # by name, in the order of registration


def check(
    name: str, *, after: str = "", by_command: bool = False
) -> Callable[[CheckFunction], CheckFunction]:
    """Register a check.

    Args:
        after: the name of another check; if that has a problem, this one is skipped.
        by_command: the check is about the user of the command, so pages leave it out.
    """

    def register(function: CheckFunction) -> CheckFunction:
        _checks[name] = _Check(run=function, after=after, by_command=by_command)
        return function

    return register


def run(*, by_command: bool = False) -> list[CheckResult]:
    """Return the results of all checks. A check that raises an exception is a problem itself.

    Args:
        by_command: run all checks. For pages and the API, those that have not begun after `BEFORE`
            are warnings, because somebody waits for the answer.
    """
    autodiscover_modules("doctor")
    began = time.monotonic()
    results: list[CheckResult] = []
    failed: set[str] = set()
    for name, registered in _checks.items():
        if registered.by_command and not by_command:
            continue
        if registered.after in failed:
            failed.add(name)
            continue
        late = not by_command and time.monotonic() - began > BEFORE
        found = [LATE] if late else _run_one(name, registered)
        own = [replace(result, check=name) for result in found]
        if any(result.level is CheckLevel.PROBLEM for result in own):
            failed.add(name)
        results += own
    return results


def as_dict(results: Iterable[CheckResult], now: datetime) -> dict[str, Any]:
    """Return the results as the API and `--format json` have them."""
    rows = [
        {
            "check": result.check,
            "level": result.level,
            "finding": result.sentence,
            "remedy": result.remedy,
        }
        for result in results
    ]
    return {"checked_at": times.iso(now), "findings": rows}


def worst(results: Iterable[CheckResult]) -> CheckLevel:
    """Return the worst level among the results."""
    levels = {result.level for result in results}
    by_severity = (CheckLevel.PROBLEM, CheckLevel.WARNING)
    return next((level for level in by_severity if level in levels), CheckLevel.OK)


def summary(results: Iterable[CheckResult]) -> str:
    """Return `2 problems, 1 warning, 9 in order`."""
    numbers = Counter(result.level for result in results)
    by_severity = (CheckLevel.PROBLEM, CheckLevel.WARNING)
    parts = [counted(numbers[level], level) for level in by_severity if numbers[level]]
    return ", ".join([*parts, f"{numbers[CheckLevel.OK]} OK"])


def _run_one(name: str, registered: _Check) -> Iterable[CheckResult]:
    try:
        return list(registered.run())
    except Exception as error:  # the other checks still have to run
        log.exception("the check %r failed", name)
        reason = f"The check failed: {type(error).__name__}."
        return [problem(reason, "This is a bug in pciops. The log has the traceback.")]


# --- The checks of pciops itself ----------------------------------------------------------------
# Django's three long warnings about PCIOPS_HTTPS=no, which has one warning of its own here.
_PLAIN_HTTP: Final = {"security.W004", "security.W010", "security.W016"}


@check("settings")
def configuration() -> Iterator[CheckResult]:
    """Run the system checks, with those for production."""
    in_order = settings.HTTPS
    if not settings.HTTPS:
        yield warning(
            "Cookies and pages travel over plain HTTP, so others on the network can read them.",
            "Put a proxy with TLS in front, and unset PCIOPS_HTTPS.",
        )
    for message in checks.run_checks(include_deployment_checks=True):
        if message.is_silenced() or (not settings.HTTPS and message.id in _PLAIN_HTTP):
            continue
        in_order = False
        result = problem if message.level >= checks.ERROR else warning
        yield result(f"{message.id}: {message.msg}", str(message.hint or "Run pciops check."))
    if in_order:
        yield ok("No problems found.")


@check("database")
def database() -> Iterator[CheckResult]:
    """Check that pciops' database answers and that all migrations have run."""
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except (DatabaseError, InterfaceError) as error:
        yield problem(
            f"pciops' own database does not answer: {error.args[-1] if error.args else error}.",
            "Check PCIOPS_DATABASE_URL and the server that it names.",
        )
        return
    if plan:
        first = plan[0][0]
        yield problem(
            f"Its tables are out of date: {len(plan)} migrations have not been run. The first is "
            f"{first.app_label}.{first.name}.",
            "Run pciops migrate.",
        )
    elif wrong := charset.problem():
        yield problem(wrong, "Run that SQL, then restart all services.")
    else:
        yield ok(f"It answers ({connection.display_name}), and its tables are up to date.")


@check("database server", after="database")
def database_server() -> Iterator[CheckResult]:
    """Check that pciops' database takes writes, and its cluster if it is a node of Galera."""
    if _is_read_only():
        yield problem(
            "The server is read-only, so pciops can't record anything. It may be a replica.",
            "Set PCIOPS_DATABASE_URL to a server that accepts writes.",
        )
        return
    node = galera.node(connection)
    if node is None:
        yield ok("It accepts writes.")
        return
    sees = f"Galera: {node.name} is {node.state} and sees {counted(node.nodes, 'node')}"
    if node.state != "Synced":
        yield warning(f"{sees}. Its data may be out of date.", "Wait until the node is Synced.")
    elif node.nodes < ENOUGH_NODES:
        yield warning(
            f"{sees}. If another node fails, none may answer.",
            "Start the missing nodes: a cluster needs at least three.",
        )
    else:
        yield ok(f"{sees}.")


def _is_read_only() -> bool:
    statements = {"mysql": "SELECT @@GLOBAL.read_only", "postgresql": "SELECT pg_is_in_recovery()"}
    if connection.vendor not in statements:
        return False
    with connection.cursor() as cursor:
        cursor.execute(statements[connection.vendor])
        return cursor.fetchone()[0] not in (0, False, "OFF")  # MariaDB 12 has more values than 1


_BROKER_REMEDY: Final = (
    "Check PCIOPS_BROKER_URL and the RabbitMQ that it names. The site works without it, but "
    "tasks such as the census don't run."
)


@check("broker")
def broker() -> Iterator[CheckResult]:
    """Check that messages can be sent to workers."""
    # Also creates the folders of messages that are files.
    from pciops.celery import app  # noqa: PLC0415 (its start runs the checks, which import this)

    url: str = settings.CELERY_BROKER_URL
    if url.startswith("filesystem:"):
        folder = Path(settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_out"])
        if os.access(folder, os.W_OK):
            yield ok("Messages are files, which is enough for one machine.")
        else:
            yield problem(
                f"Messages are files, and pciops can't write to {folder}.",
                "Give the folder to the user that runs pciops.",
            )
        return
    nodes = url.split(";")
    answers = 0
    for node in nodes:
        with app.connection_for_write(node, connect_timeout=TIMEOUT) as link:
            name = link.as_uri()  # without the password
            try:
                link.connect()
            except Exception as error:  # the exceptions of kombu's transports have no common base
                yield (warning if len(nodes) > 1 else problem)(
                    f"{name} does not answer: {type(error).__name__}: {error}.", _BROKER_REMEDY
                )
            else:
                answers += 1
                yield ok(f"{name} answers.")
    if len(nodes) > 1 and not answers:
        yield problem("None of the nodes answers.", _BROKER_REMEDY)


@check("shared cache")
def cache() -> Iterator[CheckResult]:
    """Check that the cache server keeps what it is given, if there is one."""
    server = settings.CACHE_SERVER
    if server is None:
        yield ok("Each process reads on its own what its pages share.")
    elif reason := shared_cache.error():
        yield warning(
            f"{server} does not answer: {reason}. {shared_cache.ALONE}",
            "Check PCIOPS_CACHE_URL and the server that it names.",
        )
    else:
        yield ok(f"{server} answers. All processes share what their pages read.")


@check("static files")
def static_files() -> Iterator[CheckResult]:
    """Check that every static file has been collected."""
    if not hasattr(staticfiles_storage, "manifest_name"):
        yield ok("They are served without collectstatic.")
        return
    missing = []
    for finder in get_finders():
        for name, _ in finder.list([]):
            try:
                staticfiles_storage.url(name)
            except ValueError:
                missing.append(name)
    if missing:
        yield problem(
            f"{len(missing)} are not collected, for example {missing[0]}.",
            "Run pciops collectstatic --noinput, then restart the site.",
        )
    else:
        yield ok("All are collected.")


@check("secret key")
def secret_key() -> Iterator[CheckResult]:
    """Check that the key comes from a file that only its owner can read."""
    name = env.text("PCIOPS_SECRET_KEY_FILE")
    if env.text("PCIOPS_SECRET_KEY"):
        yield warning(
            "It is in the environment, which every child process inherits.",
            "Put it in a file with mode 0600, and set PCIOPS_SECRET_KEY_FILE to its path.",
        )
        return
    if not name and env.credential("PCIOPS_SECRET_KEY"):
        # Its mode may have the bits of an access list, which lets in only the service's user.
        yield ok("It is a systemd credential.")
        return
    old = env.text("PCIOPS_SECRET_KEY_FALLBACKS_FILE")
    path = Path(name) if name else settings.VAR / env.SECRET_KEY_FILE
    in_order = True
    for file in (path, Path(old) if old else settings.VAR / env.FALLBACKS_FILE):
        mode = file.stat().st_mode if file.exists() else 0
        if mode & 0o077:
            in_order = False
            yield warning(
                f"Other users can read {file} (mode {mode & 511:o}).", f"Run chmod 600 {file}"
            )
    if in_order:
        kept = "" if name else ". Every machine needs the same key"
        number = len(settings.SECRET_KEY_FALLBACKS)
        fallbacks = f" pciops also accepts {counted(number, 'old key')}." if number else ""
        yield ok(f"It comes from {path}{kept}.{fallbacks}")


@check("files")
def files() -> Iterator[CheckResult]:
    """Check that no other user of the host can read our files: sessions and sealed tokens."""
    database_file = Path(str(connection.settings_dict["NAME"]))
    of_database = connection.vendor == "sqlite" and database_file.is_file()
    in_order = True
    for path, right in [(settings.VAR, 0o700), *([(database_file, 0o600)] if of_database else [])]:
        mode = path.stat().st_mode if path.exists() else 0
        if mode & 0o077:
            in_order = False
            yield problem(
                f"Other users of the host can access {path} (mode {mode & 511:o}).",
                f"Run chmod {right:o} {path}",
            )
    if in_order:
        yield ok(f"Only its owner can access {settings.VAR} and the files in it.")
