"""Routes Keystone's models to Keystone's database, and refuses writes and migrations there."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

from pciops.keystone import ALIAS, PRIMARY_ALIAS, UNLOCK_ALIAS, database


class KeystoneIsReadOnlyError(Exception):
    """An attempt to write to Keystone's tables other than by the one UPDATE."""


class KeystoneRouter:
    """The first of three protections; read-only sessions and the grants are the others."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        if model._meta.app_label != ALIAS:
            return None
        return PRIMARY_ALIAS if database.reads_primary() else ALIAS

    def db_for_write(self, model: type[Model], **hints: Any) -> str | None:
        if model._meta.app_label == ALIAS:
            message = f"{model._meta.db_table} is Keystone's; see pciops.keystone.unlock"
            raise KeystoneIsReadOnlyError(message)
        return None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if db in {ALIAS, PRIMARY_ALIAS, UNLOCK_ALIAS} or app_label == ALIAS else None
