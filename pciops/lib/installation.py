"""Checks of what pciops itself stands on: settings, its database, broker, files, secret key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core import checks
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor

from pciops.celery import app
from pciops.lib import env
from pciops.lib.doctor import TIMEOUT, Finding, check, ok, problem, warning

# What Django says to PCIOPS_HTTPS=no, in three long warnings.
_OF_HTTP: Final = {"security.W004", "security.W010", "security.W016"}


@check("settings")
def configured() -> Iterator[Finding]:
    """Django's and our own system checks, those for production among them."""
    said = False
    if not settings.HTTPS:
        said = True
        yield warning(
            "Cookies and pages go over plain HTTP: who is on the way reads them.",
            "Put a proxy with TLS in front, and leave PCIOPS_HTTPS alone.",
        )
    for message in checks.run_checks(include_deployment_checks=True):
        if message.is_silenced() or (not settings.HTTPS and message.id in _OF_HTTP):
            continue
        said = True
        level = problem if message.level >= checks.ERROR else warning
        yield level(f"{message.id}: {message.msg}", str(message.hint or "See manage.py check."))
    if not said:
        yield ok("Nothing to object to.")


@check("database")
def database() -> Iterator[Finding]:
    """Our own: it answers, and its tables are those of this version."""
    try:
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except (DatabaseError, InterfaceError) as error:
        yield problem(
            f"pciops' own database does not answer: {error.args[-1] if error.args else error}.",
            "Look at PCIOPS_DATABASE_URL and at the server that it names.",
        )
        return
    if plan:
        first = plan[0][0]
        yield problem(
            f"Its tables are of an older version: {len(plan)} migrations have not been run, first "
            f"of them {first.app_label}.{first.name}.",
            "manage.py migrate",
        )
    else:
        yield ok(
            f"It answers ({connection.display_name}), and its tables are those of this version."
        )


@check("broker")
def broker() -> Iterator[Finding]:
    """Messages to workers get away."""
    url: str = settings.CELERY_BROKER_URL
    if url.startswith("filesystem:"):
        folder = Path(settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_out"])
        if os.access(folder, os.W_OK):
            yield ok("Messages are files: enough for one machine.")
        else:
            yield problem(
                f"Messages are files, and {folder} cannot be written to.",
                "Give the folder to the user that pciops runs as.",
            )
        return
    try:
        with app.connection_for_write(connect_timeout=TIMEOUT) as link:
            link.connect()
            name = link.as_uri()  # without the password
    except Exception as error:  # what kombu and its transports raise has no base of its own
        yield problem(
            f"The broker does not answer: {type(error).__name__}: {error}.",
            "Look at PCIOPS_BROKER_URL and at the RabbitMQ that it names. The site works without "
            "it; tasks, such as the census, are not done.",
        )
    else:
        yield ok(f"{name} answers.")


@check("static files")
def static_files() -> Iterator[Finding]:
    """Each file that a page may name was collected."""
    if not hasattr(staticfiles_storage, "manifest_name"):
        yield ok("They are served as they lie.")
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
            f"{len(missing)} are not collected, {missing[0]} among them.",
            "manage.py collectstatic --noinput, then start the site anew.",
        )
    else:
        yield ok("All of them are collected.")


@check("secret key")
def secret_key() -> Iterator[Finding]:
    """It comes from a file that nobody else can read."""
    name = env.text("PCIOPS_SECRET_KEY_FILE")
    if not name and env.text("PCIOPS_SECRET_KEY"):
        yield warning(
            "It stands in the environment, which every child process inherits.",
            "Put it into a file of mode 0600, and name that in PCIOPS_SECRET_KEY_FILE.",
        )
        return
    path = Path(name) if name else settings.VAR / "secret_key"
    mode = path.stat().st_mode if path.exists() else 0
    if mode & 0o077:
        yield warning(f"{path} can be read by others (mode {mode & 0o777:o}).", f"chmod 600 {path}")
    else:
        kept = "" if name else "; with several machines, each needs the same one"
        yield ok(f"It comes from {path}{kept}.")
