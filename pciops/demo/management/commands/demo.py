"""Runs a real Keystone with accounts in every state, and the dashboard in front of it."""

from __future__ import annotations

import sqlite3
from argparse import ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from pciops.demo.process import DemoError, Progress
from pciops.demo.run import DemoOptions, run


class Command(BaseCommand):
    help = (
        "Install a real Keystone, create accounts of which some are locked, and serve the "
        "dashboard on this machine. Ctrl-C stops everything."
    )
    # The demo needs no setting, and the settings of a site have no effect on it.
    requires_system_checks = []
    # Accepted, but not shown: they have nothing to do with the demo.
    suppressed_base_arguments = {
        *("--version", "--verbosity", "--settings", "--pythonpath"),
        *("--traceback", "--no-color", "--force-color"),
    }

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port",
            type=_port,
            default=8000,
            help="port of the dashboard; another free one if it is in use (default: %(default)s)",
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help="on free ports: sign in, unlock an account, confirm it at Keystone, and stop",
        )
        parser.add_argument(
            "--reset", action="store_true", help="remove the demo's data first and start over"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = DemoOptions(**{name: options[name] for name in ("port", "check", "reset")})
        progress = Progress()
        try:
            run(settings.VAR / "demo", chosen, progress)
        except DemoError as error:
            progress.done()
            raise CommandError(str(error)) from error
        except (OSError, sqlite3.Error) as error:
            progress.done()
            again = "If its files are damaged, start over with script/demo --reset."
            raise CommandError(f"The demo stopped: {error}. {again}") from error
        except KeyboardInterrupt:
            progress.done()
            raise CommandError("Interrupted. Nothing is left running.") from None


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise ArgumentTypeError(f"{text!r} is not a port; use a number from 1 to 65535")
    return int(text)
