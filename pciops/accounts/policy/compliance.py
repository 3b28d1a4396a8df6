"""The policy compared with PCI DSS 4.0.1: each requirement, and whether Keystone meets it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Final

from pciops.accounts.policy.policy import Policy
from pciops.accounts.states.state import State
from pciops.lib.numbers import counted
from pciops.lib.times import span

MAX_ATTEMPTS: Final = 10
MIN_LOCK: Final = 1800  # seconds
MAX_DAYS: Final = 90
MIN_REMEMBERED: Final = 4
SUGGESTED_REGEX: Final = r"^(?=.*[a-zA-Z])(?=.*\d).{12,}$"


@dataclass(frozen=True, kw_only=True)
class RegexProbe:
    """Example passwords of one kind, tried on `password_regex` as Keystone tries a new password."""

    kind: str
    wanted: bool  # whether the rule must accept such passwords
    accepted: str | None  # the first accepted example; None if all were refused

    @property
    def passed(self) -> bool:
        return (self.accepted is not None) is self.wanted


@dataclass(frozen=True, kw_only=True)
class PolicyFinding:
    """One requirement, and how Keystone's policy meets it."""

    requirement: str
    old: str  # its number in 3.2.1
    title: str
    demand: str  # the requirement in one sentence
    options: tuple[str, ...]
    value: str  # as text for people
    reason: str  # why it passed or not, and what to set
    short: str = ""  # the value in two or three words; "" if the value is no longer than that
    note: str = ""  # what an assessor should know besides
    remedy: tuple[str, ...] = ()  # lines for keystone.conf, if it did not pass
    probes: tuple[RegexProbe, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.remedy


def findings(policy: Policy) -> list[PolicyFinding]:
    """Return every requirement that an option of Keystone can meet, in the standard's order."""
    rules = (_inactivity, _lockout, _first_use, _strength, _history, _expiry)
    return [rule(policy) for rule in rules]


def enforces_nothing(policy: Policy) -> bool:
    """Return whether every rule is off."""
    return all(finding.value == "off" for finding in findings(policy))


def remedies(policy: Policy) -> dict[str, str]:
    """Return a passing value for each option whose value does not pass."""
    lines = [line for finding in findings(policy) for line in finding.remedy]
    return {name: value for name, _, value in (line.partition(" = ") for line in lines)}


def missing(state: State, policy: Policy) -> PolicyFinding | None:
    """Return the finding about the rule of this state; None if the rule is on, or there is none."""
    if not state.is_off(policy):
        return None
    return next(finding for finding in findings(policy) if state.rule in finding.options)


def _inactivity(policy: Policy) -> PolicyFinding:
    days = policy.disable_user_account_days_inactive
    return _at_most_90_days(
        days,
        PolicyFinding(
            requirement="8.2.6",
            old="8.1.4",
            title="Inactive accounts",
            demand=f"Accounts not used for {MAX_DAYS} days are disabled or removed.",
            options=("disable_user_account_days_inactive",),
            value=_days(days),
            reason=f"Keystone refuses an account after {_days(days)} without a sign-in.",
        ),
        "Keystone never stops unused accounts",
    )


def _at_most_90_days(days: int | None, finding: PolicyFinding, without: str) -> PolicyFinding:
    """Return the finding, or one that did not pass if the rule is off or has too many days.

    Args:
        without: the reason if the rule is off.
    """
    if days is not None and days <= MAX_DAYS:
        return finding
    [option] = finding.options
    reason = f"{without}: set {option} to 1 to {MAX_DAYS}."
    if days is not None:
        reason = f"That is too late: set {option} to at most {MAX_DAYS}."
    return replace(finding, reason=reason, remedy=(f"{option} = {MAX_DAYS}",))


def _lockout(policy: Policy) -> PolicyFinding:
    attempts, seconds = policy.lockout_failure_attempts, policy.lockout_duration
    few_enough = attempts is not None and attempts <= MAX_ATTEMPTS
    long_enough = seconds is None or seconds >= MIN_LOCK
    problems, remedy = [], []
    if not few_enough:
        state = (
            "Keystone never locks an account"
            if attempts is None
            else "That allows too many failed attempts"
        )
        problems.append(f"{state}: set lockout_failure_attempts to 1 to {MAX_ATTEMPTS}.")
        remedy.append(f"lockout_failure_attempts = {MAX_ATTEMPTS}")
    if not long_enough:
        problems.append(
            f"The lock is too short: set lockout_duration to at least {MIN_LOCK} seconds."
        )
        remedy.append(f"lockout_duration = {MIN_LOCK}")
    lasts = (
        "until an operator unlocks the account"
        if seconds is None
        else span(timedelta(seconds=seconds))
    )
    value = short = "off"
    if attempts is not None:
        number = counted(attempts, "attempt")
        value = f"{number}, then locked {lasts if seconds is None else f'for {lasts}'}"
        short = f"{number}, {'until unlocked' if seconds is None else lasts}"
    return PolicyFinding(
        requirement="8.3.4",
        old="8.1.6, 8.1.7",
        title="Lockout",
        demand=(
            f"At most {MAX_ATTEMPTS} failed attempts lock an account, for at least 30 minutes or "
            "until the user's identity is confirmed."
        ),
        options=("lockout_failure_attempts", "lockout_duration"),
        value=value,
        short=short,
        reason=" ".join(problems) or "Keystone locks accounts early enough and long enough.",
        remedy=tuple(remedy),
    )


def _first_use(policy: Policy) -> PolicyFinding:
    option = "change_password_upon_first_use"
    passed = policy.change_password_upon_first_use
    return PolicyFinding(
        requirement="8.3.5",
        old="8.2.6",
        title="First passwords",
        demand="A first or reset password is unique and must be changed at first use.",
        options=(option,),
        value="on" if passed else "off",
        reason=(
            "Keystone accepts a first or reset password only to change it. Administrators must "
            "make each one unique."
            if passed
            else f"A password set by an administrator stays valid: set {option} to true."
        ),
        remedy=() if passed else (f"{option} = true",),
    )


def _strength(policy: Policy) -> PolicyFinding:
    regex = policy.password_regex
    probes: tuple[RegexProbe, ...] = ()
    problem = ""
    if regex is None:
        problem = "Keystone accepts any password: set password_regex"
    else:
        try:
            probes = probe(regex)
        except RegexError as error:
            problem = f"Keystone refuses every new password, because password_regex {error}: set it"
    weak = [probe.kind for probe in probes if not probe.passed and not probe.wanted]
    good = [probe.kind for probe in probes if not probe.passed and probe.wanted]
    if weak or good:
        faults = [f"accepts passwords of {', '.join(weak)}"] if weak else []
        faults += [f"refuses every example of {', '.join(good)}"] if good else []
        problem = f"password_regex {', and '.join(faults)}: set it"
    return PolicyFinding(
        requirement="8.3.6",
        old="8.2.3",
        title="Password strength",
        demand=(
            "Passwords have at least 12 characters with letters and digits. (8 if a system can't "
            "do 12; Keystone can.)"
        ),
        options=("password_regex",),
        value="off" if regex is None else regex,
        short="" if regex is None else "too weak" if problem else "strong",
        reason=(
            f"{problem} to {SUGGESTED_REGEX} or stricter."
            if problem
            else "Keystone refuses weak example passwords and accepts a good one."
        ),
        remedy=(f"password_regex = {SUGGESTED_REGEX}",) if problem else (),
        probes=probes,
    )


def _history(policy: Policy) -> PolicyFinding:
    option = "unique_last_password_count"
    count = policy.unique_last_password_count
    passed = count >= MIN_REMEMBERED
    return PolicyFinding(
        requirement="8.3.7",
        old="8.2.5",
        title="Password history",
        demand=f"A new password is not one of the last {MIN_REMEMBERED}.",
        options=(option,),
        value=f"the last {count} are refused" if count else "off",
        short=f"last {count}" if count else "",
        reason=(
            f"Keystone refuses a password that is one of the last {count}."
            if passed
            else f"An old password can be used again too soon: set {option} to at least "
            f"{MIN_REMEMBERED}."
        ),
        remedy=() if passed else (f"{option} = {MIN_REMEMBERED}",),
    )


def _expiry(policy: Policy) -> PolicyFinding:
    days = policy.password_expires_days
    finding = PolicyFinding(
        requirement="8.3.9",
        old="8.2.4",
        title="Password age",
        demand=(
            f"A password that is the only factor is changed every {MAX_DAYS} days. This does not "
            "apply if every sign-in needs a second factor."
        ),
        options=("password_expires_days",),
        value=_days(days),
        reason=(
            f"A new password expires after {_days(days)}. A password set before the option never "
            "expires."
        ),
        note=(
            "8.3.9 does not apply if all access requires a second factor (PCI SSC FAQ 1590). "
            "Declare that with PCIOPS_MFA_FOR_ALL_ACCESS. NIST SP 800-63B-4 advises against "
            "periodic changes: change a password when there is evidence of compromise."
        ),
    )
    if policy.mfa_for_all_access and (days is None or days > MAX_DAYS):
        reason = (
            "Not required: PCIOPS_MFA_FOR_ALL_ACCESS declares a second factor for all access. "
            "The weekly report tests this and lists people with one factor."
        )
        return replace(finding, reason=reason)
    return _at_most_90_days(days, finding, "Passwords never expire")


# --- Probing password_regex -----------------------------------------------------------------------
# Several examples of each kind, with and without special characters: they also detect a rule that
# accepts short passwords only with a special character, or only without one. All are short, so that
# no regular expression takes long.
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
    """A `password_regex` that does not compile, and why."""


@lru_cache(maxsize=8)
def probe(regex: str) -> tuple[RegexProbe, ...]:
    """Try each kind of example on the rule with `re.match`, as Keystone does.

    Raises:
        RegexError: if it does not compile.
    """
    try:
        pattern = re.compile(regex)
    except (re.error, OverflowError, RecursionError) as error:
        raise RegexError(f"is not a regular expression ({error})") from None
    return tuple(
        RegexProbe(kind=kind, wanted=wanted, accepted=next(filter(pattern.match, examples), None))
        for kind, wanted, examples in EXAMPLES
    )


def _days(days: int | None) -> str:
    return "off" if days is None else span(timedelta(days=days))
