"""Django's migrate, only for pciops' own database."""

from __future__ import annotations

from django.core.management.base import CommandParser
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS


class Command(migrate.Command):
    """The command without Keystone's databases, where it would create `django_migrations`."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        for action in parser._actions:
            if action.dest == "database":
                action.choices = (DEFAULT_DB_ALIAS,)
