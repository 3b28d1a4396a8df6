"""The lists of accounts by their newest passwords, which are read once for all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db.models import Q

from pciops.accounts import machines, newest
from pciops.accounts.newest import NewestPassword
from pciops.accounts.second_factor import FactorVerdict
from pciops.accounts.states import EXPIRED, EXPIRING, MUST_CHANGE, NO_EXPIRY
from pciops.accounts.states.state import State
from pciops.keystone import database, options
from pciops.keystone.fields import from_int
from pciops.keystone.models import LocalUser, Password
from pciops.lib import jsontext, keyset
from pciops.lib.threads import read_ahead
from pciops.reports import lifetimes
from pciops.reports.account_lists import CHUNK, Selection, exempt_ids
from pciops.reports.columns import password_cells
from pciops.reports.spool import Spool
from pciops.reports.value import Row

EXPIRING_DAYS: Final = 30  # within which expiring passwords are listed
EXPIRING_COUNTS: Final = (7, 14, 30)  # days for which expiring passwords are counted

BY_PASSWORD: Final = (MUST_CHANGE, EXPIRED, EXPIRING, None, NO_EXPIRY)  # buckets of `newest`


@dataclass(frozen=True, kw_only=True)
class PasswordLists:
    """The accounts in states of their password, which may hold many, in the order of passwords."""

    states: Mapping[State, Spool]
    # People whose only factor need not change within 90 days, and who are not exempt from that.
    long_lived: Spool = field(default_factory=Spool)
    numbers: Counter[str] = field(default_factory=Counter)
    expiring: Counter[int] = field(default_factory=Counter)  # days → passwords expiring within
    # Domain id and state → accounts, as a census has them: EXPIRING is for the days of the site.
    numbers_by_state: Counter[tuple[str, str]] = field(default_factory=Counter)

    @classmethod
    def read(cls, selection: Selection) -> PasswordLists:
        """Read all of the lists as they are now: the passwords, and then who has them."""
        lists = cls(states={state: Spool() for state in BY_PASSWORD if state})
        days = max(EXPIRING_DAYS, selection.policy.expiring_days)
        policy, now = replace(selection.policy, expiring_days=days), selection.now
        buckets = [
            *(state.row_condition(policy, now) if state else None for state in BY_PASSWORD),
            lifetimes.long_lived(now),
        ]
        exempt = exempt_ids(Q(option_id=options.IGNORE_PASSWORD_EXPIRY))
        for chunk in read_ahead(_with_holders(newest.read(buckets), selection)):
            lists._add(chunk, selection, exempt)
        return lists

    def _add(self, chunk: _Chunk, selection: Selection, exempt: set[str]) -> None:
        cells, now = selection.directory.account_cells, selection.now
        ends = {days: now + timedelta(days=days) for days in EXPIRING_COUNTS}
        soon = now + timedelta(days=selection.policy.expiring_days)
        too_long: list[tuple[_Holder, Row]] = []
        for found in chunk.passwords:
            user = chunk.holders.get(found.local_id)
            if user is None or user.user_id in exempt:
                continue
            created_at, expires_at = from_int(found.created_at_int), chunk.expiries.get(found.pk)
            if found.expires_at_int is not None:
                expires_at = from_int(found.expires_at_int)
            password = password_cells(bool(user.enabled), created_at, expires_at, now)
            row = *cells(user.user_id, user.name, user.domain_id), *password
            state = None if found.bucket == len(BY_PASSWORD) else BY_PASSWORD[found.bucket]
            listed = counted = state
            if state is EXPIRING and expires_at is not None:
                for days, end in ends.items():
                    self.expiring[days] += expires_at <= end
                listed = state if expires_at <= ends[EXPIRING_DAYS] else None
                counted = state if expires_at <= soon else None
            if listed is not None:
                self.states[listed].append(row)
            if counted is not None:
                self.numbers_by_state[user.domain_id, counted.name] += 1
            if user.enabled and lifetimes.is_too_long(created_at, expires_at, now):
                too_long.append((user, row))
        self._add_long_lived(too_long, selection)

    def _add_long_lived(self, found: list[tuple[_Holder, Row]], selection: Selection) -> None:
        """Add those of people; those with a second factor are only counted."""
        named = [machines.Named(user.user_id, user.name, user.domain_id) for user, _ in found]
        programs = machines.reasons_of(named, selection.directory.kinds)
        people = {user.user_id for user in named} - programs.keys()
        factors = lifetimes.second_factors(people, selection.policy)
        for user, row in found:
            if user.user_id not in people:
                continue
            verdict = factors.get(user.user_id, FactorVerdict.NONE)
            if verdict in lifetimes.ONE_FACTOR:
                self.long_lived.append((*row, lifetimes.why(row[-1])))
            else:
                self.numbers[lifetimes.counted_as(verdict)] += 1


class _Holder(NamedTuple):
    """A row of `local_user`, with a column of `user`."""

    user_id: str
    name: str
    domain_id: str
    enabled: int | None  # 0 or 1


class _Chunk(NamedTuple):
    """Some passwords, who has them, and the expiries of `_old_expiries`."""

    passwords: list[NewestPassword]
    holders: dict[int, _Holder]
    expiries: dict[int, datetime | None]


def _with_holders(passwords: list[NewestPassword], selection: Selection) -> Iterator[_Chunk]:
    for chunk in keyset.batched(sorted(passwords), CHUNK):
        yield _Chunk(chunk, _holders(chunk, selection), _old_expiries(chunk))


@database.reading()
def _old_expiries(passwords: list[NewestPassword]) -> dict[int, datetime | None]:
    """Return by primary key the expiries in the old column, which count if the new one is NULL."""
    unset = [password.pk for password in passwords if password.expires_at_int is None]
    return dict(Password.objects.filter(pk__in=unset).values_list("pk", "expires_at"))


@database.reading()
def _holders(passwords: list[NewestPassword], selection: Selection) -> dict[int, _Holder]:
    """Return who has these passwords, by the id of `local_user`."""
    local_ids = [password.local_id for password in passwords]
    rows = selection.of_domain(LocalUser.objects.filter(pk__in=local_ids))
    columns = ("pk", "user_id", "name", "domain_id", "user__enabled")
    found = jsontext.rows_of(rows, *columns)
    return {local_id: _Holder(*values) for local_id, *values in found}
