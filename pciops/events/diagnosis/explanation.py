"""Explains a diagnosis: a sentence, the evidence, and what to do.

Addresses and agents are untrusted text. They are cut and quoted, and the advice to block names only
real IP addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from pciops.events.diagnosis.advice import Lock, advice_of, succeeded, without_hashes
from pciops.events.diagnosis.rules import AttemptSource, Cause, Diagnosis
from pciops.events.diagnosis.words import MAX_AGENT, SHOWN, address_words, source_words
from pciops.events.models import Attempts, Outcome
from pciops.events.sentences import program
from pciops.lib import times
from pciops.lib.addresses import plain
from pciops.lib.numbers import counted, grouped

# Lines for keystone.conf; docs/events.md says more.
FOR_HASHES: Final = (
    "[security_compliance]",
    "invalid_password_hash_secret_key = <any secret, the same on every node>",
    "report_invalid_password_hash = event",
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
    "Keystone reported these addresses and programs. If Keystone does not read a proxy's "
    "headers, an address is the proxy's. Clients that reach Keystone directly can forge the "
    "address, and a program can use any name."
)


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A diagnosis as pages, the API and emails show it."""

    diagnosis: Diagnosis
    sentence: str
    warning: str  # that an unlock will not last; "" if it will, as far as known
    relocks: str  # the same in a few words
    evidence: tuple[str, ...]
    advice: tuple[str, ...]
    caveat: str  # "" if no address is named
    settings: tuple[str, ...]  # lines for keystone.conf that would report more

    @property
    def cause(self) -> Cause:
        return self.diagnosis.cause

    @property
    def detail(self) -> str:
        """The sentence without the cause and its confidence."""
        if not self.cause.known:
            return self.sentence
        words = self.sentence.partition(": ")[2]
        return words[:1].upper() + words[1:]

    @property
    def origin(self) -> str:
        """The main source in short, untrusted: `10.2.3.4 · nova-compute`; "" without one."""
        if not self.diagnosis.sources:
            return ""
        main = self.diagnosis.sources[0]
        words = (address_words(main.address), plain(program(main.agent), MAX_AGENT))
        return " · ".join(word for word in words if word)


def explain(diagnosis: Diagnosis, *, lock: Lock = Lock.LOCKED, now: datetime) -> Explanation:
    """Put a diagnosis into words."""
    return Explanation(
        diagnosis=diagnosis,
        sentence=sentence(diagnosis),
        warning=_warning(diagnosis, lock, now),
        relocks=_relocks(diagnosis, lock),
        evidence=tuple(_evidence(diagnosis, now)),
        advice=tuple(advice_of(diagnosis, lock, now)),
        caveat=CAVEAT if diagnosis.sources else "",
        settings=_settings(diagnosis),
    )


def as_dict(explanation: Explanation) -> dict[str, Any]:
    """Return the explanation as the API has it."""
    diagnosis = explanation.diagnosis
    return {
        "cause": diagnosis.cause.value,
        "confidence": diagnosis.confidence.value,
        "sentence": explanation.sentence,
        "locks_again_at": times.iso(diagnosis.relock.at) if diagnosis.relock else None,
        "evidence": list(explanation.evidence),
        "advice": list(explanation.advice),
        "sources": [
            {
                "reported_address": source.address,
                "reported_agent": source.agent or None,
                "tries": source.count,
                "first_at": times.iso(source.first_at),
                "last_at": times.iso(source.last_at),
                "every_seconds": (
                    round(source.cadence.every.total_seconds(), 1) if source.cadence else None
                ),
                "probably_a_proxy": source.elsewhere.shared,
                "other_accounts_signed_in": source.elsewhere.signed_in,
            }
            for source in diagnosis.sources[: 2 * SHOWN]
        ],
        "caveat": explanation.caveat or None,
        "keystone_conf": list(explanation.settings),
    }


def _interval(every: timedelta) -> str:
    """Return `300 s`, or minutes from 15 minutes on."""
    seconds = every.total_seconds()
    if seconds >= 900:
        return times.span(every)
    return f"{seconds:.0f} s" if seconds >= 2 else f"{seconds:.1f} s"


