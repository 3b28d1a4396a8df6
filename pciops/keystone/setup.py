"""The parts of `setup`: the settings of a new installation, its files, and its SQL."""

from __future__ import annotations

import os
import pwd
import re
import secrets
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import dj_database_url
import pymysql
from oslo_config import cfg

from pciops.keystone import grants
from pciops.lib.databases import for_each_host

TIMEOUT: Final = 5  # seconds


class SetupError(Exception):
    """What is wrong, and what to do about it, in sentences without a secret."""


@dataclass(frozen=True, kw_only=True)
class MySQLPlace:
    """A database on MariaDB or MySQL, without a login."""

    host: str
    name: str
    port: int = 3306
    ssl_ca: str = ""

    @property
    def text(self) -> str:
        """The place as `parse_place` reads it."""
        query = f"?{urlencode({'ssl_ca': self.ssl_ca}, safe='/')}" if self.ssl_ca else ""
        return f"{_bracketed(self.host)}:{self.port}/{self.name}{query}"

    def url(self, user: str, password: str) -> str:
        """Return the URL of the database for a login."""
        return f"mysql://{user}:{password}@{self.text}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def parse_place(text: str) -> MySQLPlace:
    """Return the place that `host[:port]/database[?ssl_ca=file]` means.

    Raises:
        SetupError: it means none.
    """
    wrong = f"{text!r} is not host[:port]/database, such as db.example:3306/keystone"
    try:
        parts = urlsplit(f"mysql://{text}")
        port, query = parts.port or 3306, parse_qs(parts.query)
    except ValueError:
        raise SetupError(wrong) from None
    name = parts.path.removeprefix("/")
    if not parts.hostname or not name or "/" in name or "@" in parts.netloc or "," in parts.netloc:
        raise SetupError(wrong)
    ssl_ca = query.get("ssl_ca", [""])[-1]
    return MySQLPlace(host=parts.hostname, port=port, name=name, ssl_ca=ssl_ca)


def keystones_database(conf: Path) -> str:
    """Return Keystone's database as its keystone.conf has it, without the login: a place or a URL
    of SQLite; "" if it has none.

    Raises:
        SetupError: the file cannot be read.
    """
    config = cfg.ConfigOpts()
    config.register_opts([cfg.StrOpt("connection", secret=True)], group="database")
    try:
        config(args=[], default_config_files=[str(conf)], default_config_dirs=[], use_env=False)
        connection = str(config.database.connection or "")
    except (cfg.Error, OSError, UnicodeDecodeError):
        # The message of oslo.config repeats a line, which may have a password.
        raise SetupError(f"{conf} cannot be read as a keystone.conf.") from None
    if connection.startswith("sqlite:"):
        return connection
    parts = urlsplit(connection)
    if not parts.scheme.startswith(("mysql", "mariadb")) or not parts.hostname:
        return ""
    ssl_ca = parse_qs(parts.query).get("ssl_ca", [""])[-1]
    place = MySQLPlace(
        host=parts.hostname, port=parts.port or 3306, name=parts.path[1:], ssl_ca=ssl_ca
    )
    return place.text


def new_password() -> str:
    """Return a password that needs no quotes in a URL or in SQL."""
    return secrets.token_urlsafe(24)


# --- Files --------------------------------------------------------------------------------------
def account(name: str) -> pwd.struct_passwd:
    """Return the user that pciops runs as.

    Raises:
        SetupError: there is no such user, or only root could act as that user.
    """
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise SetupError(
            f"There is no user {name}. Make one, or name another with --user: "
            f"useradd --system --home-dir /var/lib/pciops --shell /usr/sbin/nologin {name}"
        ) from None
    if os.geteuid() not in {0, found.pw_uid}:
        raise SetupError(f"Only root can set pciops up for the user {name}.")
    return found


