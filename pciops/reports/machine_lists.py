"""Machines that are no service accounts: a domain of them may hold very many.

They are read as the other lists that may hold every account, with only the columns of their list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pciops.accounts import loading, machines
from pciops.accounts.machines import MachineReason, Named
from pciops.keystone import database
from pciops.keystone.models import LocalUser, User
from pciops.lib.keyset import batched
from pciops.reports.account_lists import CHUNK, YEAR, Selection, stretches
from pciops.reports.columns import password_cells
from pciops.reports.spool import Spool

_COLUMNS: Final = ("pk", "user_id", "name", "domain_id")
_Row = tuple[Any, ...]  # the values of these


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
        for rows in _candidates(selection):
            for chunk in batched(rows, CHUNK):
                lists._add(chunk, selection)
        return lists

    def _add(self, chunk: list[_Row], selection: Selection) -> None:
        directory, now = selection.directory, selection.now
        reasons = machines.reasons_of((Named(*row[1:]) for row in chunk), directory.kinds)
        # Service accounts have a list of their own.
        of_others = {id_: why for id_, why in reasons.items() if why is not MachineReason.ROLE}
        found = [row for row in chunk if row[1] in of_others]
        with database.reading():
            passwords = loading.passwords([row[0] for row in found])
            users = User.objects.filter(pk__in=of_others)
            states = dict(users.values_list("pk", "enabled"))
        for local_id, user_id, name, domain_id in found:
            password = loading.newest_password(passwords.get(local_id, ()))
            created_at = loading.created_at(password) if password else None
            expires_at = loading.expires_at(password) if password else None
            enabled = bool(states.get(user_id))
            self.rows.append(
                (
                    *directory.account_cells(user_id, name, domain_id),
                    *password_cells(enabled, created_at, expires_at, now),
                    of_others[user_id].label,
                )
            )
            self.enabled += enabled
            self.old += enabled and bool(created_at and now - created_at > YEAR)


def _candidates(selection: Selection) -> Iterator[list[_Row]]:
    """Yield the rows of the machines, and of a few other users."""
    local_users = selection.of_domain(LocalUser.objects.all())
    ids = machines.candidate_ids()
    if ids is None:
        with database.reading():
            rows = machines.candidates(local_users, machines.LOCAL)
        yield from stretches(rows, _COLUMNS)
        return
    for some in batched(sorted(ids), CHUNK):
        with database.reading():
            own = local_users.filter(user_id__in=some).order_by("user_id")
            found = list(own.values_list(*_COLUMNS))
        yield found
