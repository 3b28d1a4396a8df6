"""Prints the SQL that grants pciops' login its rights in Keystone's database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from pciops.keystone import grants


class Command(BaseCommand):
    help = (
        "Print the SQL for a least-privilege login in Keystone's MariaDB or MySQL database: it "
        "reads the columns that pciops needs, never password_hash, and updates two columns of "
        "local_user. Run it there as the database's administrator."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--database", default="keystone", help="default: %(default)s")
        parser.add_argument("--user", default="pciops", help="default: %(default)s")
        parser.add_argument("--unlock-user", help="a second login for the one UPDATE")
        parser.add_argument("--host", default="%", help="where it comes from; default: %(default)s")

    def handle(self, *args: Any, **options: Any) -> None:
        user, host = options["user"], options["host"]
        writer = options["unlock_user"] or user
        try:
            lines = grants.statements(
                database=options["database"], user=user, host=host, unlock_user=writer
            )
        except grants.GrantError as error:
            raise CommandError(str(error), returncode=2) from None
        for login in dict.fromkeys((user, writer)):
            create = f"CREATE USER '{login}'@'{host}' IDENTIFIED BY '<password>';"
            self.stdout.write(f"-- Make the login first: {create}")
        for line in lines:
            self.stdout.write(line)
