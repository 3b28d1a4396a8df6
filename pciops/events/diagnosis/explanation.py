"""A diagnosis in words: one sentence, the evidence under it, and what to do.

Addresses and agents are text of strangers. They are cut and quoted, and what is no address is
called so: nobody is told to block it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, Final

from pciops.events.diagnosis.diagnosis import (
    Cause,
    Diagnosis,
    Source,
    failures,
)
from pciops.events.models import Attempts, Outcome
from pciops.events.words import program
from pciops.lib import times
from pciops.lib.addresses import plain

SHOWN: Final = 3  # sources that are named
LONGEST_AGENT: Final = 60
BROWSER: Final = "Mozilla/5.0"  # as all of them call themselves
# What has to be in keystone.conf; docs/events.md says more.
FOR_HASHES: Final = (
    "[security_compliance]",
    "report_invalid_password_hash = event",
    "invalid_password_hash_secret_key = <any secret, the same on every node>",
)
FOR_EVENTS: Final = (
    "[DEFAULT]",
    "notification_format = cadf",
    "notification_opt_out =",
    "[oslo_messaging_notifications]",
    "driver = messagingv2",
)
FOR_PROXIES: Final = ("[oslo_middleware]", "enable_proxy_headers_parsing = true")
CAVEAT: Final = (
    "Addresses and programs are as Keystone reported them. An address is the proxy's where Keystone"
    " does not read its headers, and can be forged where a client reaches Keystone directly;"
    " a program can call itself anything."
)


@dataclass(frozen=True, kw_only=True)
class Explained:
    """What a page, the API and a mail show of a diagnosis."""

    diagnosis: Diagnosis
    sentence: str
    warning: str  # that an unlock would be undone; "" where nothing says so
    evidence: tuple[str, ...]
    advice: tuple[str, ...]
    caveat: str  # "" where nothing is said of addresses
    settings: tuple[str, ...]  # lines for keystone.conf that would tell more

    @property
    def cause(self) -> Cause:
        return self.diagnosis.cause


def explain(diagnosis: Diagnosis, *, now: datetime) -> Explained:
    """Put it into words."""
    return Explained(
        diagnosis=diagnosis,
        sentence=_sentence(diagnosis),
        warning=_warning(diagnosis, now),
        evidence=tuple(_evidence(diagnosis, now)),
        advice=tuple(_advice(diagnosis, now)),
        caveat=CAVEAT if diagnosis.sources else "",
        settings=_settings(diagnosis),
    )


def as_dict(explained: Explained) -> dict[str, Any]:
    """As the API gives it."""
    found = explained.diagnosis
    return {
        "cause": found.cause.value,
        "confidence": found.confidence.value,
        "sentence": explained.sentence,
        "locks_again_at": times.iso(found.relock.at) if found.relock else None,
        "evidence": list(explained.evidence),
        "advice": list(explained.advice),
        "sources": [
            {
                "reported_address": source.address,
                "reported_agent": source.agent or None,
                "tries": source.count,
                "first_at": times.iso(source.first_at),
                "last_at": times.iso(source.last_at),
                "every_seconds": (
                    round(source.rhythm.every.total_seconds(), 1) if source.rhythm else None
                ),
                "probably_a_proxy": source.elsewhere.shared,
            }
            for source in found.sources[: 2 * SHOWN]
        ],
        "caveat": explained.caveat or None,
        "keystone_conf": list(explained.settings),
    }


# --- Strangers' text ----------------------------------------------------------------------------
def is_address(text: str) -> bool:
    """Whether the text is an IP address, and nothing else."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def address_words(text: str) -> str:
    """An address to be read; what is none is quoted."""
    if not text:
        return "an address that Keystone did not report"
    return text if is_address(text) else f"“{plain(text, LONGEST_AGENT)}” (no address)"


def source_words(source: Source) -> str:
    """`10.2.3.4 (“keystoneauth1”)`; the quotes say whose word that is."""
    agent = plain(program(source.agent), LONGEST_AGENT)
    if agent and agent != program(BROWSER):
        agent = f"“{agent}”"
    return f"{address_words(source.address)}{f' ({agent})' if agent else ''}"


def blockable(sources: Sequence[Source]) -> list[str]:
    """Addresses that may be blocked: no proxy's, and nothing that is no address."""
    found = (one.address for one in sources if not one.elsewhere.shared)
    return list(dict.fromkeys(address for address in found if is_address(address)))


def every_words(every: timedelta) -> str:
    """`300 s`; minutes from a quarter of an hour."""
    seconds = every.total_seconds()
    if seconds >= 900:
        return times.span(every)
    return f"{seconds:.0f} s" if seconds >= 2 else f"{seconds:.1f} s"


def _number(count: int, word: str, many: str = "") -> str:
    return f"{count:,} {word if count == 1 else many or f'{word}s'}"


