"""Django's migrate, only for pciops' own database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, DatabaseError

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
        try:
            problem = charset.problem()
        except DatabaseError as error:
            reason = error.args[-1] if error.args else error
            raise CommandError(f"pciops' own database does not answer: {reason}") from None
        if problem:
            raise CommandError(problem)
        super().handle(*args, **options)
