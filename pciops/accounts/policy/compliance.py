"""The policy against PCI DSS 4.0.1: what each requirement demands, and whether Keystone has it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Final

from pciops.accounts.policy.policy import Policy
from pciops.accounts.states.state import State
from pciops.lib.times import span

MOST_TRIES: Final = 10
SHORTEST_LOCK: Final = 1800  # seconds
LONGEST_DAYS: Final = 90
LEAST_REMEMBERED: Final = 4
SUGGESTED_REGEX: Final = r"^(?=.*[a-zA-Z])(?=.*\d).{12,}$"


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Example passwords of one kind, put to `password_regex` as Keystone puts a new password."""

    kind: str
    wanted: bool  # whether the rule has to accept such a password
    accepted: str | None  # the first example that got through; None where all were refused

    @property
    def passed(self) -> bool:
        return (self.accepted is not None) is self.wanted


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One requirement, and what Keystone has for it."""

    requirement: str
    old: str  # its number in 3.2.1
    title: str
    demand: str  # what it asks for, in our words
    options: tuple[str, ...]
    value: str  # as a person reads it
    passed: bool
    reason: str  # why, and what to set
    short: str = ""  # the value in two or three words; "" if the value is no longer than that
    remedy: tuple[str, ...] = ()  # lines for keystone.conf; none where it passed
    probes: tuple[Probe, ...] = ()


def findings(policy: Policy) -> list[Finding]:
    """Every requirement that an option of Keystone can meet, in the order of the standard."""
    rules = (_inactivity, _lockout, _first_use, _strength, _history, _expiry)
    return [rule(policy) for rule in rules]


def enforces_nothing(policy: Policy) -> bool:
    """Whether every rule is off."""
    return all(finding.value == "off" for finding in findings(policy))


def remedies(policy: Policy) -> dict[str, str]:
    """Option → the value that would pass, of those whose value fails."""
    lines = [line for finding in findings(policy) for line in finding.remedy]
    return {name: value for name, _, value in (line.partition(" = ") for line in lines)}


def missing(state: State, policy: Policy) -> Finding | None:
    """What to set for Keystone to have the rule of this state; None where it has it, or none."""
    if not state.off(policy):
        return None
    return next(finding for finding in findings(policy) if state.rule in finding.options)


def _inactivity(policy: Policy) -> Finding:
    option = "disable_user_account_days_inactive"
    days = policy.disable_user_account_days_inactive
    if days is None:
        reason = f"Keystone lets unused accounts in for ever: set {option} to 1 to {LONGEST_DAYS}."
    elif days > LONGEST_DAYS:
        reason = f"That is too late: set {option} to at most {LONGEST_DAYS}."
    else:
        reason = f"Keystone refuses an account after {_days(days)} without a sign-in."
    passed = days is not None and days <= LONGEST_DAYS
    return Finding(
        requirement="8.2.6",
        old="8.1.4",
        title="Inactive accounts",
        demand=f"Accounts not used for {LONGEST_DAYS} days are disabled or removed.",
        options=(option,),
        value=_days(days),
        passed=passed,
        reason=reason,
        remedy=() if passed else (f"{option} = {LONGEST_DAYS}",),
    )


def _lockout(policy: Policy) -> Finding:
    tries, seconds = policy.lockout_failure_attempts, policy.lockout_duration
    few = tries is not None and tries <= MOST_TRIES
    long = seconds is None or seconds >= SHORTEST_LOCK
    problems, remedy = [], []
    if not few:
        found = "Keystone locks nobody" if tries is None else "That is too many tries"
        problems.append(f"{found}: set lockout_failure_attempts to 1 to {MOST_TRIES}.")
        remedy.append(f"lockout_failure_attempts = {MOST_TRIES}")
    if not long:
        problems.append(
            f"The lock is too short: set lockout_duration to at least {SHORTEST_LOCK} seconds."
        )
        remedy.append(f"lockout_duration = {SHORTEST_LOCK}")
    lasts = "until somebody unlocks" if seconds is None else span(timedelta(seconds=seconds))
    value = short = "off"
    if tries is not None:
        number = f"{tries} {'try' if tries == 1 else 'tries'}"
        value = f"{number}, then locked {lasts if seconds is None else f'for {lasts}'}"
        short = f"{number}, {'until unlocked' if seconds is None else lasts}"
    return Finding(
        requirement="8.3.4",
        old="8.1.6, 8.1.7",
        title="Lockout",
        demand=(
            f"At most {MOST_TRIES} failed tries lock an account, for at least 30 minutes or until "
            "its user's identity is confirmed."
        ),
        options=("lockout_failure_attempts", "lockout_duration"),
        value=value,
        short=short,
        passed=few and long,
        reason=" ".join(problems) or "Keystone locks early enough, and for long enough.",
        remedy=tuple(remedy),
    )


def _first_use(policy: Policy) -> Finding:
    option = "change_password_upon_first_use"
    passed = policy.change_password_upon_first_use
    return Finding(
        requirement="8.3.5",
        old="8.2.6",
        title="First passwords",
        demand="A first or reset password is unique, and has to be changed at first use.",
        options=(option,),
        value="on" if passed else "off",
        passed=passed,
        reason=(
            "Keystone takes a first or reset password only to change it; that each is unique is "
            "for whoever sets it."
            if passed
            else f"The password that an administrator set stays valid: set {option} to true."
        ),
        remedy=() if passed else (f"{option} = true",),
    )


def _strength(policy: Policy) -> Finding:
    regex = policy.password_regex
    probes: tuple[Probe, ...] = ()
    problem = ""
    if regex is None:
        problem = "Keystone takes any password: set password_regex"
    else:
        try:
            probes = probed(regex)
        except RegexError as error:
            problem = f"Keystone refuses every new password, because password_regex {error}: set it"
    weak = [probe.kind for probe in probes if not probe.passed and not probe.wanted]
    good = [probe.kind for probe in probes if not probe.passed and probe.wanted]
    if weak or good:
        words = [f"accepts passwords of {', '.join(weak)}"] if weak else []
        words += [f"refuses every example of {', '.join(good)}"] if good else []
        problem = f"password_regex {', and '.join(words)}: set it"
    return Finding(
        requirement="8.3.6",
        old="8.2.3",
        title="Password strength",
        demand=(
            "Passwords have at least 12 characters, letters and digits among them (8 where a "
            "system cannot do 12; Keystone can)."
        ),
        options=("password_regex",),
        value="off" if regex is None else regex,
        short="" if regex is None else "too weak" if problem else "strong",
        passed=not problem,
        reason=(
            f"{problem} to {SUGGESTED_REGEX} or stricter."
            if problem
            else "Weak example passwords are refused, and a good one is accepted."
        ),
        remedy=(f"password_regex = {SUGGESTED_REGEX}",) if problem else (),
        probes=probes,
    )


def _history(policy: Policy) -> Finding:
    option = "unique_last_password_count"
    count = policy.unique_last_password_count
    passed = count >= LEAST_REMEMBERED
    return Finding(
        requirement="8.3.7",
        old="8.2.5",
        title="Password history",
        demand=f"A new password is none of the last {LEAST_REMEMBERED}.",
        options=(option,),
        value=f"the last {count} are refused" if count else "off",
        short=f"last {count}" if count else "",
        passed=passed,
        reason=(
            f"Keystone refuses a password that is one of the last {count}."
            if passed
            else f"An old password can come back too soon: set {option} to at least "
            f"{LEAST_REMEMBERED}."
        ),
        remedy=() if passed else (f"{option} = {LEAST_REMEMBERED}",),
    )


def _expiry(policy: Policy) -> Finding:
    option = "password_expires_days"
    days = policy.password_expires_days
    passed = days is not None and days <= LONGEST_DAYS
    if days is None:
        reason = f"Passwords never expire: set {option} to 1 to {LONGEST_DAYS}."
    elif not passed:
        reason = f"That is too late: set {option} to at most {LONGEST_DAYS}."
    else:
        reason = (
            f"A new password expires after {_days(days)}; one from the time before the option was "
            "set never does."
        )
    return Finding(
        requirement="8.3.9",
        old="8.2.4",
        title="Password age",
        demand=(
            f"A password that is the only factor is changed every {LONGEST_DAYS} days; not where "
            "every sign-in takes a second factor."
        ),
        options=(option,),
        value=_days(days),
        passed=passed,
        reason=reason,
        remedy=() if passed else (f"{option} = {LONGEST_DAYS}",),
    )


# --- Probing password_regex -----------------------------------------------------------------------
# Several examples of a kind, plain and with all sorts of characters: a rule that also demands a
# special character must be found out where it lets a short password through, and one that forbids
# special characters as well. All are short, so that no regular expression takes long over them.
EXAMPLES: Final[tuple[tuple[str, bool, tuple[str, ...]], ...]] = (
    ("7 letters and digits", False, ("abcd123", "Abcd123", "Abc-123")),
    ("11 letters and digits", False, ("abcdefgh123", "Abcdefgh123", "Abcdefg-123")),
    ("14 letters without a digit", False, ("abcdefghijklmn", "Abcdefghijklmn", "Abcdefgh-ijklm")),
    ("14 digits without a letter", False, ("12345678901234", "12345678-01234")),
    (
        "12 or more letters and digits",
        True,
        ("abcdefgh1234", "Abcdefgh1234", "Abcdefg-1234", "Abcdefgh-1234567"),
    ),
)


class RegexError(Exception):
    """A `password_regex` that is none, and what is wrong with it."""


@lru_cache(maxsize=8)
def probed(regex: str) -> tuple[Probe, ...]:
    """Each kind of example against the rule, as Keystone does it: `re.match`, from the start.

    Raises:
        RegexError: where it does not compile.
    """
    try:
        pattern = re.compile(regex)
    except (re.error, OverflowError, RecursionError) as error:
        raise RegexError(f"is no regular expression ({error})") from None
    return tuple(
        Probe(kind=kind, wanted=wanted, accepted=next(filter(pattern.match, examples), None))
        for kind, wanted, examples in EXAMPLES
    )


def _days(days: int | None) -> str:
    return "off" if days is None else span(timedelta(days=days))
