"""What a daily digest says: one frozen value for the cloud or a domain, made of facts and a clock.

However many accounts there are, a digest names `NAMED` of each sort and counts the others. All
digests of a day are made in one pass over the facts.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.selectors import Domain
from pciops.accounts.states import (
    ATTACKED_EXEMPT,
    DISABLED,
    EXPIRED,
    EXPIRING,
    INACTIVE,
    INACTIVE_SOON,
    LOCK_LAPSED,
    LOCKED,
)
from pciops.accounts.states.inactivity import inactive_on
from pciops.accounts.states.lock import locked_until
from pciops.lib import times
from pciops.lib.addresses import plain

NAMED: Final = 20  # accounts, or mails, of each sort that a digest names
CLOUD: Final = ""  # the scope of a digest about everything; others are ids of domains
LEAST_GAP: Final = timedelta(minutes=30)  # that is worth a line
MISSED: Final = 3  # runs in a row that make a gap


@dataclass(frozen=True, kw_only=True)
class Line:
    """An account or a mail, in words; each is one line, whatever its owner called it."""

    name: str
    domain: str
    words: str
    kinds: str = ""  # "administrator, service account"
    user_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One sort of thing that happened, or is to come."""

    total: int
    lines: tuple[Line, ...]
    of_kind: int = 0  # administrators and service accounts among all

    @property
    def hidden(self) -> int:
        """How many are counted and not named."""
        return self.total - len(self.lines)


@dataclass(frozen=True, kw_only=True)
class Failures:
    """Mails that failed: how many, and the newest of them."""

    total: int = 0
    newest: tuple[Line, ...] = ()
    unaddressed: int = 0  # notices that had no address to go to


