"""Decides why an account was locked, from the record of its sign-ins: pure rules.

The order of the record does not matter. Keystone makes the partial hash of a wrong password without
the account, so a password has the same hash for every account. It makes none for a locked account,
because it does not check the password then.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pciops.accounts.policy.policy import Policy
from pciops.events.diagnosis.cadence import (
    AttemptRow,
    Cadence,
    Relock,
    find_cadence,
    predict_relock,
    usual_pause,
)
from pciops.events.models import Attempts, Outcome

FEW: Final = 8  # attempts that a person makes before giving up
REPEATS: Final = 3  # of one password, before it counts as repeated
MANY: Final = 6  # different passwords, more than typing errors make
FAST: Final = timedelta(seconds=2)  # pause that is too short for typing
SOON: Final = timedelta(minutes=30)  # from failures to a success that belongs to them
SPRAYED: Final = 5  # other accounts and usernames that one source tries within an hour
SPRAYED_SHARED: Final = 20  # the same for an address that many people share
SHARED_BY: Final = 5  # other accounts that sign in from an address: an office, a desk, or a proxy
SHARED: Final = 0.8  # of the attempts that must have one hash to be one password
MAX_AGENTS: Final = 4  # of one address; more of them become one source
BROWSERS: Final = ("mozilla", "openstack_auth", "horizon")
CLIENTS: Final = ("openstackclient", "openstacksdk", "openstack ")


class Cause(StrEnum):
    """The cause of a lock, as an expert would name it."""

    OLD_PASSWORD = "old_password"  # noqa: S105 (no password)
    GUESSING = "guessing"
    SPRAYING = "spraying"
    TYPING = "typing"
    UNKNOWN = "unknown"

    @property
    def label(self) -> str:
        return _LABELS[self][0]

    @property
    def tone(self) -> str:
        """The color on pages."""
        return _LABELS[self][1]

    @property
    def attack(self) -> bool:
        """Whether somebody who does not know the password tries to find it."""
        return self in {Cause.GUESSING, Cause.SPRAYING}

    @property
    def known(self) -> bool:
        return self is not Cause.UNKNOWN


_LABELS: Final = {
    Cause.OLD_PASSWORD: ("Old password in a program", "soon"),
    Cause.GUESSING: ("Password guessing", "attack"),
    Cause.SPRAYING: ("Password spraying", "attack"),
    Cause.TYPING: ("Typing errors", "plain"),
    Cause.UNKNOWN: ("Unknown", "plain"),
}


class Confidence(StrEnum):
    """The confidence in a cause, in words, since no number would be honest."""

    SURE = "very likely"
    LIKELY = "probably"
    POSSIBLE = "possibly"
    NONE = "not known"


@dataclass(frozen=True, kw_only=True)
class AddressActivity:
    """The failures of an address at other accounts in its worst hour.

    Attributes:
        accounts: other accounts with failed sign-ins from it.
        unknown_names: unknown usernames that it tried.
        same_hash: other accounts that it tried with a password of this account's failures.
        signed_in: other accounts that signed in from it in the last week.
        shared: so many accounts of the cloud sign in from it that it must be a proxy.
    """

    accounts: int = 0
    unknown_names: int = 0
    same_hash: int = 0
    signed_in: int = 0
    shared: bool = False

    @property
    def targets(self) -> int:
        return self.accounts + self.unknown_names

    @property
    def used_by_many(self) -> bool:
        """Whether people share it: so many accounts sign in from it, and few of them fail.

        A program with stolen passwords signs in too, but fails far more often.
        """
        return self.shared or self.signed_in >= max(SHARED_BY, self.targets / 2)

    @property
    def sprays(self) -> bool:
        """Whether it looks like password spraying, not like an office or a proxy."""
        if self.same_hash >= SPRAYED:
            return True
        if self.used_by_many or self.signed_in > self.targets:
            return self.targets >= SPRAYED_SHARED and self.unknown_names >= self.targets / 2
        return self.targets >= SPRAYED


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How complete the record is.

    Attributes:
        since: the start of the history.
        events: there was any notification.
        successes: there was a notification of a successful sign-in.
        gaps: periods without a connected consumer.
    """

    since: datetime
    events: bool = True
    successes: bool = True
    gaps: Sequence[tuple[datetime, datetime]] = ()


