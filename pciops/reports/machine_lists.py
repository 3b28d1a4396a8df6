"""Machines that are no service accounts: a domain of them may hold very many.

They are read as the other lists that may hold every account, with only the columns of their list.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pciops.accounts import loading, machines
from pciops.accounts.machines import MachineReason, Named
from pciops.keystone import database
from pciops.keystone.models import LocalUser
from pciops.reports.account_lists import CHUNK, YEAR, Selection, stretches
from pciops.reports.columns import password_cells
from pciops.reports.spool import Spool

_COLUMNS: Final = ("pk", "user_id", "name", "domain_id", "user__enabled")


@dataclass(kw_only=True)
class MachineLists:
    """The local machines that are no service accounts."""

    rows: Spool = field(default_factory=Spool)
    enabled: int = 0
    old: int = 0  # enabled, with a password older than a year

    @classmethod
    def read(cls, selection: Selection) -> MachineLists:
        """Read the list as it is now."""
        lists = cls()
        with database.reading():
            rows = machines.only(
                selection.of_domain(LocalUser.objects.all()), machines.LOCAL, machines=True
            )
        for stretch in stretches(rows, _COLUMNS):
            for start in range(0, len(stretch), CHUNK):
                lists._add(stretch[start : start + CHUNK], selection)
        return lists

    def _add(
        self, chunk: list[tuple[int, str, str, str, bool | None]], selection: Selection
    ) -> None:
        directory, now = selection.directory, selection.now
        named = [Named(*row[1:4]) for row in chunk]
        reasons = machines.reasons_of(named, directory.kinds)
        with database.reading():
            passwords = loading.passwords([row[0] for row in chunk])
        for local_id, user_id, name, domain_id, enabled in chunk:
            reason = reasons.get(user_id)
            if reason in {None, MachineReason.ROLE}:  # service accounts have a list of their own
                continue
            password = loading.newest_password(passwords.get(local_id, ()))
            created_at = loading.created_at(password) if password else None
            expires_at = loading.expires_at(password) if password else None
            self.rows.append(
                (
                    *directory.account_cells(user_id, name, domain_id),
                    *password_cells(enabled, created_at, expires_at, now),
                    reason.label if reason else "",
                )
            )
            self.enabled += bool(enabled)
            self.old += bool(enabled and created_at and now - created_at > YEAR)
