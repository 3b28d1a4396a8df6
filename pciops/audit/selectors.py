"""Reads the audit log: acts on accounts, searches with pages from the newest on, exports."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import reduce
from itertools import chain
from operator import or_
from typing import Final

from django.db.models import Count, Q, TextChoices
from django.db.models.functions import TruncDate

from pciops.accounts.account import Failures
from pciops.audit.models import Event, EventQuerySet
from pciops.lib import filters, times
from pciops.lib.filters import FilterError as FilterError
from pciops.lib.keyset import Column, Order, batches
from pciops.lib.merging import MergeSource

OLDEST: Final = Order[Event](
    (Column(name="event_time", kind=datetime), Column(name="id", kind=str))
)
NEWEST: Final = Order[Event](
    (
        Column(name="event_time", kind=datetime, falling=True),
        Column(name="id", kind=str, falling=True),
    )
)
TIMELINE_DAYS: Final = 14
# What users do as themselves, before they have a scope.
OF_PERSON: Final = (Event.Action.SIGN_IN, Event.Action.SIGN_OUT, Event.Action.PASSWORD)
BATCH: Final = 2000  # rows in memory at a time
# Keystone unlocks an account silently with these, if the precondition says that it is locked.
_UNLOCKING: Final = (Event.Action.ENABLE, Event.Action.EXEMPT, Event.Action.LIFT)
_LOCKED: Final = "locked=1"


class ActionGroup(TextChoices):
    """Groups of actions that a search may ask for, besides single ones."""

    ACCOUNTS = "accounts", "Account actions"
    SIGN_INS = "sign-ins", "Sign-ins"
    FILES = "files", "Reports and exports"
    POLICY = "policy", "Policy"


_GROUPS: Final[dict[str, tuple[Event.Action, ...]]] = {
    ActionGroup.ACCOUNTS: (
        *(Event.Action.UNLOCK, Event.Action.ENABLE, Event.Action.DISABLE),
        *(Event.Action.EXEMPT, Event.Action.LIFT, Event.Action.RECORD),
        *(Event.Action.END_SESSIONS, Event.Action.MACHINE, Event.Action.PERSON),
    ),
    ActionGroup.SIGN_INS: (
        *(Event.Action.SIGN_IN, Event.Action.SIGN_OUT),
        *(Event.Action.PASSWORD, Event.Action.DENY),
    ),
    ActionGroup.FILES: (
        *(Event.Action.EXPORT, Event.Action.REPORT),
        *(Event.Action.BUILD, Event.Action.SIGN_OFF),
    ),
    ActionGroup.POLICY: (Event.Action.POLICY,),
}
ACTIONS: Final = (*ActionGroup.values, *Event.Action.values)  # that a search may ask for
_CHOICES: Final = {
    "action": ACTIONS,
    "outcome": tuple(Event.Outcome.values),
    "via": tuple(Event.Via.values),
}


# --- Acts on accounts ---------------------------------------------------------------------------
def account_source(account_id: str) -> MergeSource:
    """Return the acts on an account as the newest source of a merged list."""
    return MergeSource(rank=2, rows=Event.objects.filter(target_id=account_id), order=NEWEST)


def unlock_of(target_id: str, *, precondition: str, but: Event) -> Event | None:
    """Return the act, done or else pending, that ended the lock with these failures."""
    acts = Event.objects.filter(
        target_id=target_id,
        action=Event.Action.UNLOCK,
        precondition=precondition,
        outcome__in=(Event.Outcome.SUCCESS, Event.Outcome.PENDING),
    ).exclude(pk=but.pk)
    return min(
        acts,
        key=lambda act: (act.outcome == Event.Outcome.PENDING, act.event_time),
        default=None,
    )


def last_unlock(target_id: str, *, since: datetime) -> Event | None:
    """Return the newest successful unlock of an account since a time."""
    return _unlocks().filter(target_id=target_id, event_time__gte=since).last()


def unlocks(*, since: datetime) -> dict[str, datetime]:
    """Return the time of the last unlock of each account after a time."""
    acts = _unlocks().filter(event_time__gt=since)
    return dict(acts.values_list("target_id", "event_time"))


def unlocks_of(target_ids: Collection[str]) -> dict[tuple[str, str], Event]:
    """Return the first unlock of each lock: (account, time of its last failure) → act.

    The time is in whole seconds, because Keystone's database may store no more.
    """
    by_lock = {}
    for act in _unlocks().filter(target_id__in=target_ids).reverse():
        at = failures_of(act).failed_auth_at
        if at is not None:
            by_lock[act.target_id, times.iso(at.replace(microsecond=0)) or ""] = act
    return by_lock


def is_unlock(event: Event) -> bool:
    """Return whether the act ends a lock if it is done: an unlock, or a change that does it too."""
    locked = event.action in _UNLOCKING and _LOCKED in event.precondition
    return event.action == Event.Action.UNLOCK or locked


def count_unlocks(*, since: datetime, until: datetime, but: Event | None = None, **who: str) -> int:
    """Count the acts that ended a lock in a time, or may have.

    Args:
        but: an act that does not count, nor do those that are under way for the same lock: only
            one of them can end it.
        who: `target_id` or `initiator_id`.
    """
    acts = _ended_locks(since, until).filter(**who)
    if but is not None:
        acts = acts.exclude(pk=but.pk).exclude(
            action=Event.Action.UNLOCK,
            outcome=Event.Outcome.PENDING,
            target_id=but.target_id,
            precondition=but.precondition,
        )
    return acts.count()


def unlock_counts(
    target_ids: Collection[str], *, since: datetime, until: datetime
) -> dict[str, int]:
    """Return the numbers of `count_unlocks` of each of these accounts that has any."""
    acts = _ended_locks(since, until).filter(target_id__in=target_ids)
    counts = acts.order_by().values("target_id").annotate(number=Count("pk"))
    return dict(counts.values_list("target_id", "number"))


def _ended_locks(since: datetime, until: datetime) -> EventQuerySet:
    """Return the acts that ended a lock in a time, or may have."""
    acts = Event.objects.filter(
        Q(action=Event.Action.UNLOCK) | Q(action__in=_UNLOCKING, precondition__contains=_LOCKED),
        event_time__gt=since,
        event_time__lte=until,
    )
    return acts.exclude(outcome=Event.Outcome.FAILURE)


def marked(*marks: str, since: datetime) -> list[Event]:
    """Return the acts since a time whose remark has one of these marks, the oldest first."""
    acts = Event.objects.filter(event_time__gt=since).exclude(outcome=Event.Outcome.FAILURE)
    found = reduce(or_, [Q(remark__contains=mark) for mark in marks])
    return list(OLDEST.sort(acts.filter(found)))


def _unlocks() -> EventQuerySet:
    """Return the successful unlocks, the oldest first."""
    acts = Event.objects.filter(action=Event.Action.UNLOCK, outcome=Event.Outcome.SUCCESS)
    return acts.order_by("event_time", "id")


def failures_of(act: Event) -> Failures:
    """Return the failures that were the precondition of an unlock; none for other acts."""
    try:
        return Failures.parse(act.precondition)
    except ValueError:
        return Failures(failed_auth_count=0, failed_auth_at=None)


def acted_on(target_ids: Collection[str], *, since: datetime) -> dict[str, datetime]:
    """Return the begin of the last act on each account since a time, without failed acts."""
    acts = Event.objects.filter(target_id__in=target_ids, event_time__gte=since)
    acts = acts.exclude(outcome=Event.Outcome.FAILURE)
    return dict(acts.order_by("event_time", "id").values_list("target_id", "event_time"))


def pending(*, before: datetime) -> list[Event]:
    """Return the acts that began before a time and are not settled, the oldest first."""
    rows = Event.objects.filter(position=None, outcome=Event.Outcome.PENDING)
    return list(OLDEST.sort(rows.filter(event_time__lt=before)))


# --- Searches -----------------------------------------------------------------------------------
def within(scope: str | None, *, intents: bool = False) -> EventQuerySet:
    """Return the rows that operators of a domain see; all for None.

    They see acts on the domain's accounts, what operators did for this domain, and the sign-ins of
    its users. What a user of the domain did for the whole cloud is not theirs to see.

    Args:
        intents: also the rows of intents, without which the chain has gaps.
    """
    rows: EventQuerySet = Event.rows.all() if intents else Event.objects.all()
    if scope is None:
        return rows
    of_its_users = Q(action__in=OF_PERSON) | Q(action=Event.Action.DENY, initiator_scope="")
    return rows.filter(
        Q(target_domain_id=scope)
        | Q(target_id="", initiator_scope=scope)
        | Q(of_its_users, target_id="", initiator_domain_id=scope)
    )


def between(
    begins: datetime, ends: datetime, *, actions: Collection[str], scope: str | None
) -> Iterator[Event]:
    """Yield the rows with these actions in a time, without its end, the oldest first."""
    rows = within(scope).filter(action__in=actions, event_time__gte=begins, event_time__lt=ends)
    return chain.from_iterable(batches(rows, OLDEST, size=BATCH))


def count_between(begins: datetime, ends: datetime, *, scope: str | None) -> int:
    """Count the rows in a time, without its end."""
    return within(scope).filter(event_time__gte=begins, event_time__lt=ends).count()


@dataclass(frozen=True, kw_only=True)
class AuditQuery:
    """The filters of a search; "" and None are no filter."""

    action: str = ""  # one of ACTIONS
    outcome: str = ""
    via: str = ""
    operator: str = ""  # part of the initiator's name, or the initiator's id
    account: str = ""  # part of the account's name, or its id
    since: date | None = None  # UTC days, both included
    until: date | None = None

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> AuditQuery:
        """Parse the filters of a URL, which are the fields of AuditQuery, or raise FilterError."""
        return cls(
            **{name: filters.choice(parameters, name, values) for name, values in _CHOICES.items()},
            operator=filters.text(parameters, "operator"),
            account=filters.text(parameters, "account"),
            since=filters.day(parameters, "from"),
            until=filters.day(parameters, "to"),
        )

    @property
    def parameters(self) -> dict[str, str]:
        """The filters as parameters of a URL."""
        return filters.parameters(self)


@dataclass(frozen=True, kw_only=True)
class AuditPage:
    """Rows, the newest first, and the marker of the next page; "" if there is none."""

    events: list[Event]
    next: str


def page(query: AuditQuery, *, scope: str | None, marker: str = "", limit: int) -> AuditPage:
    """Return one page of a search, or raise MarkerError."""
    rows = _matching(query, scope)
    if marker:
        rows = rows & NEWEST.after(Event.rows.all(), marker)
    events = list(NEWEST.sort(rows)[: limit + 1])
    next_marker = NEWEST.marker(events[limit - 1]) if len(events) > limit else ""
    return AuditPage(events=events[:limit], next=next_marker)


def daily_counts(
    query: AuditQuery, *, scope: str | None, today: date
) -> list[tuple[date, int, int]]:
    """Count the successful and the other rows of each day, in two weeks up to the last day.

    Pending and unknown count as not successful. Days outside the query are left out.
    """
    last = min(query.until or today, today)
    before = min(TIMELINE_DAYS - 1, (last - date.min).days)
    first = max(query.since or date.min, last - timedelta(days=before))
    rows = _matching(replace(query, since=first, until=last), scope).order_by()
    done = Count("pk", filter=Q(outcome=Event.Outcome.SUCCESS))
    counts = rows.values(day=TruncDate("event_time")).annotate(total=Count("pk"), done=done)
    numbers = {row["day"]: (row["done"], row["total"] - row["done"]) for row in counts}
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [(day, *numbers.get(day, (0, 0))) for day in days]


def iterate(query: AuditQuery, *, scope: str | None) -> Iterator[Event]:
    """Yield all rows of a search, with those of intents, the newest first."""
    rows = _matching(query, scope, intents=True)
    return chain.from_iterable(batches(rows, NEWEST, size=BATCH))


def _matching(query: AuditQuery, scope: str | None, *, intents: bool = False) -> EventQuerySet:
    rows = within(scope, intents=intents or query.action == Event.Action.INTENT)
    for name in _CHOICES:
        value = getattr(query, name)
        if value in _GROUPS:
            rows = rows.filter(action__in=_GROUPS[value])
        elif value:
            rows = rows.filter(**{name: value})
    if query.operator:
        rows = rows.filter(
            Q(initiator_id=query.operator) | Q(initiator_name__icontains=query.operator)
        )
    if query.account:
        rows = rows.filter(Q(target_id=query.account) | Q(target_name__icontains=query.account))
    return rows.filter(filters.days("event_time", query.since, query.until))
