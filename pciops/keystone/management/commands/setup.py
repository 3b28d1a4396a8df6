"""Sets pciops up on this host, from nothing to a first census."""

from __future__ import annotations

import getpass
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from pciops.keystone import logins, setup
from pciops.keystone.logins import KEYSTONE, OWN, UNLOCK, Script
from pciops.keystone.setup import SetupError
from pciops.lib import env_file

STEPS: Final = (
    ("Creating the tables", ("migrate", "--verbosity", "0")),
    ("Collecting the static files", ("collectstatic", "--noinput", "--verbosity", "0")),
    ("Counting the accounts", ("census", "--format", "json")),
)
CONF, API, VAR = "PCIOPS_KEYSTONE_CONF", "OS_AUTH_URL", "PCIOPS_VAR"


class Command(BaseCommand):
    help = (
        "Set up pciops on this host. It asks for Keystone's database, API, and keystone.conf, "
        "and writes the settings file (PCIOPS_ENV_FILE). It prints or runs the SQL for logins "
        "and a database, creates tables, collects static files, takes the first census, and runs "
        "doctor. It keeps what is already set, so you can run it again."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--keystone-conf", metavar="FILE", help="Keystone's keystone.conf")
        parser.add_argument("--auth-url", metavar="URL", help="Keystone's API")
        parser.add_argument(
            "--keystone-database",
            metavar="PLACE",
            help="host[:port]/database[?ssl_ca=FILE], or sqlite:////path; default: that of "
            "keystone.conf",
        )
        parser.add_argument(
            "--database",
            metavar="PLACE",
            help="the same for pciops' own database, or postgresql://host[:port]/database, or "
            "sqlite; default: pciops on Keystone's server",
        )
        parser.add_argument(
            "--login-host",
            metavar="HOST",
            default="%",
            help="the host from which the MariaDB or MySQL logins connect; default: %(default)s",
        )
        parser.add_argument(
            "--admin-url-file",
            metavar="FILE",
            type=Path,
            help="a file with mysql://user:password@host:port of the administrator of Keystone's "
            "database server, who runs the SQL; without it, setup prints the SQL",
        )
        parser.add_argument(
            "--own-admin-url-file",
            metavar="FILE",
            type=Path,
            help="the same for pciops' own database, if it is on another server",
        )
        parser.add_argument(
            "--user",
            default="pciops" if os.geteuid() == 0 else getpass.getuser(),
            help="the user that pciops runs as; default: %(default)s",
        )
        parser.add_argument("--yes", action="store_true", help="do not ask; use the defaults")

    def handle(self, *args: Any, **options: Any) -> None:
        began = time.monotonic()
        try:
            user = setup.account(options["user"])
            path: Path = settings.ENV_FILE
            content = path.read_text(encoding="utf-8") if path.exists() else ""
            lines = env_file.parse(content, "PCIOPS_ENV_FILE", path)
            of_files = setup.secrets_of_files(lines, (OWN, KEYSTONE, UNLOCK))
            values = self._values({**lines, **of_files}, options)
            setup.require_unchanged(of_files, values)
            scripts = logins.scripts(values, options["login_host"])
            setup.make_folder(path.parent, user, 0o755)
            setup.make_folder(Path(values[VAR]), user, 0o700)
            written = {name: value for name, value in values.items() if name not in of_files}
            if (merged := setup.merged(content, written)) != content:
                setup.write_file(path, merged, user)
                self.stdout.write(f"Wrote {path}, which only {user.pw_name} can read.")
            self._open_databases(values, scripts, options)
            for words, command in STEPS:
                self._run(words, command, user)
        except SetupError as error:
            raise CommandError(str(error), returncode=2) from None
        self.stdout.write(f"Set up in {time.monotonic() - began:.0f} s. Result of doctor:")
        self._run("", ("doctor",), user)
        self.stdout.write(_NEXT)

    # --- Settings -------------------------------------------------------------------------------
    def _values(self, known: Mapping[str, str], options: dict[str, Any]) -> dict[str, str]:
        """Return the settings that the file should have; those that it has stay, unless asked."""
        values = {VAR: str(settings.VAR)}
        conf = options["keystone_conf"] or known.get(CONF)
        values[CONF] = conf or self._ask("Keystone's keystone.conf", _existing(), options)
        first_conf = Path(values[CONF].split(",")[0].strip())
        values[API] = (
            options["auth_url"]
            or known.get(API)
            or self._ask("Keystone's API (https://keystone.example:5000/v3)", "", options)
        )
        keystone = options["keystone_database"] or setup.place_of(known.get(KEYSTONE, ""))
        keystone = keystone or self._ask(
            "Keystone's database (host[:port]/database)",
            setup.keystones_database(first_conf),
            options,
        )
        setup.require_keystones(keystone)
        own = options["database"] or setup.place_of(known.get(OWN, ""))
        own = own or ("sqlite" if known.get(KEYSTONE) else "")  # that of an installation
        own = own or self._ask(
            "pciops' own database (host[:port]/database, postgresql://host[:port]/database, or "
            "sqlite)",
            _beside(keystone),
            options,
        )
        # "sqlite" is a file in PCIOPS_VAR. Logins have the name of the database.
        login = "pciops" if own.startswith("sqlite") else setup.parse_place(own).name
        values[KEYSTONE] = _url(keystone, f"{login}_keystone", known.get(KEYSTONE, ""))
        # A new installation unlocks with a login of its own.
        apart = known.get(UNLOCK) or not known.get(KEYSTONE)
        if apart and not keystone.startswith("sqlite:"):
            unlock = setup.place_of(known.get(UNLOCK, ""))
            unlock = options["keystone_database"] or unlock or keystone
            values[UNLOCK] = _url(unlock, f"{login}_unlock", known.get(UNLOCK, ""))
        if own != "sqlite" or OWN in known:
            values[OWN] = "" if own == "sqlite" else _url(own, login, known.get(OWN, ""))
        return values

    def _ask(self, question: str, default: str, options: dict[str, Any]) -> str:
        if options["yes"]:
            if default:
                return default
            raise SetupError(
                f"--yes is set, but this is unknown: {question}. Give it as an option."
            )
        shown = f" [{default}]" if default else ""
        try:
            answer = input(f"{question}{shown}: ").strip() or default
        except EOFError:
            raise SetupError("Input ended. Nothing was changed.") from None
        return answer or self._ask(question, default, options)

    # --- Databases ------------------------------------------------------------------------------
    def _open_databases(
        self, values: Mapping[str, str], scripts: list[Script], options: dict[str, Any]
    ) -> None:
        """Run the SQL as administrators; print it as long as a login cannot get in."""
        for script in scripts:
            of_keystone = KEYSTONE in script.settings
            flag = "admin_url_file" if of_keystone else "own_admin_url_file"
            if options[flag]:
                logins.execute(setup.admin_url(options[flag]), script)
                self.stdout.write(f"Created the logins and their rights: {script.server}.")
        while closed := [script for script in scripts if not _is_open(script, values)]:
            for script in closed:
                self.stdout.write(f"\nRun this SQL as the administrator of {script.server}:\n")
                self.stdout.write("\n".join(script.lines) + "\n")
            if options["yes"]:
                raise CommandError(
                    "The logins can't connect yet. Run the SQL, then run setup again. A login "
                    f"that existed keeps its password; put that password in {settings.ENV_FILE}."
                )
            try:
                input("Then press Enter: ")
            except EOFError:
                raise CommandError("The logins can't connect yet. Run setup again.") from None

    # --- Steps ----------------------------------------------------------------------------------
    def _run(self, words: str, command: tuple[str, ...], user: pwd.struct_passwd) -> None:
        """Run one of pciops' commands; without words, with its output."""
        began = time.monotonic()
        self.stdout.flush()
        try:
            done = _as_user(user, command, quiet=bool(words))
        except OSError as error:
            raise CommandError(
                f"The user {user.pw_name} cannot run {sys.executable} in {settings.ROOT}: "
                f"{error.strerror}. Install pciops where that user can read it, for example in "
                "/opt/pciops."
            ) from None
        if done.returncode and words:
            raise CommandError(f"{words} failed.\n{done.stderr.strip()}")
        if done.returncode:
            raise CommandError("There are problems. Fix them, then run setup again.")
        if words:
            self.stdout.write(f"{words}… {time.monotonic() - began:.1f} s")


def _as_user(
    user: pwd.struct_passwd, command: tuple[str, ...], *, quiet: bool
) -> subprocess.CompletedProcess[str]:
    """Run one of pciops' commands as its user. It reads the file that was just written."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PCIOPS_", "OS_"))}
    is_root = os.geteuid() == 0
    return subprocess.run(
        [sys.executable, "-m", "pciops.cli", *command],
        cwd=settings.ROOT,
        env={**kept, "PCIOPS_ENV_FILE": str(settings.ENV_FILE)},
        stdout=subprocess.DEVNULL if quiet else None,
        stderr=subprocess.PIPE if quiet else None,
        text=True,
        check=False,
        user=user.pw_uid if is_root else None,
        group=user.pw_gid if is_root else None,
        extra_groups=os.getgrouplist(user.pw_name, user.pw_gid) if is_root else None,
    )


_NEXT: Final = (
    "Next: start the site, the worker, and beat (docs/install.md), and set PCIOPS_ALLOWED_HOSTS."
)


def _existing() -> str:
    usual = Path("/etc/keystone/keystone.conf")
    return str(usual) if usual.exists() else ""


def _is_open(script: Script, values: Mapping[str, str]) -> bool:
    return all(logins.is_open(values[name]) for name in script.settings)


def _beside(keystone: str) -> str:
    """Return the default of pciops' own database: on the server of Keystone's."""
    if keystone.startswith("sqlite:"):
        return "sqlite"
    return replace(setup.parse_place(keystone), name="pciops").text


def _url(place: str, login: str, known: str) -> str:
    """Return the URL of a place: the known one, or with the login and password that it has."""
    if place.startswith("sqlite:") or place == setup.place_of(known):
        return known or place
    user, _, password = known.partition("://")[2].rpartition("@")[0].partition(":")
    return setup.parse_place(place).url(user or login, password or setup.new_password())
