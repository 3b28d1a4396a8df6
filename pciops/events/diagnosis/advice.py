"""Advice about the cause of a lock: it names only real IP addresses to block."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from typing import Final

from pciops.events.diagnosis.rules import Cause, Diagnosis
from pciops.events.diagnosis.words import SHOWN, address_words, blockable
from pciops.events.models import Outcome
from pciops.lib import times
from pciops.lib.numbers import counted, grouped


class Lock(Enum):
    """The effect of an account's failures, which decides what an unlock does."""

    LOCKED = "locked"
    OPEN = "open"  # below the threshold, or the lock has ended
    EXEMPT = "exempt"  # Keystone never locks it


def advice_of(diagnosis: Diagnosis, lock: Lock, now: datetime) -> Iterator[str]:
    """Yield what to do, the most urgent first."""
    intrusion = diagnosis.intrusion
    if intrusion is not None:
        yield (
            f"The attacker seems to have signed in at {times.both(intrusion.last_at, now)} from "
            f"{address_words(intrusion.address)}. Disable the account and check what it did "
            "since."
        )
    yield from _ADVICE[diagnosis.cause](diagnosis, lock)
    proxies = [source for source in diagnosis.sources[:SHOWN] if source.elsewhere.shared]
    if proxies:
        yield (
            f"Check the log of the proxy at {address_words(proxies[0].address)} for the client "
            "that sent these requests, and let Keystone read the proxy's headers."
        )


_STOPPED: Final = {
    Lock.LOCKED: "The attempts have stopped. The account stays unlocked unless they start again.",
    Lock.OPEN: "The attempts have stopped.",
    Lock.EXEMPT: "The attempts have stopped. The account is exempt: Keystone never locked it.",
}


def _old_password(diagnosis: Diagnosis, lock: Lock) -> Iterator[str]:
    main = diagnosis.sources[0]
    then = " Then unlock." if lock is Lock.LOCKED else ""
    if main.elsewhere.shared:
        yield "Find the program that signs in as this account, and update its password."
    else:
        yield (
            f"Find the program on {address_words(main.address)} that signs in as this account. "
            f"Update its password or stop it.{then}"
        )
    if diagnosis.relock is None:
        yield _STOPPED[lock]


def _guessing(diagnosis: Diagnosis, lock: Lock) -> Iterator[str]:
    yield from _block(diagnosis)
    if diagnosis.relock is None:
        yield _STOPPED[lock]
    elif lock is Lock.LOCKED:
        yield "Then unlock. If you unlock first, the next attempts lock the account again."
    elif lock is Lock.EXEMPT:
        yield "Consider removing the exemption: Keystone then locks the account."


def _spraying(diagnosis: Diagnosis, lock: Lock) -> Iterator[str]:
    yield from _block(diagnosis)
    others = max(
        source.elsewhere.accounts for source in diagnosis.sources if source.elsewhere.sprays
    )
    if others:
        accounts = counted(others, "other account")
        yield (
            f"The same source failed to sign in to {accounts} within an hour. Check which of "
            "them are locked too."
        )


def _block(diagnosis: Diagnosis) -> Iterator[str]:
    addresses = blockable(diagnosis.sources)
    if addresses:
        more = f" and {grouped(len(addresses) - SHOWN)} more" if len(addresses) > SHOWN else ""
        yield f"Block {', '.join(addresses[:SHOWN])}{more} in front of Keystone."


def _typing(diagnosis: Diagnosis, lock: Lock) -> Iterator[str]:
    if succeeded(diagnosis):
        yield "The user has signed in since. There is nothing to do."
    elif lock is Lock.LOCKED:
        yield "Confirm the user's identity, then unlock."


def _unknown_cause(diagnosis: Diagnosis, lock: Lock) -> Iterator[str]:
    if without_hashes(diagnosis):
        yield "Let Keystone report hashes of wrong passwords. Its keystone.conf needs this."
    elif diagnosis.failures:
        after = " after the lock, or after an unlock," if lock is Lock.LOCKED else ""
        yield f"The next attempts{after} will show more."
    elif diagnosis.history.coverage.events:
        yield "Ask the user, and check Keystone's own log for this account."
    else:
        yield "pciops has received no sign-ins. Keystone has to send notifications."


_ADVICE: Final = {
    Cause.OLD_PASSWORD: _old_password,
    Cause.GUESSING: _guessing,
    Cause.SPRAYING: _spraying,
    Cause.TYPING: _typing,
    Cause.UNKNOWN: _unknown_cause,
}


def without_hashes(diagnosis: Diagnosis) -> bool:
    """Return whether the cause is unknown although wrong passwords were reported."""
    return diagnosis.cause is Cause.UNKNOWN and any(source.wrong for source in diagnosis.sources)


def succeeded(diagnosis: Diagnosis) -> bool:
    last = max(row.last_at for row in diagnosis.failures)
    return any(
        row.outcome == Outcome.SUCCESS and row.last_at >= last for row in diagnosis.history.attempts
    )