def _tries(number: int) -> str:
    return counted(number, "try", "tries")


# --- The sentence -------------------------------------------------------------------------------
def sentence(diagnosis: Diagnosis) -> str:
    """Return the cause with its main evidence."""
    verdict = f"{diagnosis.cause.label}, {diagnosis.confidence.value}"
    total = sum(row.count for row in diagnosis.failures)
    if diagnosis.cause is Cause.UNKNOWN:
        return _unknown(diagnosis, total)
    main = diagnosis.sources[0]
    places = len({source.address for source in diagnosis.sources})
    origin = f"from {source_words(main)}"
    if places > 1:
        origin += f" and {counted(places - 1, 'other address', 'other addresses')}"
    if diagnosis.cause is Cause.OLD_PASSWORD:
        cadences = (source.cadence for source in diagnosis.sources if source.repeats)
        cadence = next(filter(None, cadences), None)
        often = f"every {_interval(cadence.every)}" if cadence else "repeatedly"
        each = f", {cadence.burst} times each," if cadence and cadence.burst > 1 else ""
        same = len(diagnosis.hashes) == 1
        what = "the same wrong password" if same else "mostly the same password"
        return f"{verdict}: {what} {often}{each} {origin}."
    if diagnosis.cause is Cause.GUESSING:
        return f"{verdict}: {counted(len(diagnosis.hashes), 'different password')} {origin}."
    if diagnosis.cause is Cause.SPRAYING:
        main = next((source for source in diagnosis.sources if source.elsewhere.sprays), main)
        return (
            f"{verdict}: {source_words(main)} also failed to sign in to {_targets(main)} within "
            "an hour."
        )
    success = " and then the right password" if succeeded(diagnosis) else ""
    return f"{verdict}: {counted(total, 'wrong password')}{success} {origin}."


def _unknown(diagnosis: Diagnosis, total: int) -> str:
    if not total:
        return "Unknown: pciops has received no failed sign-in to this account."
    only_locked = all(row.reason == Attempts.Reason.LOCKED for row in diagnosis.failures)
    why = (
        "Keystone checks no password of a locked account, and pciops received no earlier attempts"
        if only_locked
        else "Keystone does not report hashes of wrong passwords"
    )
    main = diagnosis.sources[0]
    often = f", every {_interval(main.cadence.every)}" if main.cadence else ""
    return (
        f"Unknown: {counted(total, 'failed sign-in')}{often} from {source_words(main)}. Reason: "
        f"{why}."
    )


def _targets(source: AttemptSource) -> str:
    other = source.elsewhere
    parts = []
    if other.accounts:
        parts.append(counted(other.accounts, "other account"))
    if other.unknown_names:
        parts.append(f"{counted(other.unknown_names, 'unknown username')}")
    if other.same_hash:
        parts.append(f"{grouped(other.same_hash)} of them with the same password")
    return ", ".join(parts)


def _warning(diagnosis: Diagnosis, lock: Lock, now: datetime) -> str:
    relock = diagnosis.relock
    if relock is None or (diagnosis.cause is Cause.TYPING and not relock.by_clock):
        return ""
    if lock is Lock.EXEMPT:
        return "Attempts continue: the account is exempt, so Keystone doesn't lock it."
    if lock is Lock.OPEN:
        return "Attempts continue: they will lock the account unless they stop."
    if relock.after < timedelta(seconds=30):
        return "Attempts continue: the account will lock again immediately after an unlock."
    return (
        "Attempts continue: after an unlock, the account will lock again in about "
        f"{times.span(relock.after)}, at {times.instant(relock.at, now)}."
    )


def _relocks(diagnosis: Diagnosis, lock: Lock) -> str:
    relock = diagnosis.relock
    if relock is None or (diagnosis.cause is Cause.TYPING and not relock.by_clock):
        return ""
    if lock is not Lock.LOCKED:
        return "Still trying"
    if relock.after < timedelta(seconds=30):
        return "Still trying: relocks at once"
    return f"Still trying: relocks in {times.span(relock.after)}"


