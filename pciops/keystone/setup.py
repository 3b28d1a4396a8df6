"""The parts of `setup`: the settings of a new installation, and its files."""

from __future__ import annotations

import os
import pwd
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from oslo_config import cfg

from pciops.lib.databases import kind_of

PORTS: Final = {"mysql": 3306, "postgresql": 5432}


class SetupError(Exception):
    """What is wrong, and what to do about it, in sentences without a secret."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A database on a server, without a login."""

    kind: str = "mysql"  # MariaDB or MySQL; or postgresql
    host: str
    port: int = 3306
    name: str
    query: str = ""  # options of the connection, such as ssl_ca=/etc/ssl/db.pem

    @property
    def text(self) -> str:
        """The place as `parse_place` reads it."""
        return self._rest if self.kind == "mysql" else f"{self.kind}://{self._rest}"

    def url(self, user: str, password: str) -> str:
        """Return the URL of the database for a login."""
        return f"{self.kind}://{user}:{password}@{self._rest}"

    @property
    def _rest(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{self.name}{'?' if self.query else ''}{self.query}"


def parse_place(text: str) -> Place:
    """Return the place that `host[:port]/database[?options]` means, on MariaDB or MySQL; with
    `postgresql://` before it, on PostgreSQL.

    Raises:
        SetupError: it means none.
    """
    wrong = (
        f"{text!r} is not host[:port]/database, such as db.example:3306/keystone, nor "
        "postgresql://host[:port]/database"
    )
    try:
        parts = urlsplit(text if "://" in text else f"mysql://{text}")
        kind = kind_of(parts.scheme)
        port = parts.port or PORTS.get(kind, 0)
    except ValueError:
        raise SetupError(wrong) from None
    name, host = parts.path.removeprefix("/"), parts.hostname
    if kind not in PORTS or not host or not name or "/" in name or {"@", ","} & {*parts.netloc}:
        raise SetupError(wrong)
    return Place(kind=kind, host=host, port=port, name=name, query=parts.query)


def place_of(url: str) -> str:
    """Return a URL without its login, as `parse_place` reads it; that of SQLite as it is."""
    scheme, _, rest = url.partition("://")
    kind, place = kind_of(scheme), rest.rpartition("@")[2]
    return {"sqlite": url, "postgresql": f"postgresql://{place}"}.get(kind, place)


def require_keystones(place: str) -> None:
    """Raise SetupError for a database that Keystone's cannot be."""
    if place.startswith("postgresql:"):
        raise SetupError("Keystone's database must be on MariaDB, MySQL, or SQLite.")


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
    ssl_ca = parse_qs(parts.query).get("ssl_ca", [])[-1:]
    query = urlencode({"ssl_ca": ssl_ca[0]}, safe="/") if ssl_ca else ""
    name, port = parts.path[1:], parts.port or PORTS["mysql"]
    return Place(host=parts.hostname, port=port, name=name, query=query).text


def secrets_of_files(known: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return the settings that are in the files that their `<name>_FILE` names.

    Raises:
        SetupError: a file cannot be read.
    """
    files = {name: Path(known[f"{name}_FILE"]) for name in names if known.get(f"{name}_FILE")}
    return {name: _content(path, f"{name}_FILE: {path}") for name, path in files.items()}


def require_unchanged(of_files: Mapping[str, str], values: Mapping[str, str]) -> None:
    """Raise SetupError if a setting that is in a file would get another value."""
    for name, value in of_files.items():
        if values.get(name) != value:
            raise SetupError(f"{name} is in the file that {name}_FILE names. Change it there.")


def admin_url(path: Path) -> str:
    """Return the URL of an administrator in a file.

    Raises:
        SetupError: it has none.
    """
    url = _content(path, str(path))
    if kind_of(url.partition("://")[0]) not in PORTS:
        raise SetupError(f"{path} must contain mysql://user:password@host:port or postgresql://….")
    return url


def _content(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SetupError(f"{name} cannot be read.") from None


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
            f"There is no user {name}. Create it, or set another one with --user: useradd "
            f"--system --home-dir /var/lib/pciops --shell /usr/sbin/nologin {name}"
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
        raise SetupError(f"{path} cannot be created: {error.strerror}.") from None


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
