"""The content of daily digests: one frozen value for the cloud or a domain, made of sources.

However many accounts there are, a digest names `NAMED` of each sort and counts the others. All
digests of a day are made in one pass over the sources. Templates use the attributes of sections and
lines by their names (docs/notices.md).
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from operator import itemgetter
from typing import Any, Final
from urllib.parse import quote

from django.conf import settings

from pciops.accounts import states
from pciops.accounts.account import Account
from pciops.accounts.machines import MachineReason
from pciops.accounts.policy.policy import Policy
from pciops.accounts.selectors import Domain
from pciops.accounts.states.inactivity import inactive_on
from pciops.accounts.states.lock import locked_until
from pciops.lib import times
from pciops.lib.addresses import quoted
from pciops.lib.numbers import counted

NAMED: Final = 20  # accounts, or mails, of each sort that a digest names
CLOUD: Final = ""  # the scope of the digest of all domains; others are ids of domains
LEAST_GAP: Final = timedelta(minutes=30)  # in the timetable that is worth a line
MISSED: Final = 3  # runs in a row that make a gap


@dataclass(frozen=True, kw_only=True)
class DigestScope:
    """The domain of a digest, or the cloud, and when the digest begins."""

    domain: Domain | None
    since: datetime

    @property
    def id(self) -> str:
        return self.domain.id if self.domain else CLOUD


@dataclass(frozen=True, kw_only=True)
class DigestLine:
    """An account or a mail; each text is one line."""

    name: str
    domain: str
    words: str
    kinds: str = ""  # "administrator, service account"
    user_id: str = ""

    @property
    def url(self) -> str:
        """The page of the account."""
        return page_url(f"/accounts/{quote(self.user_id, safe='')}/") if self.user_id else ""


@dataclass(frozen=True, kw_only=True)
class DigestSection:
    """The accounts or mails of one sort: how many, and the first of them."""

    total: int
    lines: tuple[DigestLine, ...]
    of_kind: int = 0  # privileged accounts of the total
    machines: int = 0  # of the total; the others are of people
    path: str = ""  # of the page that lists all of them

    @property
    def url(self) -> str:
        """The page that lists all of them."""
        return page_url(self.path) if self.path else ""

    @property
    def hidden(self) -> int:
        """The number that is counted and not named."""
        return self.total - len(self.lines)


def page_url(path: str) -> str:
    """Return the URL of a page; "" if PCIOPS_SITE_URL is not set."""
    return f"{settings.SITE_URL}{path}" if settings.SITE_URL else ""


@dataclass(frozen=True, kw_only=True)
class FailedMails:
    """Mails that failed: how many, and the newest of them."""

    total: int = 0
    newest: tuple[DigestLine, ...] = ()
    unaddressed: int = 0  # notices without a valid address


@dataclass(frozen=True, kw_only=True)
class JobTimes:
    """The times at which a job of the timetable ran."""

    label: str  # "The census"
    every: timedelta
    at: Sequence[datetime]  # the oldest first
    begins: datetime | None  # when any job ran first; None: none ever did


@dataclass(frozen=True, kw_only=True)
class DigestSources:
    """The sources of digests. The accounts are read once, and may be many."""

    locked: Iterable[Account] = ()  # at the threshold and not exempt
    attacked: Iterable[Account] = ()  # at the threshold and exempt
    privileged: Iterable[Account] = ()
    locked_now: Mapping[str, int] = field(default_factory=dict)  # scope → accounts
    failed_mails: Mapping[str, FailedMails] = field(default_factory=dict)  # by scope
    jobs: Sequence[JobTimes] = ()


@dataclass(frozen=True, kw_only=True)
class Digest:
    """One day of the cloud, or of a domain."""

    domain: Domain | None
    since: datetime
    now: datetime
    locks: DigestSection
    locked_now: int
    attacked: DigestSection
    coming: DigestSection  # privileged accounts that stop soon, or have just stopped
    failed: DigestSection
    unaddressed: int
    gaps: tuple[str, ...]

    @property
    def headlines(self) -> list[str]:
        """The facts that need attention, the most urgent first: "3 new locks"."""
        numbers = (
            (self.locks.total, "new lock", "new locks"),
            (self.attacked.total, "exempt account under attack", "exempt accounts under attack"),
            (self.coming.total, "privileged account expires", "privileged accounts expire"),
            (self.failed.total, "failed email", "failed emails"),
            (self.unaddressed, "notice without an address", "notices without an address"),
            (len(self.gaps), "scheduled job did not run", "scheduled jobs did not run"),
        )
        return [counted(number, noun, plural) for number, noun, plural in numbers if number]

    @property
    def empty(self) -> bool:
        """Whether nothing needs attention."""
        return not self.headlines


def build(
    sources: DigestSources, scopes: Iterable[DigestScope], *, policy: Policy, now: datetime
) -> dict[str, Digest]:
    """Return the digest of each scope, by its id."""
    by_id = {scope.id: scope for scope in scopes}
    sections: tuple[tuple[str, Iterable[Account], _Describe], ...] = (
        ("locks", sources.locked, _lock),
        ("attacked", sources.attacked, _attack),
        ("coming", sources.privileged, _coming),
    )
    rankings: dict[tuple[str, str], _Ranking] = defaultdict(_Ranking)
    for section, accounts, describe in sections:
        for account in accounts:
            for scope_id in {CLOUD, account.domain_id} & by_id.keys():
                if described := describe(account, by_id[scope_id].since, policy, now):
                    rankings[section, scope_id].add(account, *described)
    return {scope_id: _digest(scope, sources, rankings, now) for scope_id, scope in by_id.items()}


def _digest(
    scope: DigestScope,
    sources: DigestSources,
    rankings: Mapping[tuple[str, str], _Ranking],
    now: datetime,
) -> Digest:
    failed = sources.failed_mails.get(scope.id, FailedMails())
    return Digest(
        domain=scope.domain,
        since=scope.since,
        now=now,
        locks=rankings["locks", scope.id].section(""),  # no list has the locks that ended as well
        locked_now=sources.locked_now.get(scope.id, 0),
        attacked=rankings["attacked", scope.id].section("/accounts/?state=attacked_exempt"),
        coming=rankings["coming", scope.id].section("/"),
        failed=DigestSection(
            total=failed.total, lines=failed.newest[:NAMED], path="/notices/?view=failed"
        ),
        unaddressed=failed.unaddressed,
        # The timetable is of the cloud, not of a domain.
        gaps=() if scope.domain else _gaps(sources.jobs, scope.since, now),
    )


@dataclass
class _Ranking:
    """A section that is being filled: it counts all accounts and keeps the first."""

    total: int = 0
    of_kind: int = 0
    machines: int = 0
    first: list[tuple[tuple[Any, ...], DigestLine]] = field(default_factory=list)

    def add(self, account: Account, rank: tuple[Any, ...], words: str) -> None:
        self.total += 1
        self.of_kind += bool(account.kinds)
        self.machines += account.machine is not None
        line = DigestLine(
            name=quoted(account.name),
            domain=quoted(account.domain_name),
            words=words,
            kinds=", ".join(_kinds(account)),
            user_id=account.id,
        )
        insort(self.first, ((*rank, account.name, account.id), line), key=itemgetter(0))
        del self.first[NAMED:]

    def section(self, path: str) -> DigestSection:
        lines = tuple(line for _, line in self.first)
        return DigestSection(
            total=self.total,
            lines=lines,
            of_kind=self.of_kind,
            machines=self.machines,
            path=path,
        )


def _kinds(account: Account) -> list[str]:
    """Return what the account is: "administrator", "service account", or "machine"."""
    kinds = [kind.label.lower() for kind in account.kinds]
    other = account.machine is not None and account.machine is not MachineReason.ROLE
    return [*kinds, "machine"] if other else kinds


# --- Accounts: the sort key and the words, or None if there is nothing to say -------------------
_Described = tuple[tuple[Any, ...], str]
_Describe = Callable[[Account, datetime, Policy, datetime], _Described | None]


def _lock(account: Account, since: datetime, policy: Policy, now: datetime) -> _Described | None:
    at, until = account.failed_auth_at, locked_until(account, policy)
    if at is None or at <= since:
        return None
    if states.LOCKED.holds(account, policy, now):
        ends = f"ends by itself at {times.dated(until)}" if until else "does not end by itself"
    elif states.LOCK_LAPSED.holds(account, policy, now) and until is not None:
        ends = f"ended by itself at {times.dated(until)}"
    else:
        return None
    words = f"locked at {times.dated(at)} after {_failures(account)}; {ends}"
    return (not account.kinds, now - at), words


def _attack(account: Account, since: datetime, policy: Policy, now: datetime) -> _Described | None:
    at = account.failed_auth_at
    if not states.ATTACKED_EXEMPT.holds(account, policy, now) or (at is not None and at <= since):
        return None
    last = f", the last at {times.dated(at)}" if at else ""
    words = f"{_failures(account)}{last}; nothing stops the guessing"
    return (not account.kinds, -account.failed_auth_count), words


def _coming(account: Account, since: datetime, policy: Policy, now: datetime) -> _Described | None:
    """Describe what stops next, or has stopped since the last digest."""
    if states.DISABLED.holds(account, policy, now):
        return None
    stops = sorted(
        [*_expiry(account, since, policy, now), *_inactivity(account, since, policy, now)]
    )
    if not stops:
        return None
    return (stops[0][0],), "; ".join(words for _, words in stops)


_Stops = list[tuple[datetime, str]]


def _expiry(account: Account, since: datetime, policy: Policy, now: datetime) -> _Stops:
    at = account.password_expires_at
    if at is None:
        return []
    if states.EXPIRING.holds(account, policy, now):
        away = times.distance(at, now)
        return [(at, f"the password expires on {times.dated(at)} ({away})")]
    if (
        states.EXPIRED.holds(account, policy, now)
        and at > since
        and not account.password_expired_when_set
    ):
        return [(at, f"the password has expired at {times.dated(at)}")]
    return []


def _inactivity(account: Account, since: datetime, policy: Policy, now: datetime) -> _Stops:
    first_day, active_on = inactive_on(account, policy), account.active_on
    if first_day is None or active_on is None:
        return []
    at = datetime.combine(first_day, time.min, UTC)
    day, used = times.day(first_day), f"last used {times.day(active_on)}"
    if states.INACTIVE_SOON.holds(account, policy, now):
        away = times.days_away(first_day, now)
        return [(at, f"will be disabled for inactivity on {day} ({away}), {used}")]
    if states.INACTIVE.holds(account, policy, now) and at > since:
        return [(at, f"is disabled for inactivity since {day}, {used}")]
    return []


def _failures(account: Account) -> str:
    return counted(account.failed_auth_count, "failed sign-in")


# --- The timetable ------------------------------------------------------------------------------
def _gaps(jobs: Iterable[JobTimes], since: datetime, now: datetime) -> tuple[str, ...]:
    lines = (_gap(job, since, now) for job in jobs)
    return tuple(line for line in lines if line)


def _gap(job: JobTimes, since: datetime, now: datetime) -> str:
    """Return one line about the times at which a job did not run; "" if it always ran."""
    if job.begins is None:
        return f"{job.label} has not run at all."
    begin = max(since, job.begins)
    marks = [begin, *(at for at in job.at if begin < at <= now), now]
    least = max(LEAST_GAP, MISSED * job.every)
    gaps = [(start, end) for start, end in pairwise(marks) if end - start > least]
    if not gaps:
        return ""
    start, end = max(gaps, key=lambda gap: gap[1] - gap[0])
    more = f", and {counted(len(gaps) - 1, 'more time')}" if len(gaps) > 1 else ""
    return (
        f"{job.label} did not run between {times.dated(start)} and {times.dated(end)}"
        f" ({times.span(end - start)}){more}."
    )