# --- The sentence -------------------------------------------------------------------------------
def _sentence(found: Diagnosis) -> str:
    sure = f"{found.cause.label}, {found.confidence.value}"
    total = sum(row.count for row in found.failures)
    if found.cause is Cause.UNKNOWN:
        return _unknown(found, total)
    main = found.sources[0]
    places = len({source.address for source in found.sources})
    origin = f"from {source_words(main)}"
    if places > 1:
        origin += f" and {_number(places - 1, 'other address', 'other addresses')}"
    if found.cause is Cause.OLD_PASSWORD:
        clock = next((one for one in found.sources if one.rhythm and one.repeats), None)
        beat = clock.rhythm if clock else None
        often = f"every {every_words(beat.every)}" if beat else "again and again"
        times_each = f", {beat.burst} times each," if beat and beat.burst > 1 else ""
        what = "the same wrong password" if len(found.hashes) == 1 else "hardly another password"
        return f"{sure}: {what} {often}{times_each} {origin}."
    if found.cause is Cause.GUESSING:
        return f"{sure}: {_number(len(found.hashes), 'different password')} {origin}."
    if found.cause is Cause.SPRAYING:
        one = next((one for one in found.sources if one.elsewhere.sprays), main)
        return f"{sure}: {source_words(one)} tried {_others(one)} within an hour as well."
    success = " and then the right password" if _success(found) else ""
    return f"{sure}: {_number(total, 'wrong try', 'wrong tries')}{success} {origin}."


def _unknown(found: Diagnosis, total: int) -> str:
    if not total:
        return "Unknown: no failed sign-in to this account was heard of."
    only_locked = all(row.reason is Attempts.Reason.LOCKED for row in found.failures)
    why = (
        "Keystone checks no password of a locked account, and what came before was not heard"
        if only_locked
        else "Keystone does not report hashes of wrong passwords"
    )
    main = found.sources[0]
    often = f", every {every_words(main.rhythm.every)}" if main.rhythm else ""
    return (
        f"Unknown: {_number(total, 'failed sign-in')}{often} from {source_words(main)}, but {why}."
    )


def _others(source: Source) -> str:
    other = source.elsewhere
    parts = []
    if other.accounts:
        parts.append(_number(other.accounts, "other account"))
    if other.unknown_names:
        parts.append(f"{_number(other.unknown_names, 'name')} that no account has")
    if other.same_hash:
        parts.append(f"{other.same_hash:,} of them with the same password")
    return ", ".join(parts)


def _success(found: Diagnosis) -> bool:
    last = max(row.last_at for row in found.failures)
    return any(
        row.outcome is Outcome.SUCCESS and row.last_at >= last for row in found.history.tries
    )


def _warning(found: Diagnosis, now: datetime) -> str:
    relock = found.relock
    if relock is None or (found.cause is Cause.TYPING and not relock.by_clock):
        return ""
    if relock.after < timedelta(seconds=30):
        return "The tries go on: an unlock will be undone at once."
    return (
        f"The tries go on: an unlock will be undone in about {times.span(relock.after)}, at"
        f" {times.instant(relock.at, now)}."
    )


# --- The evidence -------------------------------------------------------------------------------
def _evidence(found: Diagnosis, now: datetime) -> Iterator[str]:
    failed = found.failures
    if failed:
        yield _tally(found, now)
        yield from _passwords(found)
        for source in found.sources[:SHOWN]:
            yield _of_source(source, found.cause, now)
        if len(found.sources) > SHOWN:
            yield f"And {_number(len(found.sources) - SHOWN, 'more source')}."
    for source in found.sources[:SHOWN]:
        other = source.elsewhere
        if other.tried:
            yield (
                f"{address_words(source.address)} also failed to sign in as {_others(source)},"
                " in its worst hour."
            )
        if other.shared:
            yield (
                f"So much of the cloud signs in from {address_words(source.address)} that it is"
                " most likely a proxy's: it names no machine."
            )
    yield from _successes(found, now)
    for begins, ends in list(found.history.heard.gaps)[:SHOWN]:
        yield (
            f"Nothing was heard from {times.instant(begins, now)} to {times.instant(ends, now)}:"
            " no consumer was connected to RabbitMQ."
        )


def _tally(found: Diagnosis, now: datetime) -> str:
    failed = failures(found.history.tries)
    wrong = sum(row.count for row in failed if row.reason is Attempts.Reason.WRONG_PASSWORD)
    locked = sum(row.count for row in failed) - wrong
    first = min(row.first_at for row in failed)
    last = max(row.last_at for row in failed)
    parts = [_number(wrong, "wrong password")] if wrong else []
    if locked:
        parts.append(f"{_number(locked, 'try', 'tries')} on the locked account")
    span = f"from {times.instant(first, now)} to {times.both(last, now)}"
    return f"{' and '.join(parts)}, {span}."


