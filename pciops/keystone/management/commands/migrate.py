"""Django's migrate, only for pciops' own database."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, DatabaseError
from django.db.migrations.loader import MigrationLoader

from pciops.lib import charset


class Command(migrate.Command):
    """The command without Keystone's databases, where it would create `django_migrations`."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        for action in parser._actions:
            if action.dest == "database":
                action.choices = (DEFAULT_DB_ALIAS,)

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, unless the tables would not hold every character."""
        _require_known(options["app_label"], options["migration_name"])
        try:
            problem = charset.problem()
        except DatabaseError as error:
            reason = error.args[-1] if error.args else error
            raise CommandError(f"pciops' own database does not answer: {reason}") from None
        if problem:
            raise CommandError(problem)
        super().handle(*args, **options)


def _require_known(label: str | None, name: str | None) -> None:
    """Raise CommandError with exit code 2 for an app or a migration that does not exist."""
    if label and label not in apps.app_configs:
        raise CommandError(f"There is no app {label!r}.", returncode=2)
    migrations = MigrationLoader(None).disk_migrations if name and name != "zero" else {}
    if migrations and not any(
        app == label and key.startswith(name or "") for app, key in migrations
    ):
        raise CommandError(f"{label} has no migration {name!r}.", returncode=2)
