"""The logins and the database that `setup` makes: their SQL, and whether they are open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Final

import dj_database_url
import psycopg
import pymysql

from pciops.keystone import grants
from pciops.keystone.setup import PORTS, SetupError
from pciops.lib.databases import for_each_host, kind_of

OWN: Final = "PCIOPS_DATABASE_URL"
KEYSTONE: Final = "PCIOPS_KEYSTONE_DATABASE_URL"
UNLOCK: Final = "PCIOPS_KEYSTONE_UNLOCK_DATABASE_URL"
TIMEOUT: Final = 5  # seconds
_NAMES: Final = {"mysql": "MariaDB or MySQL", "postgresql": "PostgreSQL"}
_ERRORS: Final = (pymysql.MySQLError, psycopg.Error)


@dataclass(frozen=True, kw_only=True)
class Script:
    """SQL for the administrator of one server. Each statement can be run again."""

    server: str  # such as "PostgreSQL at db.example:5432"
    settings: tuple[str, ...]  # that have the URLs of its logins
    lines: list[str]


def scripts(urls: Mapping[str, str], login_host: str) -> list[Script]:
    """Return the SQL of all logins and of pciops' own database, one script for each server.

    Args:
        urls: by the names of their settings. SQLite needs no SQL.
        login_host: from where the logins may come, on MariaDB and MySQL.

    Raises:
        SetupError: a name is not safe in SQL.
    """
    try:
        found = [_keystones(urls, login_host), _own(urls.get(OWN, ""), login_host)]
    except grants.GrantError as error:
        raise SetupError(f"{error}.") from None
    keystone, own = found
    if keystone and own and keystone.server == own.server:
        settings = (*own.settings, *keystone.settings)
        lines = [*own.lines, *keystone.lines]
        return [Script(server=own.server, settings=settings, lines=lines)]
    return [script for script in found if script]


def _keystones(urls: Mapping[str, str], host: str) -> Script | None:
    """Return the SQL of the login that reads and of the one that unlocks, which may be the same."""
    settings = tuple(name for name in (KEYSTONE, UNLOCK) if urls.get(name))
    if _kind(urls[KEYSTONE]) != "mysql":
        return None
    configs = [_configs(urls[name])[0] for name in settings]
    passwords = {str(config["USER"]): str(config["PASSWORD"]) for config in configs}
    lines = [
        grants.create_login(user=user, host=host, password=password)
        for user, password in passwords.items()
    ]
    lines += grants.statements(
        database=configs[0]["NAME"],
        user=configs[0]["USER"],
        host=host,
        unlock_user=configs[-1]["USER"],
    )
    return Script(server=_server(configs[-1]), settings=settings, lines=lines)


def _own(url: str, host: str) -> Script | None:
    if _kind(url) not in PORTS:
        return None
    config = _configs(url)[0]
    user, name, password = config["USER"], config["NAME"], config["PASSWORD"]
    if _kind(url) == "postgresql":
        lines = [
            grants.create_role(user=user, password=password),
            grants.create_postgresql_database(database=name, user=user),
        ]
    else:
        lines = [
            grants.create_login(user=user, host=host, password=password),
            *grants.create_database(database=name, user=user, host=host),
        ]
    return Script(server=_server(config), settings=(OWN,), lines=lines)


def is_open(url: str) -> bool:
    """Return whether the login of a URL gets into its database, on one of its hosts at least.

    SQLite has no logins.
    """
    return _kind(url) not in PORTS or any(map(_is_open, _configs(url)))


def _is_open(config: dict[str, Any]) -> bool:
    try:
        with closing(_connect(config)):
            return True
    except _ERRORS:
        return False


def execute(url: str, script: Script) -> None:
    """Run a script as the administrator whose URL this is.

    Raises:
        SetupError: the server does not answer, or refuses a statement; those before it have run.
    """
    try:
        with closing(_connect(_configs(url)[0])) as connection, connection.cursor() as cursor:
            for line in script.lines:
                with suppress(psycopg.errors.DuplicateDatabase):  # it was run before
                    cursor.execute(line)
    except _ERRORS as error:
        text = " ".join(str(error.args[-1] if error.args else error).split())
        reason = re.sub(r"(IDENTIFIED BY|PASSWORD) '[^']*'", r"\1 …", text)
        raise SetupError(
            f"The SQL for {script.server} could not be run as its administrator: {reason}."
        ) from None


def _kind(url: str) -> str:
    return kind_of(url.partition("://")[0])


def _server(config: dict[str, Any]) -> str:
    kind = "postgresql" if _is_postgresql(config) else "mysql"
    return f"{_NAMES[kind]} at {config['HOST'] or 'localhost'}:{config['PORT'] or PORTS[kind]}"


def _configs(url: str) -> list[dict[str, Any]]:
    """Return one of Django's DATABASES for each host of a URL.

    Raises:
        SetupError: it is no URL.
    """
    rest = url.partition("://")[2]
    try:
        return [{**dj_database_url.parse(f"{_kind(url)}://{one}")} for one in for_each_host(rest)]
    except ValueError:
        raise SetupError(
            "The address of a database is not mysql://user:password@host:port/database, nor "
            "postgresql://…, with %XX for special characters."
        ) from None


def _is_postgresql(config: dict[str, Any]) -> bool:
    return str(config["ENGINE"]).endswith("postgresql")


def _connect(config: dict[str, Any]) -> Any:
    options = config.get("OPTIONS", {})
    login = {"user": config["USER"], "password": config["PASSWORD"], "host": config["HOST"] or None}
    common: dict[str, Any] = {**login, "connect_timeout": TIMEOUT, "autocommit": True}
    if _is_postgresql(config):
        name, port = config["NAME"] or None, config["PORT"] or None
        return psycopg.connect(dbname=name, port=port, **{**common, **options})
    tls = {"ssl_verify_cert": True, "ssl_verify_identity": True} if "ssl_ca" in options else {}
    name, port = config["NAME"] or None, int(config["PORT"] or PORTS["mysql"])
    return pymysql.connect(database=name, port=port, **{**common, **tls, **options})
