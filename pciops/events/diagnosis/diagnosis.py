"""Why an account was locked, from what was heard of its sign-ins: pure, and each claim explained.

The order of what is heard does not matter. Keystone makes the partial hash of a wrong password
without the account, so the same password has the same hash whoever's it was tried as. It makes
none for a locked account, because it does not look at the password then.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pciops.accounts.policy.policy import Policy
from pciops.events.diagnosis import relock
from pciops.events.diagnosis.relock import Relock
from pciops.events.diagnosis.rhythm import Rhythm, Tries, pace, rhythm
from pciops.events.models import Attempts, Outcome

Reason = Attempts.Reason

FEW: Final = 8  # tries that a person makes before giving up
REPEATS: Final = 3  # of one password, before it is a repetition
MANY: Final = 6  # different passwords that nobody types by mistake
FAST: Final = timedelta(seconds=2)  # between two tries; nobody types so fast
SOON: Final = timedelta(minutes=30)  # after the failures, in which a success belongs to them
SPRAYED: Final = 5  # other accounts and names that one source tries within an hour
SPRAYED_SHARED: Final = 20  # where many people come from that source
AGENTS: Final = 4  # of one address; with more they are taken together
BROWSERS: Final = ("mozilla", "openstack_auth", "horizon")
CLIENTS: Final = ("openstackclient", "openstacksdk", "openstack ")


class Cause(StrEnum):
    """What an expert would call it."""

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
        """The colour on pages."""
        return _LABELS[self][1]

    @property
    def known(self) -> bool:
        """Whether it is a cause at all."""
        return self is not Cause.UNKNOWN


_LABELS: Final = {
    Cause.OLD_PASSWORD: ("Old password in a program", "soon"),
    Cause.GUESSING: ("Guessing", "attack"),
    Cause.SPRAYING: ("Spraying", "attack"),
    Cause.TYPING: ("Typing errors", "plain"),
    Cause.UNKNOWN: ("Unknown", "plain"),
}


class Confidence(StrEnum):
    """How sure it is, in words: there are no numbers that would be honest."""

    SURE = "very likely"
    LIKELY = "probably"
    POSSIBLE = "possibly"
    NONE = "not known"


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """What an address did to other accounts, in its worst hour, and how shared it is.

    Attributes:
        accounts: others that it failed to sign in to.
        unknown_names: names that it tried and Keystone does not know.
        same_hash: others that it tried with a password of this account's failures.
        signed_in: other accounts that it signed in to.
        shared: so much of the cloud signs in from it that it must be a proxy's.
    """

    accounts: int = 0
    unknown_names: int = 0
    same_hash: int = 0
    signed_in: int = 0
    shared: bool = False

    @property
    def tried(self) -> int:
        return self.accounts + self.unknown_names

    @property
    def sprays(self) -> bool:
        """Whether no office and no proxy would look like this."""
        if self.same_hash >= SPRAYED:
            return True
        if self.shared or self.signed_in > self.tried:
            return self.tried >= SPRAYED_SHARED and self.unknown_names >= self.tried / 2
        return self.tried >= SPRAYED


@dataclass(frozen=True, kw_only=True)
class Heard:
    """How well pciops could hear in the time of the history.

    Attributes:
        since: where the history begins.
        events: any notification came.
        successes: one of a successful sign-in among them.
        gaps: when no consumer was connected.
    """

    since: datetime
    events: bool = True
    successes: bool = True
    gaps: Sequence[tuple[datetime, datetime]] = ()


@dataclass(frozen=True, kw_only=True)
class History:
    """All that is needed to judge one account."""

    tries: Sequence[Tries]
    heard: Heard
    elsewhere: Mapping[str, Elsewhere] = field(default_factory=dict)  # by address


@dataclass(frozen=True, kw_only=True)
class Source:
    """Failures of the account that came from one program at one address."""

    address: str
    agent: str  # "" where there are too many to tell apart
    tries: tuple[Tries, ...]
    rhythm: Rhythm | None
    elsewhere: Elsewhere

    @property
    def count(self) -> int:
        return sum(row.count for row in self.tries)

    @property
    def wrong(self) -> int:
        """Those that count towards a lock."""
        return sum(row.count for row in self.tries if row.reason is Reason.WRONG_PASSWORD)

    @property
    def first_at(self) -> datetime:
        return min(row.first_at for row in self.tries)

    @property
    def last_at(self) -> datetime:
        return max(row.last_at for row in self.tries)

    @property
    def hashes(self) -> Counter[str]:
        return hashes(self.tries)

    @property
    def repeats(self) -> bool:
        """Whether it is one password that it tries, or hardly another."""
        found = self.hashes
        return bool(found) and max(found.values()) >= SHARED * found.total()

    @property
    def stale(self) -> bool:
        """Whether one password comes by the clock, as from a machine whose accounts are all old.

        Who sprays comes by a clock too, but with another password each time, and guesses names.
        """
        again = self.repeats and self.hashes.total() >= REPEATS
        return again and self.rhythm is not None and not self.elsewhere.unknown_names

    @property
    def manned(self) -> bool:
        """Whether it says that a person sits before it; anybody can say so."""
        return is_browser(self.agent) or any(word in self.agent.lower() for word in CLIENTS)


SHARED: Final = 0.8  # of the tries that must have one hash to be one password


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The verdict, and what it stands on; its words are in pciops.events.diagnosis.explanation."""

    cause: Cause
    confidence: Confidence
    sources: tuple[Source, ...]  # of its failures; who did most for the lock first
    history: History
    relock: Relock | None  # when an unlock would be undone; None where nothing goes on
    entered: Tries | None = None  # a sign-in by whoever guessed

    @property
    def failures(self) -> tuple[Tries, ...]:
        return failures(self.history.tries)

    @property
    def hashes(self) -> Counter[str]:
        return hashes(self.history.tries)


