"""Least privilege: the statements that give pciops' login what it needs in Keystone's database."""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.apps import apps
from django.db import models

from pciops.keystone import ALIAS

UPDATED = ("failed_auth_count", "failed_auth_at")
_NAME = re.compile(r"[A-Za-z0-9_$.%:\-]{1,80}")


class GrantError(ValueError):
    """A name that does not belong into a GRANT."""


def columns() -> dict[str, list[str]]:
    """Table → the columns that our models read; there is no other list of them."""
    found: dict[str, list[str]] = {}
    for model in apps.get_app_config(ALIAS).get_models():
        fields: Iterable[models.Field[object, object]] = model._meta.concrete_fields
        found[model._meta.db_table] = [field.column for field in fields if field.column]
    return found


def statements(*, database: str, user: str, host: str, unlock_user: str) -> list[str]:
    """GRANTs for MariaDB and MySQL: SELECT on columns, UPDATE on two of them.

    Args:
        unlock_user: the login of PCIOPS_KEYSTONE_UNLOCK_DATABASE_URL; the same as `user` where
            there is one login for both.

    Raises:
        GrantError: where a name could end the quotes around it.
    """
    for name in (database, user, host, unlock_user):
        if not _NAME.fullmatch(name):
            raise GrantError(f"{name!r} is no name for a GRANT")
    reader, writer = (f"'{login}'@'{host}'" for login in (user, unlock_user))
    granted = [
        _grant("SELECT", table, names, database, reader) for table, names in columns().items()
    ]
    if unlock_user != user:  # the guard of the UPDATE reads these
        guard = ["user_id", *UPDATED]
        granted.append(_grant("SELECT", "local_user", guard, database, writer))
    granted.append(_grant("UPDATE", "local_user", UPDATED, database, writer))
    return granted


def _grant(right: str, table: str, names: Iterable[str], database: str, login: str) -> str:
    listed = ", ".join(f"`{name}`" for name in names)
    return f"GRANT {right} ({listed}) ON `{database}`.`{table}` TO {login};"