def _passwords(found: Diagnosis) -> Iterator[str]:
    hashes = found.hashes
    if hashes:
        most, tries = max(hashes.values()), _number(hashes.total(), "try", "tries")
        often = f", the most frequent one {_number(most, 'time')}" if len(hashes) > 1 else ""
        which = f"{len(hashes):,} different passwords" if len(hashes) > 1 else "The same password"
        yield f"{which} in {tries} that Keystone reported a hash of{often}."
    locked = [row for row in found.failures if row.reason is Attempts.Reason.LOCKED]
    if locked:
        yield "Of a locked account Keystone checks no password, and reports no hash."


def _of_source(source: Source, cause: Cause, now: datetime) -> str:
    beat = source.rhythm
    pace = ""
    if beat is not None:
        each = f", {beat.burst} at a time" if beat.burst > 1 else ""
        clock = "" if cause is Cause.TYPING else ": a clock, no person"
        pace = f", every {every_words(beat.every)}{each}{clock}"
    return (
        f"{source_words(source)}: {_number(source.count, 'try', 'tries')}, the last at"
        f" {times.both(source.last_at, now)}{pace}."
    )


def _successes(found: Diagnosis, now: datetime) -> Iterator[str]:
    good = [row for row in found.history.tries if row.outcome is Outcome.SUCCESS]
    if good:
        newest = max(good, key=lambda row: (row.last_at, row.address))
        yield (
            f"The last sign-in with the right password: {times.both(newest.last_at, now)} from"
            f" {address_words(newest.address)}."
        )
    elif found.history.heard.events and not found.history.heard.successes:
        yield (
            "Keystone reports no successful sign-ins: notification_opt_out in keystone.conf has to"
            " be empty for that."
        )


# --- What to do ---------------------------------------------------------------------------------
def _advice(found: Diagnosis, now: datetime) -> Iterator[str]:
    if found.entered is not None:
        yield (
            f"Whoever guessed seems to have signed in at {times.both(found.entered.last_at, now)}"
            f" from {address_words(found.entered.address)}: disable the account, and look at what"
            " it did since."
        )
    yield from _ADVISERS[found.cause](found)
    proxies = [source for source in found.sources[:SHOWN] if source.elsewhere.shared]
    if proxies:
        yield (
            f"Look into the log of the proxy at {address_words(proxies[0].address)} for who sent"
            " these requests, and have Keystone read its headers."
        )


def _old_password(found: Diagnosis) -> Iterator[str]:
    main = found.sources[0]
    if not main.elsewhere.shared:
        yield (
            f"Find the program on {address_words(main.address)} that signs in as this account, and"
            " give it the password of today, or stop it. Then unlock."
        )
    else:
        yield "Find the program that signs in as this account, and give it the password of today."
    if found.relock is None:
        yield "The tries have stopped: an unlock holds unless they begin again."


def _guessing(found: Diagnosis) -> Iterator[str]:
    yield from _block(found)
    if found.relock is None:
        yield "The tries have stopped: an unlock holds unless they begin again."
    else:
        yield "Unlock once that is done; before it, the next tries lock the account again."


def _spraying(found: Diagnosis) -> Iterator[str]:
    yield from _block(found)
    yield "Other accounts are locked for the same reason: look at the list before unlocking one."


def _block(found: Diagnosis) -> Iterator[str]:
    addresses = blockable(found.sources)
    if addresses:
        more = f" and {len(addresses) - SHOWN:,} more" if len(addresses) > SHOWN else ""
        yield f"Block {', '.join(addresses[:SHOWN])}{more} before Keystone."


def _typing(found: Diagnosis) -> Iterator[str]:
    if _success(found):
        yield "The user got in afterwards: there is nothing to do."
    else:
        yield "An unlock is safe, once you know who is asking for it."


def _nobody_knows(found: Diagnosis) -> Iterator[str]:
    if any(row.reason is Attempts.Reason.WRONG_PASSWORD for row in found.failures):
        yield "Have Keystone report hashes of wrong passwords: its keystone.conf needs this."
    elif found.failures:
        yield "The first tries after the lock, or after an unlock, will say more."
    elif found.history.heard.events:
        yield "Ask the user, and look into Keystone's own log for this account."
    else:
        yield "No sign-in of anybody was heard of: Keystone has to send notifications."


_ADVISERS: Final = {
    Cause.OLD_PASSWORD: _old_password,
    Cause.GUESSING: _guessing,
    Cause.SPRAYING: _spraying,
    Cause.TYPING: _typing,
    Cause.UNKNOWN: _nobody_knows,
}


def _settings(found: Diagnosis) -> tuple[str, ...]:
    lines: tuple[str, ...] = ()
    if not found.history.heard.events:
        lines += FOR_EVENTS
    wrong = any(row.reason is Attempts.Reason.WRONG_PASSWORD for row in found.failures)
    if (found.cause is Cause.UNKNOWN and wrong) or not found.history.heard.events:
        lines += FOR_HASHES
    if any(source.elsewhere.shared for source in found.sources):
        lines += FOR_PROXIES
    return lines
