"""Prints the SQL that grants pciops' login its rights in Keystone's database."""

from __future__ import annotations

import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from pciops.keystone import grants

_NOTE = "-- A new password for {}. A login that exists keeps its own."


class Command(BaseCommand):
    help = (
        "Print the SQL for a least-privilege login in Keystone's MariaDB or MySQL database. The "
        "login reads the columns that pciops needs, never password_hash, and updates two columns "
        "of local_user. Run the SQL as the database's administrator."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--database", help="default: keystone, or with --ours pciops")
        parser.add_argument("--user", default="pciops", help="default: %(default)s")
        parser.add_argument("--unlock-user", help="a second login, only for the unlock's UPDATE")
        parser.add_argument(
            "--ours",
            action="store_true",
            help="for pciops' own database: the login of the site and the workers, which can "
            "insert evidence but not change or delete it. Migrations use another login.",
        )
        parser.add_argument(
            "--host", default="%", help="the host it connects from; default: %(default)s"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        user, host = options["user"], options["host"]
        if options["ours"]:
            self._print_ours(options)
            return
        writer = options["unlock_user"] or user
        try:
            lines = grants.statements(
                database=options["database"] or "keystone", user=user, host=host, unlock_user=writer
            )
        except grants.GrantError as error:
            raise CommandError(str(error), returncode=2) from None
        for login in dict.fromkeys((user, writer)):
            setting = "" if login == user else "UNLOCK_"
            self._print_create(login, host, f"PCIOPS_KEYSTONE_{setting}DATABASE_URL")
        for line in lines:
            self.stdout.write(line)

    def _print_ours(self, options: dict[str, Any]) -> None:
        """Print the GRANTs of pciops' own database, in the dialect of its kind."""
        if connection.vendor == "sqlite":
            raise CommandError("pciops' own database is SQLite, which has no logins.", returncode=2)
        user, host, database = options["user"], options["host"], options["database"] or "pciops"
        try:
            lines = grants.own_statements(connection, database=database, user=user, host=host)
        except grants.GrantError as error:
            raise CommandError(str(error), returncode=2) from None
        self.stdout.write("-- Run this after each migrate, as an administrator of the database.")
        if connection.vendor == "mysql":
            self._print_create(user, host, "PCIOPS_DATABASE_URL")
        else:
            self.stdout.write(_NOTE.format("PCIOPS_DATABASE_URL"))
            self.stdout.write(grants.create_role(user=user, password=_password()))
        for line in lines:
            self.stdout.write(line)

    def _print_create(self, login: str, host: str, setting: str) -> None:
        self.stdout.write(_NOTE.format(setting))
        self.stdout.write(grants.create_login(user=login, host=host, password=_password()))


def _password() -> str:
    """Return a new password that needs no quoting in SQL or in a URL."""
    return secrets.token_urlsafe(24)