def is_browser(agent: str) -> bool:
    """Whether it calls itself a browser, or Horizon, which stands for one."""
    return any(word in agent.lower() for word in BROWSERS)


def failures(tries: Sequence[Tries]) -> tuple[Tries, ...]:
    """Those that have to do with a lock, in order."""
    return tuple(sorted((row for row in tries if row.counts), key=_order))


def hashes(tries: Sequence[Tries]) -> Counter[str]:
    """How often each wrong password was tried, as far as Keystone reported hashes."""
    found: Counter[str] = Counter()
    for row in tries:
        if row.counts and row.partial_hash:
            found[row.partial_hash] += row.count
    return found


def _order(row: Tries) -> tuple[object, ...]:
    told = (row.address, row.agent, row.partial_hash, row.reason.value, row.count)
    return row.first_at, row.last_at, *told


def diagnose(history: History, *, policy: Policy, now: datetime) -> Diagnosis:
    """Judge one account by what was heard of it."""
    failed = failures(history.tries)
    sources = _sources(failed, history.elsewhere)
    entered = _entered(history.tries, failed, sources)
    cause, confidence = _judge(history, failed, sources)
    return Diagnosis(
        cause=cause,
        confidence=confidence,
        sources=sources,
        history=history,
        relock=relock.predict([source.tries for source in sources], policy=policy, now=now),
        entered=entered if cause in {Cause.GUESSING, Cause.SPRAYING} else None,
    )


# --- The verdict --------------------------------------------------------------------------------
def _judge(
    history: History, failed: Sequence[Tries], sources: Sequence[Source]
) -> tuple[Cause, Confidence]:
    if not failed:
        return Cause.UNKNOWN, Confidence.NONE
    found, total = hashes(failed), sum(row.count for row in failed)
    sprayed = _sprayed(sources)
    if sprayed is not None:
        return Cause.SPRAYING, sprayed
    success = _success_after(history.tries, failed)
    if total <= FEW and success and not any(source.rhythm for source in sources):
        return Cause.TYPING, Confidence.SURE
    if not found:
        return Cause.UNKNOWN, Confidence.NONE
    main = sources[0]
    clocks = [source for source in sources if source.repeats and source.rhythm]
    if clocks and sum(source.count for source in clocks) >= total / 2:
        return Cause.OLD_PASSWORD, Confidence.SURE
    repeated = found.total() / len(found) >= REPEATS
    if len(found) >= REPEATS and not repeated:
        return _many_passwords(failed, total, len(found), manned=main.manned)
    if total <= FEW and (main.manned or not repeated):
        return Cause.TYPING, Confidence.LIKELY if is_browser(main.agent) else Confidence.POSSIBLE
    if repeated:
        likely = total > FEW and not is_browser(main.agent)
        return Cause.OLD_PASSWORD, Confidence.LIKELY if likely else Confidence.POSSIBLE
    return Cause.GUESSING, Confidence.POSSIBLE


