"""Planning: stores the notices that are due by Keystone's tables, and cancels obsolete ones.

Everything is read and written in chunks, so memory does not grow with the cloud. Planning twice,
or in two processes at once, adds nothing: see the unique key of models.Notice. `candidates` reads
the accounts, and `due` has the rules.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Final

from django.db.models import Q

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.audit import selectors as audit
from pciops.keystone import limits
from pciops.lib import retries
from pciops.lib.addresses import storable
from pciops.lib.claims import unclaimed
from pciops.lib.keyset import batched, chunks
from pciops.lib.threads import read_ahead
from pciops.lib.upsert import insert_new
from pciops.notices import candidates
from pciops.notices.candidates import CHUNK, Candidates
from pciops.notices.due import USEFUL_FOR, DueNotice, due_notices, due_unlock, why_obsolete
from pciops.notices.mail import recipients
from pciops.notices.mail.message import message_id
from pciops.notices.models import Notice, NoticeKind, NoticeStatus
from pciops.notices.rules import RuleBook

OPEN: Final = (NoticeStatus.PLANNED, NoticeStatus.NO_ADDRESS, NoticeStatus.BAD_ADDRESS)

AccountDues = list[tuple[Account, DueNotice]]


@dataclass(kw_only=True)
class PlanResult:
    """The result of a planning."""

    planned: Counter[str] = field(default_factory=Counter)  # kind → new notices
    unsendable: int = 0  # of the new ones


@limits.of_job()
def by_date(*, policy: Policy, book: RuleBook, now: datetime) -> PlanResult:
    """Plan what is due by date: expiry and inactivity.

    Raises:
        KeystoneDatabaseDownError: what was planned until then is kept.
    """
    return _store(read_ahead(dues_by_date(policy=policy, book=book, now=now)), now)


@limits.of_job()
def by_lock(*, policy: Policy, book: RuleBook, now: datetime) -> PlanResult:
    """Plan what cannot wait for the hour: locks and unlocks."""
    return _store(dues_by_lock(policy=policy, book=book, now=now), now)


def dues_by_date(*, policy: Policy, book: RuleBook, now: datetime) -> Iterator[AccountDues]:
    """Yield what `by_date` plans, in chunks."""
    expiry = (NoticeKind.PASSWORD_EXPIRING, NoticeKind.PASSWORD_EXPIRED)
    rules = candidates.rules_of(book)
    if any(book.on(kind) for kind in expiry):
        for found in candidates.by_expiry(book, rules, now):
            yield _dues(found, expiry, policy, book, now)
    if book.on(NoticeKind.INACTIVITY):
        for found in candidates.by_activity(policy, book, rules, now):
            yield _dues(found, (NoticeKind.INACTIVITY,), policy, book, now)


def dues_by_lock(*, policy: Policy, book: RuleBook, now: datetime) -> Iterator[AccountDues]:
    """Yield what `by_lock` plans, in chunks."""
    if book.on(NoticeKind.LOCKED):
        for found in candidates.by_lock(policy, now):
            yield _dues(found, (NoticeKind.LOCKED,), policy, book, now)
    if book.on(NoticeKind.UNLOCKED):
        times = audit.unlocks(since=now - USEFUL_FOR[NoticeKind.UNLOCKED])
        for user_ids in batched(times, CHUNK):
            found = candidates.of_users(user_ids, now)
            dues = (
                (account, due_unlock(account, times[account.id], book.of(account), policy, now))
                for account in found.accounts
            )
            yield [
                (account, due)
                for account, due in dues
                if due is not None and (account.id, due.key) not in found.known
            ]


def _dues(
    found: Candidates,
    kinds: Collection[NoticeKind],
    policy: Policy,
    book: RuleBook,
    now: datetime,
) -> AccountDues:
    """Return what is due to the accounts and not planned yet."""
    return [
        (account, due)
        for account in found.accounts
        for due in due_notices(account, book.of(account), policy, now, kinds=kinds)
        if (account.id, due.key) not in found.known
    ]


# --- Storing -----------------------------------------------------------------------------------
def _store(chunks_of_dues: Iterable[AccountDues], now: datetime) -> PlanResult:
    result = PlanResult()
    for dues in chunks_of_dues:
        rows = [_notice(account, due, now) for account, due in dues]
        _insert(rows)
        result.planned.update(row.kind for row in rows)
        result.unsendable += sum(row.status != NoticeStatus.PLANNED for row in rows)
    return result


@retries.repeated
def _insert(rows: list[Notice]) -> None:
    insert_new(Notice, rows)


def _notice(account: Account, due: DueNotice, now: datetime) -> Notice:
    status, email = status_of(account.email), storable(account.email)
    notice = Notice(
        kind=due.kind.value,
        fact_at=due.fact_at,
        step=due.step,
        user_id=account.id,
        name=storable(account.name),
        domain_id=account.domain_id,
        domain_name=storable(account.domain_name),
        email=email,
        failures=due.failures,
        planned_at=now,
        good_until=due.good_until,
        status=status,
        answer="" if status == NoticeStatus.PLANNED else recipients.problem(account.email),
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
@limits.of_job()
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
    accounts = {
        account.id: account for account in candidates.accounts_of({n.user_id for n in notices})
    }
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