@dataclass(frozen=True, kw_only=True)
class History:
    """The facts for the diagnosis of one account."""

    attempts: Sequence[AttemptRow]
    coverage: Coverage
    addresses: Mapping[str, AddressActivity] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AttemptSource:
    """Failures of the account from one program at one address."""

    address: str
    agent: str  # "" for an address with too many agents
    attempts: tuple[AttemptRow, ...]
    cadence: Cadence | None
    elsewhere: AddressActivity

    @property
    def count(self) -> int:
        return sum(row.count for row in self.attempts)

    @property
    def wrong(self) -> int:
        """Number of wrong passwords, which count towards a lock."""
        return sum(
            row.count for row in self.attempts if row.reason == Attempts.Reason.WRONG_PASSWORD
        )

    @property
    def first_at(self) -> datetime:
        return min(row.first_at for row in self.attempts)

    @property
    def last_at(self) -> datetime:
        return max(row.last_at for row in self.attempts)

    @property
    def repeats(self) -> bool:
        """Whether almost all attempts have the same password."""
        hashes = count_hashes(self.attempts)
        return bool(hashes) and max(hashes.values()) >= SHARED * hashes.total()

    @property
    def stale(self) -> bool:
        """Whether one password comes at a cadence, as from a machine with old passwords.

        Spraying has a cadence too, but other passwords each time, and unknown usernames.
        """
        repeated = self.repeats and count_hashes(self.attempts).total() >= REPEATS
        return repeated and self.cadence is not None and not self.elsewhere.unknown_names

    @property
    def interactive(self) -> bool:
        """Whether the agent claims to be used by a person; any program can claim that."""
        return is_browser(self.agent) or any(word in self.agent.lower() for word in CLIENTS)


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The cause and its evidence; `explanation` puts them into words."""

    cause: Cause
    confidence: Confidence
    sources: tuple[AttemptSource, ...]  # of failures; the one with the most wrong passwords first
    history: History
    relock: Relock | None  # None if attempts do not continue
    intrusion: AttemptRow | None = None  # a sign-in from an address that guessed

    @property
    def failures(self) -> tuple[AttemptRow, ...]:
        return failures_of(self.history.attempts)

    @property
    def hashes(self) -> Counter[str]:
        return count_hashes(self.history.attempts)


def is_browser(agent: str) -> bool:
    """Return whether the agent claims to be a browser, or Horizon, which a browser uses."""
    return any(word in agent.lower() for word in BROWSERS)


def failures_of(attempts: Sequence[AttemptRow]) -> tuple[AttemptRow, ...]:
    """Return the failures that matter for a lock, in order."""
    return tuple(sorted((row for row in attempts if row.counts), key=_order))


def count_hashes(attempts: Sequence[AttemptRow]) -> Counter[str]:
    """Count the attempts with each wrong password, as far as Keystone reported hashes."""
    hashes: Counter[str] = Counter()
    for row in attempts:
        if row.counts and row.partial_hash:
            hashes[row.partial_hash] += row.count
    return hashes


def _order(row: AttemptRow) -> tuple[object, ...]:
    source = (row.address, row.agent, row.partial_hash, row.reason, row.count)
    return row.first_at, row.last_at, *source


def diagnose(history: History, *, policy: Policy, now: datetime) -> Diagnosis:
    """Judge one account by the record of its sign-ins."""
    failures = failures_of(history.attempts)
    sources = _sources(failures, history.addresses)
    intrusion = _intrusion(history.attempts, failures, sources)
    cause, confidence = _judge(history, failures, sources)
    return Diagnosis(
        cause=cause,
        confidence=confidence,
        sources=sources,
        history=history,
        relock=predict_relock([source.attempts for source in sources], policy=policy, now=now),
        intrusion=intrusion if cause in {Cause.GUESSING, Cause.SPRAYING} else None,
    )


# --- The verdict --------------------------------------------------------------------------------
def _judge(
    history: History, failures: Sequence[AttemptRow], sources: Sequence[AttemptSource]
) -> tuple[Cause, Confidence]:
    if not failures:
        return Cause.UNKNOWN, Confidence.NONE
    hashes, total = count_hashes(failures), sum(row.count for row in failures)
    spraying = _spraying_confidence(sources)
    if spraying is not None:
        return Cause.SPRAYING, spraying
    success = _success_after(history.attempts, failures)
    if total <= FEW and success and not any(source.cadence for source in sources):
        return Cause.TYPING, Confidence.SURE
    if not hashes:
        return Cause.UNKNOWN, Confidence.NONE
    main = sources[0]
    clocks = [source for source in sources if source.repeats and source.cadence]
    if clocks and sum(source.count for source in clocks) >= total / 2:
        return Cause.OLD_PASSWORD, Confidence.SURE
    repeated = hashes.total() / len(hashes) >= REPEATS
    if len(hashes) >= REPEATS and not repeated:
        return _many_passwords(failures, total, len(hashes), interactive=main.interactive)
    if total <= FEW and (main.interactive or not repeated):
        return Cause.TYPING, Confidence.LIKELY if is_browser(main.agent) else Confidence.POSSIBLE
    if repeated:
        likely = total > FEW and not is_browser(main.agent)
        return Cause.OLD_PASSWORD, Confidence.LIKELY if likely else Confidence.POSSIBLE
    return Cause.GUESSING, Confidence.POSSIBLE


def _many_passwords(
    failures: Sequence[AttemptRow], total: int, different: int, *, interactive: bool
) -> tuple[Cause, Confidence]:
    """Tell guessing from a person who tries several passwords."""
    pause = usual_pause(failures)
    fast = pause is not None and pause < FAST
    if different >= 2 * MANY:
        return Cause.GUESSING, Confidence.SURE
    if different >= MANY or (total > FEW and (fast or not interactive)):
        return Cause.GUESSING, Confidence.LIKELY
    if fast:
        return Cause.GUESSING, Confidence.POSSIBLE
    return Cause.TYPING, Confidence.LIKELY if interactive else Confidence.POSSIBLE


def _spraying_confidence(sources: Sequence[AttemptSource]) -> Confidence | None:
    """Return the confidence that the failures are part of spraying; None if they are not.

    Spraying also hits accounts that are locked already; then it is not the cause of the lock.
    """
    sprays = [source for source in sources if source.elsewhere.sprays and not source.stale]
    any_wrong = any(source.wrong for source in sources)
    total, sprayed = (
        sum(source.wrong if any_wrong else source.count for source in group)
        for group in (sources, sprays)
    )
    if not sprays or sprayed < total / 2:
        return None
    if not any(source.elsewhere.used_by_many for source in sprays):
        return Confidence.SURE
    same_hash = any(source.elsewhere.same_hash for source in sprays)
    return Confidence.LIKELY if same_hash else Confidence.POSSIBLE


def _success_after(
    attempts: Sequence[AttemptRow], failures: Sequence[AttemptRow]
) -> AttemptRow | None:
    """Return the first success soon after the failures, from one of their addresses."""
    last = max(row.last_at for row in failures)
    addresses = {row.address for row in failures}
    return next(
        (
            row
            for row in sorted(attempts, key=_order)
            if row.outcome == Outcome.SUCCESS
            and last <= row.last_at <= last + SOON
            and row.address in addresses
        ),
        None,
    )


def _intrusion(
    attempts: Sequence[AttemptRow],
    failures: Sequence[AttemptRow],
    sources: Sequence[AttemptSource],
) -> AttemptRow | None:
    """Return a success from an address that failed before and had no success before that."""
    if not failures:
        return None
    began: dict[str, datetime] = {}
    for source in sources:
        began[source.address] = min(began.get(source.address, source.first_at), source.first_at)
    successes = [row for row in sorted(attempts, key=_order) if row.outcome == Outcome.SUCCESS]
    familiar = {
        row.address for row in successes if row.first_at < began.get(row.address, row.first_at)
    }
    for row in successes:
        if row.address in began and row.address not in familiar:
            return row
    return None


# --- Sources ------------------------------------------------------------------------------------
def _sources(
    failures: Sequence[AttemptRow], addresses: Mapping[str, AddressActivity]
) -> tuple[AttemptSource, ...]:
    agents: dict[str, set[str]] = defaultdict(set)
    for row in failures:
        agents[row.address].add(row.agent)
    streams: dict[tuple[str, str], list[AttemptRow]] = defaultdict(list)
    for row in failures:
        separate = len(agents[row.address]) <= MAX_AGENTS
        streams[row.address, row.agent if separate else ""].append(row)
    sources = [
        AttemptSource(
            address=address,
            agent=agent,
            attempts=tuple(rows),
            cadence=find_cadence(rows),
            elsewhere=addresses.get(address, AddressActivity()),
        )
        for (address, agent), rows in streams.items()
    ]
    return tuple(
        sorted(
            sources, key=lambda source: (-source.wrong, -source.count, source.address, source.agent)
        )
    )
