"""The roles in the report of the week before, to tell which ones are new."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import Any, Final

from pciops.reports.archive import store
from pciops.reports.models import StoredReport

KEY: Final = "entitlements"  # of the table
IDENTITY: Final = ("user_id", "role_id", "target_id", "inherited", "group_id")

Identity = tuple[Any, ...]  # the cells of `IDENTITY`


class RolesBefore:
    """The roles of all accounts a week ago.

    Only the hash of each role stays in memory, about 90 bytes. With a million of them, a new role
    has the hash of an old one less than once in ten trillion times, and would not be marked as new.
    """

    def __init__(self, before: StoredReport | None) -> None:
        tables = store.report(before).tables() if before else ()
        table = next((table for table in tables if table.key == KEY), None)
        self.known = table is not None and table.identity == IDENTITY
        self._hashes: set[int] = set()
        if before is not None and table is not None and self.known:
            columns = [column.key for column in table.columns]
            identity = itemgetter(*map(columns.index, IDENTITY))
            self._hashes.update(map(hash, map(identity, store.rows(before, KEY))))

    def lacks(self, roles: Iterable[Identity]) -> list[bool | None]:
        """Return for each role whether it is new; None if there is no list to compare with."""
        if not self.known:
            return [None for _ in roles]
        return [hash(role) not in self._hashes for role in roles]
