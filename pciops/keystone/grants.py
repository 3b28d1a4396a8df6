"""Least privilege in Keystone's database: the grants that pciops needs, and surplus ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from django.apps import apps
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pciops.keystone import ALIAS

UPDATED: Final = ("failed_auth_count", "failed_auth_at")
# Not needed; they show the doctor how far a replica is behind. MariaDB, MySQL.
_MONITORING: Final = frozenset({"SLAVE MONITOR", "REPLICA MONITOR", "REPLICATION CLIENT"})
_NAME: Final = re.compile(r"[A-Za-z0-9_$.%:\-]{1,80}")
# As SHOW GRANTS writes them, on MariaDB and MySQL.
_GRANT: Final = re.compile(r"GRANT (?P<rights>.+?) ON (?P<on>\S+) TO (?P<rest>.+)", re.DOTALL)
_RIGHT: Final = re.compile(r"(?P<name>[A-Z][A-Z ]*[A-Z])(?: \((?P<columns>[^)]*)\))?")


class GrantError(ValueError):
    """A name that is not safe in a GRANT."""


def columns() -> dict[str, list[str]]:
    """Return the columns that the models read, by table; there is no other list of them."""
    by_table: dict[str, list[str]] = {}
    for model in apps.get_app_config(ALIAS).get_models():
        fields: Iterable[models.Field[object, object]] = model._meta.concrete_fields
        by_table[model._meta.db_table] = [field.column for field in fields if field.column]
    return by_table


def statements(*, database: str, user: str, host: str, unlock_user: str) -> list[str]:
    """Return GRANTs for MariaDB and MySQL: SELECT on columns, UPDATE on two of them.

    Args:
        unlock_user: the login of PCIOPS_KEYSTONE_UNLOCK_DATABASE_URL; the same as `user` if one
            login does both.

    Raises:
        GrantError: if a name could end the quotes around it.
    """
    _require_safe(database, user, host, unlock_user)
    reader, writer = (f"'{login}'@'{host}'" for login in (user, unlock_user))
    granted = [
        _statement("SELECT", table, names, database, reader) for table, names in columns().items()
    ]
    if unlock_user != user:  # the precondition of the UPDATE reads these
        guard = ["user_id", *UPDATED]
        granted.append(_statement("SELECT", "local_user", guard, database, writer))
    granted.append(_statement("UPDATE", "local_user", UPDATED, database, writer))
    return granted


def create_login(*, user: str, host: str, password: str) -> str:
    """Return the CREATE USER for MariaDB and MySQL; a login that exists keeps its password.

    Raises:
        GrantError: if a name or the password could end the quotes around it.
    """
    _require_safe(user, host)
    _require_safe_password(user, password)
    return f"CREATE USER IF NOT EXISTS '{user}'@'{host}' IDENTIFIED BY '{password}';"


def create_role(*, user: str, password: str) -> str:
    """Return the same for PostgreSQL, where CREATE ROLE knows no IF NOT EXISTS.

    Raises:
        GrantError: if a name or the password could end the quotes around it.
    """
    _require_safe(user)
    _require_safe_password(user, password)
    create = f"CREATE ROLE \"{user}\" LOGIN PASSWORD '{password}';"
    return f"DO $$ BEGIN {create} EXCEPTION WHEN duplicate_object THEN NULL; END $$;"


def create_database(*, database: str, user: str, host: str) -> list[str]:
    """Return the SQL of pciops' own database on MariaDB or MySQL, for a login that migrates it.

    Raises:
        GrantError: if a name could end the quotes around it.
    """
    _require_safe(database, user, host)
    return [
        f"CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4;",
        f"GRANT ALL ON `{database}`.* TO '{user}'@'{host}';",
    ]


def create_postgresql_database(*, database: str, user: str) -> str:
    """Return the same for PostgreSQL. Run again, it is an error that changes nothing.

    Raises:
        GrantError: if a name could end the quotes around it.
    """
    _require_safe(database, user)
    return f'CREATE DATABASE "{database}" OWNER "{user}" ENCODING \'UTF8\' TEMPLATE template0;'


def _require_safe(*names: str) -> None:
    for name in names:
        if not _NAME.fullmatch(name):
            raise GrantError(f"{name!r} is not a valid name in a GRANT")


def _require_safe_password(user: str, password: str) -> None:
    if not _NAME.fullmatch(password):  # it is a secret, so it is not repeated
        raise GrantError(
            f"the password of {user} has other characters than letters, digits, and _ $ . % : -"
        )


def _statement(right: str, table: str, names: Iterable[str], database: str, login: str) -> str:
    listed = ", ".join(f"`{name}`" for name in names)
    return f"GRANT {right} ({listed}) ON `{database}`.`{table}` TO {login};"


def own_statements(
    connection: BaseDatabaseWrapper, *, database: str, user: str, host: str
) -> list[str]:
    """Return GRANTs for pciops' own tables: evidence can be inserted, not changed or deleted.

    A model of evidence names the columns that may be updated all the same in `MAY_UPDATE`.

    Raises:
        GrantError: if a name could end the quotes around it.
    """
    _require_safe(database, user, host)
    mysql = connection.vendor == "mysql"
    login = f"'{user}'@'{host}'" if mysql else f'"{user}"'
    quote = "`" if mysql else '"'
    prefix = f"{quote}{database}{quote}." if mysql else ""
    granted = (
        [] if mysql else [f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {login};"]
    )
    granted.append(f"GRANT SELECT ON {prefix}{quote}django_migrations{quote} TO {login};")
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.managed or model._meta.proxy:
            continue
        table = f"{prefix}{quote}{model._meta.db_table}{quote}"
        columns_: tuple[str, ...] | None = getattr(model, "MAY_UPDATE", None)
        if columns_ is None:
            rights = "SELECT, INSERT, UPDATE, DELETE"
        else:
            listed = ", ".join(f"{quote}{name}{quote}" for name in columns_)
            rights = f"SELECT, INSERT{f', UPDATE ({listed})' if columns_ else ''}"
        granted.append(f"GRANT {rights} ON {table} TO {login};")
    return granted


def surplus(lines: Iterable[str], *, database: str) -> list[str]:
    """Return the rights among these lines of SHOW GRANTS that `statements` never gives."""
    return [right for line in lines for right in _surplus_of_line(line, database)]


def _surplus_of_line(line: str, database: str) -> Iterator[str]:
    grant = _GRANT.match(line)
    if grant is None:  # GRANT `role` TO `login`, SET DEFAULT ROLE …
        role = re.match(r"GRANT (\S+) TO ", line)
        if role:
            yield f"all rights of the role {role[1]}"
        return
    on = grant["on"].replace("`", "")
    for right in _RIGHT.finditer(grant["rights"]):
        if right["name"] != "USAGE":
            yield from _surplus_of_right(right["name"], right["columns"], on, database)
    if "WITH GRANT OPTION" in grant["rest"]:
        yield f"GRANT OPTION on {on}"


def _surplus_of_right(right: str, names: str | None, on: str, database: str) -> Iterator[str]:
    if right in _MONITORING:
        return
    schema, _, table = on.partition(".")
    needed = _needed_columns(right, table) if schema == database else set()
    if not needed or names is None:
        yield f"{right} on {on}"
        return
    extra = [name for name in re.split(r",\s*", names.replace("`", "")) if name not in needed]
    if extra:
        yield f"{right} ({', '.join(extra)}) on {on}"


def _needed_columns(right: str, table: str) -> set[str]:
    """Return the columns of a table on which pciops needs this right."""
    if right == "SELECT":
        return set(columns().get(table, ()))
    return set(UPDATED) if (right, table) == ("UPDATE", "local_user") else set()
