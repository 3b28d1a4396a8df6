"""Planning: stores the notices that are due by Keystone's tables, and cancels obsolete ones.

Everything is read and written in chunks, so memory does not grow with the cloud. Planning twice,
or in two processes at once, adds nothing: see the unique key of models.Notice.
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
from pciops.audit import selectors as audit
from pciops.keystone import database
from pciops.keystone.models import LocalUser, Password, User
from pciops.lib import retries
from pciops.lib.addresses import storable
from pciops.lib.claims import unclaimed
from pciops.lib.keyset import chunks
from pciops.notices.due import USEFUL_FOR, DueNotice, due_notices, due_unlock, why_obsolete
from pciops.notices.mail import recipients
from pciops.notices.mail.message import message_id
from pciops.notices.models import Notice, NoticeKind, NoticeStatus
from pciops.notices.rules import RuleBook

CHUNK: Final = 5000  # rows of Keystone's in memory at a time
INSERTED: Final = 500  # notices that are inserted with one statement
OPEN: Final = (NoticeStatus.PLANNED, NoticeStatus.NO_ADDRESS, NoticeStatus.BAD_ADDRESS)

AccountDues = list[tuple[Account, DueNotice]]


@dataclass(kw_only=True)
class PlanResult:
    """The result of a planning."""

    planned: Counter[str] = field(default_factory=Counter)  # kind → new notices
    unsendable: int = 0  # of the new ones


def by_date(*, policy: Policy, book: RuleBook, now: datetime) -> PlanResult:
    """Plan what is due by date: expiry and inactivity.

    Raises:
        KeystoneDatabaseDownError: what was planned until then is kept.
    """
    return _store(dues_by_date(policy=policy, book=book, now=now), now)


def by_lock(*, policy: Policy, book: RuleBook, now: datetime) -> PlanResult:
    """Plan what cannot wait for the hour: locks and unlocks."""
    return _store(dues_by_lock(policy=policy, book=book, now=now), now)


def dues_by_date(*, policy: Policy, book: RuleBook, now: datetime) -> Iterator[AccountDues]:
    """Yield what `by_date` plans in chunks, including what is planned already."""
    expiry = (NoticeKind.PASSWORD_EXPIRING, NoticeKind.PASSWORD_EXPIRED)
    if any(book.on(kind) for kind in expiry):
        for accounts in _with_expiring_passwords(book, now):
            yield _dues(accounts, expiry, policy, book, now)
    if book.on(NoticeKind.INACTIVITY):
        for accounts in _inactive_soon(policy, book, now):
            yield _dues(accounts, (NoticeKind.INACTIVITY,), policy, book, now)


def dues_by_lock(*, policy: Policy, book: RuleBook, now: datetime) -> Iterator[AccountDues]:
    """Yield what `by_lock` plans in chunks, including what is planned already."""
    if book.on(NoticeKind.LOCKED):
        for accounts in _locked(policy, now):
            yield _dues(accounts, (NoticeKind.LOCKED,), policy, book, now)
    if book.on(NoticeKind.UNLOCKED):
        times = audit.unlocks(since=now - USEFUL_FOR[NoticeKind.UNLOCKED])
        user_ids = list(times)
        for start in range(0, len(user_ids), CHUNK):
            dues = (
                (account, due_unlock(account, times[account.id], book.of(account), policy, now))
                for account in accounts_of(user_ids[start : start + CHUNK])
            )
            yield [(account, due) for account, due in dues if due is not None]


def without_notice(dues: AccountDues, now: datetime) -> AccountDues:
    """Return those that have no notice yet."""
    users = {account.id for account, _ in dues}
    rows = Notice.objects.filter(user_id__in=users, good_until__gt=now)
    existing = set(rows.values_list("user_id", "kind", "fact_at", "step"))
    return [
        (account, due)
        for account, due in dues
        if (account.id, due.kind.value, due.fact_at, due.step) not in existing
    ]


def accounts_of(user_ids: Collection[str]) -> list[Account]:
    """Return the accounts of these users that still exist."""
    return _read_users(User.objects.filter(id__in=user_ids))


def _dues(
    accounts: Iterable[Account],
    kinds: Collection[NoticeKind],
    policy: Policy,
    book: RuleBook,
    now: datetime,
) -> AccountDues:
    return [
        (account, due)
        for account in accounts
        for due in due_notices(account, book.of(account), policy, now, kinds=kinds)
    ]


# --- Candidates: few statements, each a range of one table -------------------------------------
def _with_expiring_passwords(book: RuleBook, now: datetime) -> Iterator[list[Account]]:
    """Yield accounts whose newest password expires in the range.

    Most passwords of the range were superseded by a change: they expired when it was made.
    """
    ahead = timedelta(days=book.furthest(NoticeKind.PASSWORD_EXPIRING))
    expired = NoticeKind.PASSWORD_EXPIRED
    behind = USEFUL_FOR[expired] if book.on(expired) else timedelta(0)
    rows = Password.objects.filter(expires(gt=now - behind, lte=now + ahead), ~superseded())
    for pairs in chunks(rows, _read_passwords, lambda pair: pair[0], size=CHUNK):
        local = LocalUser.objects.filter(pk__in={local_id for _, local_id in pairs})
        yield _accounts(_read_local_users(local))


def _inactive_soon(policy: Policy, book: RuleBook, now: datetime) -> Iterator[list[Account]]:
    policy = replace(policy, inactive_soon_days=book.furthest(NoticeKind.INACTIVITY))
    rows = User.objects.filter(INACTIVE_SOON.row_condition(policy, now))
    return chunks(rows, _read_users, attrgetter("id"), size=CHUNK)


def _locked(policy: Policy, now: datetime) -> Iterator[list[Account]]:
    rows = LocalUser.objects.filter(LOCKED.condition(policy, now))
    return map(_accounts, chunks(rows, _read_local_users, attrgetter("local_id"), size=CHUNK))


@database.reading()
def _read_passwords(rows: QuerySet[Password]) -> list[tuple[int, int]]:
    return list(rows.values_list("pk", "local_user_id"))


@database.reading()
def _read_users(rows: QuerySet[User]) -> list[Account]:
    return loading.accounts(loading.user_rows(rows), kinds={})


@database.reading()
def _read_local_users(rows: QuerySet[LocalUser]) -> list[loading.AccountRow]:
    return loading.local_user_rows(rows)


@database.reading()
def _accounts(rows: list[loading.AccountRow]) -> list[Account]:
    return loading.accounts(rows, kinds={})


# --- Storing -----------------------------------------------------------------------------------
def _store(chunks_of_dues: Iterable[AccountDues], now: datetime) -> PlanResult:
    result = PlanResult()
    for dues in chunks_of_dues:
        rows = [_notice(account, due, now) for account, due in without_notice(dues, now)]
        _insert(rows)
        result.planned.update(row.kind for row in rows)
        result.unsendable += sum(row.status != NoticeStatus.PLANNED for row in rows)
    return result


@retries.repeated
def _insert(rows: list[Notice]) -> None:
    Notice.objects.bulk_create(rows, batch_size=INSERTED, ignore_conflicts=True)


def _notice(account: Account, due: DueNotice, now: datetime) -> Notice:
    notice = Notice(
        kind=due.kind.value,
        fact_at=due.fact_at,
        step=due.step,
        user_id=account.id,
        name=storable(account.name),
        domain_id=account.domain_id,
        domain_name=storable(account.domain_name),
        email=storable(account.email),
        failures=due.failures,
        planned_at=now,
        good_until=due.good_until,
        status=status_of(account.email),
        answer=recipients.problem(account.email),
        next_attempt_at=now,
    )
    notice.message_id = message_id(notice.id.hex)
    return notice


def status_of(email: str) -> NoticeStatus:
    """Return the first status of a notice to this address."""
    if not email.strip():
        return NoticeStatus.NO_ADDRESS
    return NoticeStatus.PLANNED if recipients.allowed(email) else NoticeStatus.BAD_ADDRESS


# --- Review ------------------------------------------------------------------------------------
def review(*, policy: Policy, book: RuleBook, now: datetime) -> int:
    """Cancel obsolete notices and update changed addresses; return how many were canceled."""
    current = Q(status=NoticeStatus.PLANNED) | Q(good_until__gt=now)
    rows = Notice.objects.filter(current, unclaimed(now), status__in=OPEN)
    return sum(
        len(notices) - len(standing(notices, policy=policy, book=book, now=now))
        for notices in chunks(rows, list, attrgetter("pk"), size=CHUNK)
    )


def standing(
    notices: Sequence[Notice], *, policy: Policy, book: RuleBook, now: datetime
) -> list[Notice]:
    """Cancel the obsolete notices and return the others, with their addresses of now."""
    accounts = {account.id: account for account in accounts_of({n.user_id for n in notices})}
    obsolete: dict[str, list[uuid.UUID]] = defaultdict(list)
    kept = []
    for notice in notices:
        account = accounts.get(notice.user_id)
        rules = book.default if account is None else book.of(account)
        if reason := why_obsolete(notice, account, rules, policy, now):
            obsolete[reason].append(notice.pk)
            continue
        if account is not None:
            current = storable(account.email), status_of(account.email)
            if current != (notice.email, notice.status):
                _update_address(notice, account.email)
        kept.append(notice)
    # A worker that claims one of them meanwhile sets a new token.
    unchanged = Notice.objects.filter(claimed_by__in={notice.claimed_by for notice in notices})
    for reason, keys in obsolete.items():
        unchanged.filter(pk__in=keys, status__in=OPEN).update(
            status=NoticeStatus.CANCELLED, answer=reason, settled_at=now, claimed_until=None
        )
    return kept


def _update_address(notice: Notice, email: str) -> None:
    unchanged = Notice.objects.filter(
        pk=notice.pk, status=notice.status, claimed_by=notice.claimed_by
    )
    notice.email, notice.status = storable(email), status_of(email)
    if notice.status != NoticeStatus.PLANNED:
        notice.claimed_until = None
    notice.answer = recipients.problem(email)
    unchanged.update(
        email=notice.email,
        status=notice.status,
        answer=notice.answer,
        claimed_until=notice.claimed_until,
    )
