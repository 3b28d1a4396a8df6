"""Readers of environment variables that name a database."""

from __future__ import annotations

from collections.abc import Callable

import dj_database_url

from pciops.lib.env import SettingError, secret

DatabaseConfig = dj_database_url.DBConfig


def database(name: str, default: str = "", *, engines: dict[str, str]) -> DatabaseConfig | None:
    """Return the variable (or its `_FILE`) as one of Django's DATABASES; None if it is unset.

    SQLAlchemy's spelling with a driver (`mysql+pymysql://`), as in keystone.conf, is valid too.

    Args:
        engines: the valid kinds of database, each with an example URL.

    Raises:
        SettingError
    """
    value = secret(name, default)
    return _configs(name, value, engines, lambda rest: [rest])[0] if value else None


def databases(name: str, *, engines: dict[str, str]) -> list[DatabaseConfig]:
    """Return one of DATABASES for each host that the variable names; none if it is unset.

    `mysql://user:password@one:3306,two:3306/keystone` is one database on two hosts: the
    configurations differ in nothing else. For the rest, see `database`.
    """
    value = secret(name)
    configs = _configs(name, value, engines, for_each_host) if value else []
    if len(configs) > 1 and not all(config["HOST"] for config in configs):
        problem = "names several hosts, and one of them is empty"
        raise SettingError(name, problem, next(iter(engines.values())))
    return configs


def kind_of(scheme: str) -> str:
    """Return `mysql`, `postgresql`, or what the scheme of a URL is, without the driver."""
    kind = scheme.partition("+")[0]
    return {"mariadb": "mysql", "postgres": "postgresql"}.get(kind, kind)


def for_each_host(rest: str) -> list[str]:
    """Return the part of a URL after its scheme once for each of its hosts."""
    authority, slash, path = rest.partition("/")
    login, at, hosts = authority.rpartition("@")
    return [f"{login}{at}{host}{slash}{path}" for host in hosts.split(",")]


def _configs(
    name: str, value: str, engines: dict[str, str], split: Callable[[str], list[str]]
) -> list[DatabaseConfig]:
    scheme, separator, rest = value.partition("://")
    kind = kind_of(scheme)
    example = engines.get(kind) or next(iter(engines.values()))
    if not separator or kind not in engines:
        kinds = " or ".join(engines)
        raise SettingError(name, f"is not the address of a {kinds} database", example)
    try:
        configs = [dj_database_url.parse(f"{kind}://{one}") for one in split(rest)]
    except ValueError:
        raise SettingError(name, "cannot be read as a database address", example) from None
    if not configs[0].get("NAME"):
        raise SettingError(name, "names no database", example)
    return configs