def _many_passwords(
    failed: Sequence[Tries], total: int, different: int, *, manned: bool
) -> tuple[Cause, Confidence]:
    """Somebody tries one password after the other, or a person looks for the right one."""
    usual = pace(failed)
    fast = usual is not None and usual < FAST
    if different >= 2 * MANY:
        return Cause.GUESSING, Confidence.SURE
    if different >= MANY or (total > FEW and (fast or not manned)):
        return Cause.GUESSING, Confidence.LIKELY
    if fast:
        return Cause.GUESSING, Confidence.POSSIBLE
    return Cause.TYPING, Confidence.LIKELY if manned else Confidence.POSSIBLE


def _sprayed(sources: Sequence[Source]) -> Confidence | None:
    """How sure it is that its failures are part of a spray; None where they are none.

    Who sprays comes upon accounts that are locked already; that is not why they are.
    """
    sprays = [source for source in sources if source.elsewhere.sprays and not source.stale]
    told = any(source.wrong for source in sources)
    total, sprayed = (
        sum(source.wrong if told else source.count for source in some) for some in (sources, sprays)
    )
    if not sprays or sprayed < total / 2:
        return None
    if not any(source.elsewhere.shared for source in sprays):
        return Confidence.SURE
    return (
        Confidence.LIKELY
        if any(one.elsewhere.same_hash for one in sprays)
        else (Confidence.POSSIBLE)
    )


def _success_after(tries: Sequence[Tries], failed: Sequence[Tries]) -> Tries | None:
    """The sign-in with which whoever had failed got in at last."""
    last = max(row.last_at for row in failed)
    addresses = {row.address for row in failed}
    return next(
        (
            row
            for row in sorted(tries, key=_order)
            if row.outcome is Outcome.SUCCESS
            and last <= row.last_at <= last + SOON
            and row.address in addresses
        ),
        None,
    )


def _entered(
    tries: Sequence[Tries], failed: Sequence[Tries], sources: Sequence[Source]
) -> Tries | None:
    """A success after the first failures from an address that had none before them."""
    if not failed:
        return None
    began: dict[str, datetime] = {}
    for source in sources:
        began[source.address] = min(began.get(source.address, source.first_at), source.first_at)
    successes = [row for row in sorted(tries, key=_order) if row.outcome is Outcome.SUCCESS]
    known = {
        row.address for row in successes if row.first_at < began.get(row.address, row.first_at)
    }
    for row in successes:
        if row.address in began and row.address not in known:
            return row
    return None


# --- Where it came from -------------------------------------------------------------------------
def _sources(failed: Sequence[Tries], elsewhere: Mapping[str, Elsewhere]) -> tuple[Source, ...]:
    agents: dict[str, set[str]] = defaultdict(set)
    for row in failed:
        agents[row.address].add(row.agent)
    streams: dict[tuple[str, str], list[Tries]] = defaultdict(list)
    for row in failed:
        told = len(agents[row.address]) <= AGENTS
        streams[row.address, row.agent if told else ""].append(row)
    sources = [
        Source(
            address=address,
            agent=agent,
            tries=tuple(rows),
            rhythm=rhythm(rows),
            elsewhere=elsewhere.get(address, Elsewhere()),
        )
        for (address, agent), rows in streams.items()
    ]
    return tuple(sorted(sources, key=lambda one: (-one.wrong, -one.count, one.address, one.agent)))
