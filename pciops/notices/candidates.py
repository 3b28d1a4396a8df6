"""Accounts to which notices may be due: few statements, each a range of one table.

Most notices that are due were planned in an earlier hour. The key of a notice shows that, and needs
only few columns; the rest of an account is read if its notice may be new. The keys are those of
`due`, which also has the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Any, Final

from django.db.models import QuerySet

from pciops.accounts import loading, selectors
from pciops.accounts.account import Account, active_on
from pciops.accounts.loading import HeldPassword, PasswordFacts
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import INACTIVE_SOON, LOCKED
from pciops.accounts.states.password import expires, superseded
from pciops.keystone import database
from pciops.keystone.models import LocalUser, Password, User
from pciops.lib.keyset import chunks
from pciops.notices.due import LONGEST_USE, USEFUL_FOR, NoticeKey, key_by_activity, key_by_expiry
from pciops.notices.models import Notice, NoticeKind
from pciops.notices.rules import DomainRules, RuleBook

CHUNK: Final = 5000  # rows of Keystone's in memory at a time

Known = set[tuple[str, NoticeKey]]  # by user id
RulesOf = Callable[[str | None], DomainRules]  # by the id of a domain


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """A chunk of accounts, and the notices that they already have."""

    accounts: list[Account]
    known: Known


def by_expiry(book: RuleBook, rules: RulesOf, now: datetime) -> Iterator[Candidates]:
    """Yield the accounts whose newest password expires in the range.

    Most passwords of the range were superseded by a change: they expired when it was made.
    """
    ahead = timedelta(days=book.furthest(NoticeKind.PASSWORD_EXPIRING))
    expired = NoticeKind.PASSWORD_EXPIRED
    behind = USEFUL_FOR[expired] if book.on(expired) else timedelta(0)
    rows = Password.objects.filter(expires(gt=now - behind, lte=now + ahead), ~superseded())
    for passwords in chunks(rows, _read_passwords, attrgetter("facts.pk"), size=CHUNK):
        known = known_notices([held.user_id for held in passwords], now)
        new = {}
        for held in passwords:
            at = loading.expires_at(held.facts)
            key = key_by_expiry(at, rules(held.domain_id), now) if at else None
            if held.has_twin or (key is not None and (held.user_id, key) not in known):
                new[held.local_id] = held
        yield Candidates(accounts=_holders(new.values()), known=known)


def by_activity(
    policy: Policy, book: RuleBook, rules: RulesOf, now: datetime
) -> Iterator[Candidates]:
    """Yield the accounts that will be inactive in the range."""
    soon = replace(policy, inactive_soon_days=book.furthest(NoticeKind.INACTIVITY))
    rows = User.objects.filter(INACTIVE_SOON.row_condition(soon, now))
    for users in chunks(rows, _read_activity, itemgetter(0), size=CHUNK):
        known = known_notices([user_id for user_id, *_ in users], now)
        new = []
        for user_id, domain_id, last_active_at, created_at in users:
            day = active_on(last_active_at, created_at)
            key = key_by_activity(day, rules(domain_id), policy, now)
            if key is not None and (user_id, key) not in known:
                new.append(user_id)
        yield Candidates(accounts=accounts_of(new), known=known)


def by_lock(policy: Policy, now: datetime) -> Iterator[Candidates]:
    """Yield the locked accounts."""
    rows = LocalUser.objects.filter(LOCKED.condition(policy, now))
    for found in chunks(rows, _read_local_users, attrgetter("local_id"), size=CHUNK):
        accounts = _owners(found)
        known = known_notices([account.id for account in accounts], now)
        yield Candidates(accounts=accounts, known=known)


def of_users(user_ids: Collection[str], now: datetime) -> Candidates:
    """Return the accounts of these users that still exist."""
    return Candidates(accounts=accounts_of(user_ids), known=known_notices(user_ids, now))


@database.reading()
def accounts_of(user_ids: Collection[str]) -> list[Account]:
    """Return the accounts of these users that still exist, without their kinds."""
    if not user_ids:
        return []
    return loading.owners(loading.user_rows(User.objects.filter(id__in=user_ids)))


def known_notices(user_ids: Collection[str], now: datetime) -> Known:
    """Return the keys of the notices of these users that may be of use at `now`.

    The unique index of the table has all columns, so no row is looked up.
    """
    rows = Notice.objects.filter(user_id__in=user_ids, fact_at__gt=now - LONGEST_USE)
    columns = rows.values_list("user_id", "kind", "fact_at", "step")
    return {(user_id, NoticeKey(kind, fact_at, step)) for user_id, kind, fact_at, step in columns}


def rules_of(book: RuleBook) -> RulesOf:
    """Return the rules by the ids of domains; reads the names of all domains."""
    names = {domain.id: domain.name for domain in selectors.domains(scope=None)}
    rules = {domain_id: book.of_domain(domain_id, name) for domain_id, name in names.items()}
    # The row of a domain may be missing; its id is then its name, as in `loading`.
    return lambda id_: rules.get(id_ or "") or book.of_domain(id_ or "", id_ or "")


def _holders(passwords: Collection[HeldPassword]) -> list[Account]:
    """Return the accounts that hold these passwords."""
    newest = {held.local_id: held.facts for held in passwords}
    if not newest:
        return []
    newest |= _newest_of_twins([held.local_id for held in passwords if held.has_twin])
    return _owners(_read_local_users(LocalUser.objects.filter(pk__in=newest)), newest)


@database.reading()
def _newest_of_twins(local_ids: list[int]) -> dict[int, PasswordFacts]:
    found = loading.passwords(local_ids) if local_ids else {}
    newest = {id_: loading.newest_password(found.get(id_, ())) for id_ in local_ids}
    return {id_: facts for id_, facts in newest.items() if facts is not None}


@database.reading()
def _read_passwords(rows: QuerySet[Password]) -> list[HeldPassword]:
    return loading.held_passwords(rows)


@database.reading()
def _read_activity(rows: QuerySet[User]) -> list[tuple[Any, ...]]:
    return list(rows.values_list("pk", "domain_id", "last_active_at", "created_at"))


@database.reading()
def _read_local_users(rows: QuerySet[LocalUser]) -> list[loading.AccountRow]:
    return loading.local_user_rows(rows)


@database.reading()
def _owners(
    rows: list[loading.AccountRow], newest: dict[int, PasswordFacts] | None = None
) -> list[Account]:
    return loading.owners(rows, newest=newest)
