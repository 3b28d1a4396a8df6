"""Planning: finds what is due in Keystone's tables, keeps it, and cancels what no longer holds.

Everything is read and written in chunks, so memory does not grow with the cloud. Doing it twice,
or in two processes at once, adds nothing: see the key of models.Notice.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final

from django.db.models import Q, QuerySet

from pciops.accounts import loading
from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import INACTIVE_SOON, LOCKED
from pciops.accounts.states.password import expires, superseded
from pciops.audit import selectors as trail
from pciops.keystone import database
from pciops.keystone.models import LocalUser, Password, User
from pciops.lib import mail
from pciops.lib.addresses import mail_address, storable
from pciops.lib.inserts import insert_new
from pciops.lib.keyset import chunks
from pciops.notices.facts import WORTH, Due, due, unlocked, why_not
from pciops.notices.models import Notice
from pciops.notices.rules import Book

Kind = Notice.Kind
Status = Notice.Status

CHUNK: Final = 5000  # rows of Keystone's in memory at a time
BY_DATE: Final = (Kind.PASSWORD_EXPIRING, Kind.PASSWORD_EXPIRED, Kind.INACTIVITY)

Dues = list[tuple[Account, Due]]
_Key = tuple[str, str, datetime, int]


@dataclass(kw_only=True)
class Plan:
    """What a planning did."""

    planned: Counter[str] = field(default_factory=Counter)  # kind → new notices, sendable or not
    unsendable: int = 0  # of the new ones
    cancelled: int = 0


def by_date(*, policy: Policy, book: Book, now: datetime) -> Plan:
    """Plan what days bring: expiry and inactivity. Once an hour is plenty.

    Raises:
        KeystoneDatabaseDownError: what was planned until then stays.
    """
    plan = Plan()
    for dues in dues_by_date(policy=policy, book=book, now=now):
        _keep(dues, plan, now)
    return plan


def by_lock(*, policy: Policy, book: Book, now: datetime) -> Plan:
    """Plan what cannot wait for the hour: locks and unlocks.

    Raises:
        KeystoneDatabaseDownError
    """
    plan = Plan()
    for dues in dues_by_lock(policy=policy, book=book, now=now):
        _keep(dues, plan, now)
    return plan


def dues_by_date(*, policy: Policy, book: Book, now: datetime) -> Iterator[Dues]:
    """What `by_date` plans, whether it is planned already or not, chunk by chunk."""
    if book.on(Kind.PASSWORD_EXPIRING) or book.on(Kind.PASSWORD_EXPIRED):
        for accounts in _by_password(book, now):
            yield _dues(accounts, BY_DATE[:2], policy, book, now)
    if book.on(Kind.INACTIVITY):
        for accounts in _by_activity(policy, book, now):
            yield _dues(accounts, BY_DATE[2:], policy, book, now)


def dues_by_lock(*, policy: Policy, book: Book, now: datetime) -> Iterator[Dues]:
    """What `by_lock` plans, whether it is planned already or not, chunk by chunk."""
    if book.on(Kind.LOCKED):
        for accounts in _locked(policy, now):
            yield _dues(accounts, (Kind.LOCKED,), policy, book, now)
    if book.on(Kind.UNLOCKED):
        times = trail.unlocks(since=now - WORTH[Kind.UNLOCKED])
        for users in _chunks(list(times)):
            found = [
                (account, unlocked(account, times[account.id], book.of(account), policy, now))
                for account in accounts_of(users)
            ]
            yield [(account, one) for account, one in found if one is not None]


def unknown(dues: Dues, now: datetime) -> Dues:
    """Those that have no notice yet."""
    users = {account.id for account, _ in dues}
    rows = Notice.objects.filter(user_id__in=users, good_until__gt=now)
    known: set[_Key] = set(rows.values_list("user_id", "kind", "fact_at", "step"))
    return [
        (account, one)
        for account, one in dues
        if (account.id, one.kind.value, one.fact_at, one.step) not in known
    ]


def accounts_of(user_ids: Collection[str]) -> list[Account]:
    """The accounts of these users, as far as they still exist."""
    return _read_accounts(User.objects.filter(id__in=user_ids))


def _dues(
    accounts: Iterable[Account],
    kinds: Collection[Notice.Kind],
    policy: Policy,
    book: Book,
    now: datetime,
) -> Dues:
    return [
        (account, one)
        for account in accounts
        for one in due(account, book.of(account), policy, now, kinds=kinds)
    ]


# --- What may be due: few statements, each a range of one table --------------------------------
def _by_password(book: Book, now: datetime) -> Iterator[list[Account]]:
    """Accounts whose newest password expires in the range; of equally old ones any.

    Who changed a password in the last days has one that expired then, and is most of the range.
    """
    ahead = timedelta(days=book.furthest(Kind.PASSWORD_EXPIRING))
    behind = WORTH[Kind.PASSWORD_EXPIRED] if book.on(Kind.PASSWORD_EXPIRED) else timedelta(0)
    within = expires(gt=now - behind, lte=now + ahead)
    rows = Password.objects.filter(within, ~superseded())
    for pairs in chunks(rows, _read_pairs, lambda pair: pair[0], size=CHUNK):
        local = LocalUser.objects.filter(pk__in={local_id for _, local_id in pairs})
        yield _accounts(_read_local(local))


@database.reading()
def _read_pairs(rows: QuerySet[Password]) -> list[tuple[int, int]]:
    return list(rows.values_list("pk", "local_user_id"))


def _by_activity(policy: Policy, book: Book, now: datetime) -> Iterator[list[Account]]:
    soon = replace(policy, inactive_soon_days=book.furthest(Kind.INACTIVITY))
    rows = User.objects.filter(INACTIVE_SOON.row_condition(soon, now))
    return chunks(rows, _read_accounts, attrgetter("id"), size=CHUNK)


def _locked(policy: Policy, now: datetime) -> Iterator[list[Account]]:
    rows = LocalUser.objects.filter(LOCKED.condition(policy, now))
    return map(_accounts, chunks(rows, _read_local, attrgetter("local_id"), size=CHUNK))


@database.reading()
def _read_accounts(rows: QuerySet[User]) -> list[Account]:
    return loading.accounts(loading.user_rows(rows), kinds={})


@database.reading()
def _read_local(rows: QuerySet[LocalUser]) -> list[loading.AccountRow]:
    return loading.local_user_rows(rows)


@database.reading()
def _accounts(rows: list[loading.AccountRow]) -> list[Account]:
    return loading.accounts(rows, kinds={})


# --- What is kept ------------------------------------------------------------------------------
def _keep(dues: Dues, plan: Plan, now: datetime) -> None:
    rows = [_notice(account, one, now) for account, one in unknown(dues, now)]
    if not rows:
        return
    insert_new(rows)
    plan.planned.update(row.kind for row in rows)
    plan.unsendable += sum(row.status != Status.PLANNED for row in rows)


def _notice(account: Account, one: Due, now: datetime) -> Notice:
    notice = Notice(
        kind=one.kind.value,
        fact_at=one.fact_at,
        step=one.step,
        user_id=account.id,
        name=storable(account.name),
        domain_id=account.domain_id,
        domain_name=storable(account.domain_name),
        email=storable(account.email),
        failures=one.failures,
        planned_at=now,
        good_until=one.good_until,
        status=status_of(account.email),
        next_attempt_at=now,
    )
    notice.message_id = mail.message_id(notice.id.hex)
    return notice


def status_of(email: str) -> Notice.Status:
    """How a notice to this address begins."""
    if not email.strip():
        return Status.NO_ADDRESS
    return Status.PLANNED if mail_address(email) else Status.BAD_ADDRESS


# --- What no longer holds ----------------------------------------------------------------------
OPEN: Final = (Status.PLANNED, Status.NO_ADDRESS, Status.BAD_ADDRESS)


def review(*, policy: Policy, book: Book, now: datetime) -> int:
    """Cancel what waits and no longer holds, and follow addresses that changed; says how many.

    Raises:
        KeystoneDatabaseDownError
    """
    still = Q(status=Status.PLANNED) | Q(good_until__gt=now)
    rows = Notice.objects.filter(still, status__in=OPEN)
    return sum(
        len(found) - len(standing(found, policy=policy, book=book, now=now))
        for found in chunks(rows, list, attrgetter("pk"), size=CHUNK)
    )


def standing(
    notices: Sequence[Notice], *, policy: Policy, book: Book, now: datetime
) -> list[Notice]:
    """Those that still hold; the others are cancelled. Addresses are as Keystone has them now.

    Raises:
        KeystoneDatabaseDownError
    """
    statuses = {notice.status for notice in notices}
    accounts = {one.id: one for one in accounts_of({notice.user_id for notice in notices})}
    gone: dict[str, list[uuid.UUID]] = defaultdict(list)
    kept = []
    for notice in notices:
        account = accounts.get(notice.user_id)
        rules = book.usual if account is None else book.of(account)
        reason = why_not(notice, account, rules, policy, now)
        if reason:
            gone[reason].append(notice.pk)
            continue
        if account is not None and storable(account.email) != notice.email:
            _readdress(notice, storable(account.email))
        kept.append(notice)
    for reason, ids in gone.items():
        Notice.objects.filter(pk__in=ids, status__in=statuses).update(
            status=Status.CANCELLED, answer=reason, settled_at=now
        )
    return kept


def _readdress(notice: Notice, email: str) -> None:
    """Give it the address that the account has now."""
    before, new = notice.status, status_of(email)
    notice.email = email
    if before != Status.CLAIMED or new != Status.PLANNED:
        notice.status = new
    Notice.objects.filter(pk=notice.pk, status=before).update(email=email, status=notice.status)


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))
