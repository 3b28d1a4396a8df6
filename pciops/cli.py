"""The command line: `pciops COMMAND` of the package, and `manage.py COMMAND` of a checkout."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management import ManagementUtility, get_commands
from django.core.management.base import BaseCommand

from pciops import __version__
from pciops.lib import logs, private
from pciops.lib.env import SettingError

# Django's commands that an installation needs, and those for the development of pciops.
LISTED = ("check", "collectstatic", "migrate", "showmigrations")
FOR_DEVELOPERS = ("compilemessages", "makemessages", "makemigrations", "shell")
BEFORE_INSTALLATION: tuple[list[str], ...] = (
    [],
    ["help"],
    ["--help"],
    ["-h"],
    ["grants"],
    ["setup"],
)


class CommandLine(ManagementUtility):
    """Django's, without the commands that make no sense here, such as createsuperuser or flush."""

    def main_help_text(self, commands_only: bool = False) -> str:
        """Return the names of all commands, and what to type for more."""
        names = sorted(name for name in get_commands() if _is_ours(name) or name in LISTED)
        if commands_only:
            return "\n".join(names)
        usage = f"{self.prog_name} COMMAND --help explains a command. The commands:"
        return "\n".join([usage, "", *(f"    {name}" for name in names)])

    def fetch_command(self, subcommand: str) -> BaseCommand:
        """Return the command; end with exit code 2 if there is no such command."""
        if _is_ours(subcommand) or subcommand in (*LISTED, *FOR_DEVELOPERS):
            return super().fetch_command(subcommand)
        sys.stderr.write(
            f"pciops: there is no command {subcommand!r}. {self.prog_name} help lists all.\n"
        )
        sys.exit(2)


def _is_ours(name: str) -> bool:
    package: Any = get_commands().get(name, "")  # a name, or a command that is loaded
    return str(package).startswith("pciops.")


def main() -> None:
    """Run the command that the arguments name. Exit code 2: wrong usage or an invalid setting."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pciops.settings")
    logs.request_id.set(logs.new_request_id())
    private.makes_files = sys.argv[1:2] not in BEFORE_INSTALLATION
    try:
        try:
            _execute()
        finally:
            sys.stdout.flush()
    except SettingError as error:
        sys.stderr.write(f"pciops: {error}\n")
        sys.exit(2)
    except BrokenPipeError:  # `pciops accounts | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _execute() -> None:
    if sys.argv[1:2] in (["version"], ["--version"]):
        print(__version__)
        return
    CommandLine(sys.argv).execute()


if __name__ == "__main__":
    main()