# --- The evidence -------------------------------------------------------------------------------
def _evidence(diagnosis: Diagnosis, now: datetime) -> Iterator[str]:
    named = diagnosis.sources[:SHOWN]
    if diagnosis.failures:
        yield _totals(diagnosis, now)
        yield from _passwords(diagnosis)
        for source in named:
            yield _of_source(source, diagnosis.cause, now)
        if len(diagnosis.sources) > SHOWN:
            yield f"And {counted(len(diagnosis.sources) - SHOWN, 'more source')}."
    for source in named:
        address = address_words(source.address)
        if source.elsewhere.targets:
            yield f"{address} also failed to sign in as {_targets(source)} in its worst hour."
        if source.elsewhere.shared:
            yield (
                f"So many accounts sign in from {address} that it is probably a proxy. The "
                "address doesn't identify a machine."
            )
        elif source.elsewhere.used_by_many:
            accounts = counted(source.elsewhere.signed_in, "other account")
            yield f"{accounts} signed in from {address} in the last 7 days, so people share it."
    yield from _successes(diagnosis, now)
    for begins, ends in list(diagnosis.history.coverage.gaps)[:SHOWN]:
        yield (
            f"No notifications from {times.instant(begins, now)} to {times.instant(ends, now)}: "
            "no consumer was connected to RabbitMQ."
        )


def _totals(diagnosis: Diagnosis, now: datetime) -> str:
    failures = diagnosis.failures
    wrong = sum(source.wrong for source in diagnosis.sources)
    locked = sum(row.count for row in failures) - wrong
    first = min(row.first_at for row in failures)
    last = max(row.last_at for row in failures)
    parts = [counted(wrong, "wrong password")] if wrong else []
    if locked:
        parts.append(f"{_tries(locked)} on the locked account")
    span = f"from {times.instant(first, now)} to {times.both(last, now)}"
    return f"{' and '.join(parts)}, {span}."


def _passwords(diagnosis: Diagnosis) -> Iterator[str]:
    hashes = diagnosis.hashes
    if hashes:
        several = len(hashes) > 1
        often = (
            f", the most frequent one {counted(max(hashes.values()), 'time')}" if several else ""
        )
        which = f"{grouped(len(hashes))} different passwords" if several else "The same password"
        yield f"{which} in {_tries(hashes.total())} for which Keystone reported a hash{often}."
    if any(row.reason == Attempts.Reason.LOCKED for row in diagnosis.failures):
        yield "Keystone checks no password of a locked account, so it reports no hash."


def _of_source(source: AttemptSource, cause: Cause, now: datetime) -> str:
    cadence, pace = source.cadence, ""
    if cadence is not None:
        each = f", {cadence.burst} at a time" if cadence.burst > 1 else ""
        clock = "" if cause is Cause.TYPING else " (automated)"
        pace = f", every {_interval(cadence.every)}{each}{clock}"
    return (
        f"{source_words(source)}: {_tries(source.count)}, the last at"
        f" {times.both(source.last_at, now)}{pace}."
    )


def _successes(diagnosis: Diagnosis, now: datetime) -> Iterator[str]:
    history = diagnosis.history
    successes = [row for row in history.attempts if row.outcome == Outcome.SUCCESS]
    if successes:
        newest = max(successes, key=lambda row: (row.last_at, row.address))
        yield (
            f"Last sign-in with the right password: {times.both(newest.last_at, now)} from "
            f"{address_words(newest.address)}."
        )
    elif history.coverage.events and not history.coverage.successes:
        yield (
            "Keystone reports no successful sign-ins. Set notification_opt_out in keystone.conf "
            "to empty."
        )


def _settings(diagnosis: Diagnosis) -> tuple[str, ...]:
    events = diagnosis.history.coverage.events
    lines: tuple[str, ...] = ()
    if not events:
        lines += FOR_EVENTS
    if without_hashes(diagnosis) or not events:
        lines += FOR_HASHES
    if any(source.elsewhere.shared for source in diagnosis.sources):
        lines += FOR_PROXIES
    return lines
