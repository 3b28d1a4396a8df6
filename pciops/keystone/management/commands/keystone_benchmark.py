"""The token benchmark against the Keystone of OS_CLOUD or OS_*."""

from __future__ import annotations

import argparse
import json
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from keystoneauth1.session import Session

from pciops.keystone import benchmark, client, clouds
from pciops.keystone.benchmark import BenchmarkSize
from pciops.lib import tables, times
from pciops.lib.env import SettingError
from pciops.lib.logs import escape
from pciops.lib.numbers import counted, grouped

USUAL: Final = BenchmarkSize()
MOST_TOKENS: Final = 10_000
MOST_AT_ONCE: Final = 100
COLUMNS: Final = (*("what", "at_once", "count", "errors", "median_ms", "p95_ms", "per_second"),)


class Command(BaseCommand):
    help = (
        "Measure how fast Keystone creates and validates tokens, with the credentials of "
        "OS_CLOUD or OS_*. It first says what it will do."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        for flag, usual, most, words in (
            ("--serial", USUAL.serial, MOST_TOKENS, "tokens to create and validate one by one"),
            ("--tokens", USUAL.tokens, MOST_TOKENS, "tokens to create in parallel"),
            (
                "--validations",
                USUAL.validations,
                MOST_TOKENS,
                "how many of these tokens to validate",
            ),
            ("--concurrency", USUAL.concurrency, MOST_AT_ONCE, "requests at once"),
        ):
            parser.add_argument(
                flag, type=_number_to(most), default=usual, help=f"{words}; default: %(default)s"
            )
        parser.add_argument("--yes", action="store_true", help="start without asking")
        parser.add_argument("--format", choices=("table", "json"), default="table")

    def handle(self, *args: Any, **options: Any) -> None:
        size = BenchmarkSize(
            **{name: options[name] for name in ("serial", "tokens", "validations", "concurrency")}
        )
        if size.validations > size.tokens:
            raise CommandError("--validations must be at most --tokens.", returncode=2)
        if not clouds.credential_variable():
            raise CommandError(
                "Set OS_CLOUD, or OS_USERNAME and the other OS_* variables of an account.",
                returncode=2,
            )
        try:
            session = clouds.session_from_environment()
        except SettingError as error:
            raise CommandError(str(error), returncode=2) from None
        self.stderr.write(_plan(session, size))
        if not options["yes"]:
            self._confirm()
        began = timezone.now()
        try:
            rows = [m.as_row for m in benchmark.run(clouds.session_from_environment, size)]
        except client.KeystoneError as error:
            raise CommandError(f"{_why(error)} The benchmark has stopped.") from None
        if options["format"] == "json":
            facts = {"keystone": _url(session), "began_at": times.iso(began)}
            self.stdout.write(json.dumps({**facts, "measurements": rows}, indent=2))
        else:
            self.stdout.ending = ""  # the writer ends its own lines
            tables.write_table(self.stdout, COLUMNS, rows)

    def _confirm(self) -> None:
        self.stderr.write("Start? [y/N] ", ending="")
        try:
            answer = input()
        except EOFError:
            answer = ""
        if answer.strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was sent. --yes starts without asking.", returncode=2)


def _number_to(most: int) -> Any:
    """Return the type of an argument from 1 to this number."""

    def number(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {grouped(most)}")
        return int(text)

    return number


def _plan(session: Session, size: BenchmarkSize) -> str:
    """Return what the command is going to do."""
    return "\n".join(
        [
            f"Keystone: {escape(_url(session))}",
            f"Account: {escape(_identity(session))}",
            f"Creates {counted(size.created, 'token')} and validates {grouped(size.validated)} of "
            f"them, at most {size.concurrency} at once.",
            "Each token is a sign-in. Keystone may set the account's last activity to today, and "
            "sends a notification for each if it sends any.",
            "The tokens expire on their own. The benchmark doesn't revoke them, because "
            "revocation events slow down Keystone.",
        ]
    )


def _url(session: Session) -> str:
    plugin: Any = session.auth
    return str(plugin.auth_url)


def _identity(session: Session) -> str:
    """Return whose tokens are created, as the credentials name them."""
    plugin: Any = session.auth
    facts = plugin.get_cache_id_elements()  # also the secrets
    for name in ("password_username", "password_user_id"):
        if facts.get(name):
            return str(facts[name])
    for name in ("application_credential_name", "application_credential_id"):
        if credential := facts.get(f"application_credential_{name}"):
            return f"owner of the application credential {credential}"
    return "owner of the token"


def _why(error: client.KeystoneError) -> str:
    """Return why Keystone answers no more."""
    match error:
        case client.PasswordExpiredError():
            return "The password has expired."
        case client.SecondFactorError():
            return "Keystone requires a second factor for this account. Use another account."
        case client.RefusedError():
            return (
                "Keystone refused the credentials, or a token that it has just issued. A wrong "
                "password counts as a failed attempt of the account."
            )
    return f"Keystone does not answer: {error}."