def make_folder(path: Path, user: pwd.struct_passwd, mode: int) -> None:
    """Make a folder that belongs to this user; one that exists stays as it is.

    Raises:
        SetupError: it cannot be made.
    """
    if path.is_dir():
        return
    missing = [parent for parent in (path, *path.parents) if not parent.is_dir()]
    try:
        for folder in reversed(missing):
            folder.mkdir()
            folder.chmod(0o755)  # the umask would keep the user out
        path.chmod(mode)
        os.chown(path, user.pw_uid, user.pw_gid)
    except OSError as error:
        raise SetupError(f"{path} cannot be made: {error.strerror}.") from None


def merged(content: str, values: Mapping[str, str]) -> str:
    """Return the content of a file of settings with these values; its other lines stay."""
    lines, left = content.splitlines(), dict(values)
    for number, line in enumerate(lines):
        name = line.strip().partition("=")[0]
        if name in left:
            lines[number] = f"{name}={left.pop(name)}"
    return "".join(f"{line}\n" for line in [*lines, *(f"{k}={v}" for k, v in left.items())])


def write_file(path: Path, content: str, user: pwd.struct_passwd) -> None:
    """Write a file that only this user can read, at once and whole.

    Raises:
        SetupError: it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchown(descriptor, user.pw_uid, user.pw_gid)
            file.write(content)
        draft.rename(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise SetupError(f"{path} cannot be written: {error.strerror}.") from None


# --- SQL ----------------------------------------------------------------------------------------
def statements(own: str, keystone: str, login_host: str) -> list[str]:
    """Return the SQL of both logins and of pciops' own database, for the URLs on MySQL.

    Each statement can be run again.

    Raises:
        SetupError: a name is not safe in SQL.
    """
    lines: list[str] = []
    try:
        for url, is_own in ((own, True), (keystone, False)):
            if not url.startswith("mysql:"):
                continue
            config = _configs(url)[0]
            user, name = config["USER"], config["NAME"]
            lines.append(
                grants.create_login(user=user, host=login_host, password=config["PASSWORD"])
            )
            lines += (
                grants.create_database(database=name, user=user, host=login_host)
                if is_own
                else grants.statements(database=name, user=user, host=login_host, unlock_user=user)
            )
    except grants.GrantError as error:
        raise SetupError(f"{error}.") from None
    return lines


def is_open(url: str) -> bool:
    """Return whether the login of a URL gets into its database, on one of its hosts at least.

    SQLite has no logins.
    """
    return not url.startswith("mysql:") or any(map(_is_open, _configs(url)))


def _is_open(config: dict[str, Any]) -> bool:
    try:
        with closing(_connect(config)):
            return True
    except pymysql.MySQLError:
        return False


def execute(url: str, lines: list[str]) -> None:
    """Run statements as the administrator whose URL this is.

    Raises:
        SetupError: the server does not answer, or refuses one; those before it have run.
    """
    try:
        with closing(_connect(_configs(url)[0])) as connection, connection.cursor() as cursor:
            for line in lines:
                cursor.execute(line)
    except pymysql.MySQLError as error:
        reason = re.sub(r"IDENTIFIED BY '[^']*'", "IDENTIFIED BY …", str(error.args[-1]))
        raise SetupError(f"The administrator's SQL could not be run: {reason}.") from None


def _configs(url: str) -> list[dict[str, Any]]:
    """Return one of Django's DATABASES for each host of a URL.

    Raises:
        SetupError: it is no URL.
    """
    scheme, _, rest = url.partition("://")
    try:
        return [{**dj_database_url.parse(f"{scheme}://{one}")} for one in for_each_host(rest)]
    except ValueError:
        raise SetupError(
            "A database in the file of settings is not mysql://user:password@host:port/database, "
            "with %XX for special characters."
        ) from None


def _connect(config: dict[str, Any]) -> Any:
    options = config.get("OPTIONS", {})
    tls = {"ssl_verify_cert": True, "ssl_verify_identity": True} if "ssl_ca" in options else {}
    return pymysql.connect(
        host=config["HOST"] or None,
        port=int(config["PORT"] or 3306),
        user=config["USER"],
        password=config["PASSWORD"],
        database=config["NAME"] or None,
        connect_timeout=TIMEOUT,
        autocommit=True,
        **{**tls, **options},
    )