@dataclass(frozen=True, kw_only=True)
class Runs:
    """When a job of the timetable ran."""

    label: str  # "The census"
    every: timedelta
    at: Sequence[datetime]  # the oldest first
    begins: datetime | None  # when any job ran first, as far as is known; None: none ever did


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What digests are made of. The accounts are read once, and may be many."""

    locked: Iterable[Account] = ()  # at the threshold and not exempt
    attacked: Iterable[Account] = ()  # at the threshold and exempt
    mattering: Iterable[Account] = ()  # administrators and service accounts
    locked_now: Mapping[str, int] = field(default_factory=dict)  # scope → accounts
    failures: Mapping[str, Failures] = field(default_factory=dict)  # by scope
    runs: Sequence[Runs] = ()


@dataclass(frozen=True, kw_only=True)
class Digest:
    """One day of the cloud, or of a domain."""

    domain: Domain | None
    since: datetime
    now: datetime
    locks: Part
    locked_now: int
    attacked: Part
    coming: Part  # what administrators and service accounts lose, or have just lost
    failed: Part
    unaddressed: int
    gaps: tuple[str, ...]

    @property
    def headlines(self) -> list[str]:
        """What it has to say, the most urgent first: "3 new locks"."""
        many = "administrators and service accounts"
        numbers = (
            (self.locks.total, "new lock", "new locks"),
            (self.attacked.total, "exempt account under attack", "exempt accounts under attack"),
            (self.coming.total, "administrator or service account stops", f"{many} stop"),
            (self.failed.total, "failed mail", "failed mails"),
            (self.unaddressed, "notice without an address", "notices without an address"),
            (len(self.gaps), "gap in the timetable", "gaps in the timetable"),
        )
        return [
            f"{number:,} {one if number == 1 else several}"
            for number, one, several in numbers
            if number
        ]

    @property
    def empty(self) -> bool:
        """Whether nothing needs anybody."""
        return not self.headlines


@dataclass(frozen=True, kw_only=True)
class Span:
    """Whom a digest is about, and since when; see `build`."""

    domain: Domain | None
    since: datetime

    @property
    def scope(self) -> str:
        return self.domain.id if self.domain else CLOUD


def build(
    facts: Facts, spans: Iterable[Span], *, policy: Policy, now: datetime
) -> dict[str, Digest]:
    """Scope → its digest, for each span."""
    drafts = {span.scope: _Draft(span) for span in spans}
    for account in facts.locked:
        _note(drafts, "locks", account, lambda one, since: _lock(one, since, policy, now))
    for account in facts.attacked:
        _note(drafts, "attacked", account, lambda one, since: _attack(one, since, policy, now))
    for account in facts.mattering:
        _note(drafts, "coming", account, lambda one, since: _coming(one, since, policy, now))
    return {scope: draft.digest(facts, now) for scope, draft in drafts.items()}


# --- What is said of an account -----------------------------------------------------------------
_Noted = tuple[tuple[Any, ...], str]  # by what it is sorted, and the words
_Says = Callable[[Account, datetime], _Noted | None]


def _lock(account: Account, since: datetime, policy: Policy, now: datetime) -> _Noted | None:
    at, until = account.failed_auth_at, locked_until(account, policy)
    if at is None or at <= since:
        return None
    if LOCKED.holds(account, policy, now):
        ends = f"ends by itself at {times.dated(until)}" if until else "does not end by itself"
    elif LOCK_LAPSED.holds(account, policy, now) and until is not None:
        ends = f"ended by itself at {times.dated(until)}"
    else:
        return None
    words = f"locked at {times.dated(at)} after {_failures(account)}; {ends}"
    return (not account.kinds, now - at), words


def _attack(account: Account, since: datetime, policy: Policy, now: datetime) -> _Noted | None:
    at = account.failed_auth_at
    if not ATTACKED_EXEMPT.holds(account, policy, now) or (at is not None and at <= since):
        return None
    last = f", the last at {times.dated(at)}" if at else ""
    words = f"{_failures(account)}{last}; nothing stops the guessing"
    return (not account.kinds, -account.failed_auth_count), words


def _coming(account: Account, since: datetime, policy: Policy, now: datetime) -> _Noted | None:
    """The next that it loses, or what it has lost since the last digest."""
    if DISABLED.holds(account, policy, now):
        return None
    found = [*_expiry(account, since, policy, now), *_inactivity(account, since, policy, now)]
    if not found:
        return None
    found.sort()
    return (found[0][0],), "; ".join(words for _, words in found)


def _expiry(
    account: Account, since: datetime, policy: Policy, now: datetime
) -> list[tuple[datetime, str]]:
    at = account.password_expires_at
    if at is None:
        return []
    if EXPIRING.holds(account, policy, now):
        return [(at, f"the password expires on {times.dated(at)} ({_away(at.date(), now)})")]
    if EXPIRED.holds(account, policy, now) and at > since and not account.password_expired_when_set:
        return [(at, f"the password has expired at {times.dated(at)}")]
    return []


def _inactivity(
    account: Account, since: datetime, policy: Policy, now: datetime
) -> list[tuple[datetime, str]]:
    first, active = inactive_on(account, policy), account.active_on
    if first is None or active is None:
        return []
    at = datetime.combine(first, time.min, UTC)
    last = f"last used {times.day(active)}"
    if INACTIVE_SOON.holds(account, policy, now):
        words = (
            f"will be disabled for inactivity on {times.day(first)} ({_away(first, now)}), {last}"
        )
        return [(at, words)]
    if INACTIVE.holds(account, policy, now) and at > since:
        return [(at, f"is disabled for inactivity since {times.day(first)}, {last}")]
    return []


def _failures(account: Account) -> str:
    number = account.failed_auth_count
    return f"{number:,} failed sign-in{'' if number == 1 else 's'}"


def _away(day: date, now: datetime) -> str:
    return times.days_away(day, now)


# --- What is said of the timetable --------------------------------------------------------------
def gaps(runs: Runs, *, since: datetime, now: datetime) -> str:
    """When a job did not run between these instants, in a line; "" where it ran all the time."""
    if runs.begins is None:
        return f"{runs.label} has not run at all."
    begin = max(since, runs.begins)
    marks = [begin, *(instant for instant in runs.at if begin < instant <= now), now]
    least = max(LEAST_GAP, MISSED * runs.every)
    found = [
        (earlier, later)
        for earlier, later in zip(marks, marks[1:], strict=False)
        if later - earlier > least
    ]
    if not found:
        return ""
    earlier, later = max(found, key=lambda pair: pair[1] - pair[0])
    others = len(found) - 1
    more = f", and {others} more time{'' if others == 1 else 's'}" if others else ""
    return (
        f"{runs.label} did not run between {times.dated(earlier)} and {times.dated(later)}"
        f" ({times.span(later - earlier)}){more}."
    )


# --- Drafts -------------------------------------------------------------------------------------
@dataclass
class _Best:
    """Counts all, keeps those that come first."""

    total: int = 0
    of_kind: int = 0
    kept: list[tuple[tuple[Any, ...], str, str, Line]] = field(default_factory=list)

    def add(self, rank: tuple[Any, ...], account: Account, words: str) -> None:
        self.total += 1
        self.of_kind += bool(account.kinds)
        if len(self.kept) == NAMED and (rank, account.name, account.id) >= self.kept[-1][:3]:
            return
        line = Line(
            name=plain(account.name, 100),
            domain=plain(account.domain_name, 64),
            words=words,
            kinds=", ".join(kind.label.lower() for kind in account.kinds),
            user_id=account.id,
        )
        insort(self.kept, (rank, account.name, account.id, line), key=lambda kept: kept[:3])
        del self.kept[NAMED:]

    def part(self) -> Part:
        lines = tuple(line for *_, line in self.kept)
        return Part(total=self.total, lines=lines, of_kind=self.of_kind)


class _Draft:
    """A digest that is being filled."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self.best = {"locks": _Best(), "attacked": _Best(), "coming": _Best()}

    def digest(self, facts: Facts, now: datetime) -> Digest:
        scope, since = self.span.scope, self.span.since
        failures = facts.failures.get(scope, Failures())
        lines = [gaps(runs, since=since, now=now) for runs in facts.runs]
        return Digest(
            domain=self.span.domain,
            since=since,
            now=now,
            locks=self.best["locks"].part(),
            locked_now=facts.locked_now.get(scope, 0),
            attacked=self.best["attacked"].part(),
            coming=self.best["coming"].part(),
            failed=Part(total=failures.total, lines=failures.newest[:NAMED]),
            unaddressed=failures.unaddressed,
            # How the cloud is run is no business of a domain's.
            gaps=() if self.span.domain else tuple(line for line in lines if line),
        )


def _note(
    drafts: Mapping[str, _Draft],
    part: str,
    account: Account,
    says: _Says,
) -> None:
    """Note an account in the cloud's digest and in its domain's, where it has to be said there."""
    for scope in {CLOUD, account.domain_id}:
        draft = drafts.get(scope)
        found = says(account, draft.span.since) if draft else None
        if draft and found:
            rank, words = found
            draft.best[part].add(rank, account, words)
