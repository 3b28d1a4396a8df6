"""The lists of accounts whose second factor is not enrolled, and of those that can pass it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from django.db.models import Count

from pciops.accounts import loading
from pciops.accounts.privileged import AccountKind
from pciops.accounts.states import SECOND_FACTOR_NOT_ENROLLED
from pciops.keystone import database
from pciops.keystone.models import Credential, LocalUser, User
from pciops.reports.account_lists import Selection, stretches
from pciops.reports.spool import Spool

CHUNK: Final = 5000  # accounts in memory at a time
HOLDERS: Final = 100_000  # user ids that one statement reads


@dataclass(frozen=True, kw_only=True)
class FactorLists:
    """Accounts whose second factor is not enrolled, and those that hold EC2 credentials."""

    not_enrolled: Spool = field(default_factory=Spool)
    ec2: Spool = field(default_factory=Spool)
    numbers: Counter[str] = field(default_factory=Counter)

    @classmethod
    def read(cls, selection: Selection) -> FactorLists:
        """Read both lists as they are now."""
        lists = cls()
        lists._read_not_enrolled(selection)
        for holders in _ec2_holders():
            lists._add_ec2(holders, selection)
        return lists

    def _read_not_enrolled(self, selection: Selection) -> None:
        state, local = SECOND_FACTOR_NOT_ENROLLED, LocalUser.objects.all()
        with database.reading():  # the condition reads which rules there are
            rows = selection.of_domain(state.filter(local, selection.policy, selection.now))
        for chunk in stretches(rows, ("pk", "user_id", "name", "domain_id", "user__enabled")):
            for _, *user, enabled in chunk:
                names = selection.directory.account_cells(*user)
                self.not_enrolled.append((*names, bool(enabled)))

    def _add_ec2(self, holders: dict[str, int], selection: Selection) -> None:
        with database.reading():
            users = selection.of_domain(User.objects.filter(pk__in=holders))
            rows = loading.user_rows(users.order_by("pk"))
        for facts in (row.facts for row in rows):
            names = selection.directory.account_cells(facts.id, facts.name, facts.domain_id)
            self.ec2.append((*names, bool(facts.enabled), holders.get(facts.id)))
            kinds = selection.directory.kinds.get(facts.id, ())
            person = bool(facts.enabled) and AccountKind.SERVICE not in kinds
            self.numbers["ec2_administrators"] += person and AccountKind.ADMINISTRATOR in kinds


def _ec2_holders() -> Iterator[dict[str, int]]:
    """Yield the numbers of EC2 credentials by user id, in chunks.

    The table has no index on users: each statement reads all of it.
    """
    rows = Credential.objects.filter(type=Credential.EC2).values_list("user_id")
    part = rows
    while True:
        with database.reading():
            found = list(part.annotate(number=Count("type")).order_by("user_id")[:HOLDERS])
        for start in range(0, len(found), CHUNK):
            yield dict(found[start : start + CHUNK])
        if len(found) < HOLDERS:
            return
        part = rows.filter(user_id__gt=found[-1][0])
