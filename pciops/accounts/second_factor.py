"""Whether a sign-in to an account really requires a second factor, and whether it can be given.

As keystone.auth.core.UserMFARulesValidator decides it: a method that Keystone has not loaded drops
out of every rule, so `["password", "totp"]` silently becomes `["password"]`. A rule of which
nothing remains is ignored from release 28 on; before, it admits everybody (LP 2102096).

People and programs are judged apart: a rule such as `["application_credential"]` admits programs
only, and does not weaken the rules of people. Two methods are two factors only if they are of
different types (PCI DSS 8.5.1): something known and something possessed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, NamedTuple

from django.utils.text import Truncator

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.keystone import options, releases

TOTP: Final = "totp"
MAX_EXPLANATION: Final = 400
# Methods that prove knowledge of a secret, or what the web server in front of Keystone decided.
_KNOWN: Final = frozenset(
    {"password", "application_credential", "external", "oauth1", "ec2credential"}
)
# Methods of programs: no person types them.
_OF_PROGRAMS: Final = frozenset({"application_credential", "oauth1", "ec2credential"})
# Continues an earlier sign-in, so it is not a factor of its own.
_NO_FACTOR: Final = frozenset({"token"})


class FactorVerdict(StrEnum):
    """Whether people need a second factor, as API and reports name it."""

    EFFECTIVE = "effective"
    WEAK = "weak"  # a rule admits people with factors of one type
    NONE = "none"  # no rule
    NOT_ENROLLED = "not_enrolled"  # the rules want a TOTP code, and there is no device: refused
    PROGRAMS_ONLY = "programs_only"  # no rule admits people
    UNKNOWN = "unknown"
    ELSEWHERE = "elsewhere"  # LDAP and federated users


_LABELS: Final = {
    FactorVerdict.EFFECTIVE: "Effective",
    FactorVerdict.WEAK: "Not effective",
    FactorVerdict.NONE: "None",
    FactorVerdict.NOT_ENROLLED: "Not enrolled",
    FactorVerdict.PROGRAMS_ONLY: "Programs only",
    FactorVerdict.UNKNOWN: "Not known",
    FactorVerdict.ELSEWHERE: "Set elsewhere",
}


class SecondFactor(NamedTuple):
    """The verdict on the rules of an account, and why."""

    verdict: FactorVerdict
    explanation: str

    @property
    def effective(self) -> bool:
        return self.verdict is FactorVerdict.EFFECTIVE

    @property
    def label(self) -> str:
        return _LABELS[self.verdict]


class _Strength(Enum):
    """The factors that a rule requires of people."""

    TWO_TYPES = 1
    ONE_TYPE = 2
    UNKNOWN_TYPE = 3  # of a method that Keystone does not come with


@dataclass(frozen=True)
class _Rule:
    """A rule, and the methods that remain of it."""

    methods: tuple[str, ...]
    remaining: tuple[str, ...]

    @property
    def needs_totp(self) -> bool:
        return TOTP in self.remaining

    @property
    def of_programs(self) -> bool:
        return _OF_PROGRAMS.issuperset(self.remaining)

    @property
    def strength(self) -> _Strength:
        factors = {*self.remaining} - _NO_FACTOR
        if self.needs_totp and factors & _KNOWN:
            return _Strength.TWO_TYPES
        return _Strength.UNKNOWN_TYPE if factors - _KNOWN - {TOTP} else _Strength.ONE_TYPE

    @property
    def name(self) -> str:
        return " + ".join(self.methods)

    def weakness(self) -> str:
        """Return why the rule is not a second factor."""
        if len(self.remaining) < len(self.methods):
            left = " + ".join(self.remaining)
            return f"{self.name} is only {left}: Keystone has not loaded the rest"
        return f"{self.name} is one type of factor"


def second_factor(account: Account, policy: Policy) -> SecondFactor:
    """Judge the second factor of an account."""
    verdict, explanation = _judge(account, policy)
    if len(explanation) > MAX_EXPLANATION:  # rules are untrusted text of any length
        explanation = Truncator(explanation).chars(MAX_EXPLANATION)
    return SecondFactor(verdict=verdict, explanation=explanation)


def is_not_enrolled(account: Account, policy: Policy) -> bool:
    """Return whether every rule for people wants a TOTP code, and the account has no device."""
    if not account.covered or account.totp_enrolled:
        return False
    if not account.options.get(options.MFA_ENABLED, True):
        return False
    return rules_need_totp(account.options.get(options.MFA_RULES), policy)


def rules_need_totp(value: object, policy: Policy) -> bool:
    """Return whether these rules admit people only with a TOTP code.

    An unknown release is taken for one that ignores empty rules, and unknown methods for loaded
    ones, so "can sign in" is never said wrongly.
    """
    if not value:
        return False
    split = _split(value, policy)
    if split.empty and policy.has_release(releases.EMPTY_RULES_IGNORED) is False:
        return False
    return bool(split.people) and all(rule.needs_totp for rule in split.people)


def wants_totp(value: object) -> bool:
    """Return whether any of these rules names TOTP."""
    return any(TOTP in rule for rule in parse_rules(value))


def parse_rules(value: object) -> list[tuple[str, ...]]:
    """Parse the rules as Keystone does, which ignores one that is not a list of words."""
    if not isinstance(value, list):
        return []
    return [
        tuple(dict.fromkeys(rule))
        for rule in value
        if isinstance(rule, list) and rule and all(isinstance(word, str) for word in rule)
    ]


@dataclass(frozen=True)
class _Split:
    """The rules of people and of programs, and those of which nothing remains."""

    people: list[_Rule]
    programs: list[_Rule]
    empty: list[_Rule]


def _split(value: object, policy: Policy) -> _Split:
    rules = [
        _Rule(rule, tuple(_remaining(rule, policy.auth_methods))) for rule in parse_rules(value)
    ]
    loaded = [rule for rule in rules if rule.remaining]
    return _Split(
        people=[rule for rule in loaded if not rule.of_programs],
        programs=[rule for rule in loaded if rule.of_programs],
        empty=[rule for rule in rules if not rule.remaining],
    )


def _remaining(rule: Collection[str], loaded: Collection[str] | None) -> Iterator[str]:
    return (method for method in rule if loaded is None or method in loaded)


def _judge(account: Account, policy: Policy) -> tuple[FactorVerdict, str]:
    value = account.options.get(options.MFA_RULES)
    if not account.covered:
        return FactorVerdict.ELSEWHERE, "it is set where the account is managed"
    if not parse_rules(value):
        return FactorVerdict.NONE, "it has no rule"
    if not account.options.get(options.MFA_ENABLED, True):
        return FactorVerdict.NONE, "its rules are turned off"
    split = _split(value, policy)
    if not split.people and not split.programs:
        return (
            FactorVerdict.NONE,
            "Keystone has loaded no method of any rule, so it accepts any sign-in",
        )
    empty = "; ".join(rule.name for rule in split.empty)
    ignored = policy.has_release(releases.EMPTY_RULES_IGNORED)
    if split.empty and ignored is False:
        return (
            FactorVerdict.WEAK,
            f"Keystone has loaded no method of {empty}. Before release 28 it then accepts any "
            "sign-in",
        )
    return _of_people(account, policy, split, empty if ignored is None else "")


def _of_people(
    account: Account, policy: Policy, split: _Split, empty: str
) -> tuple[FactorVerdict, str]:
    """Judge the rules of people.

    Args:
        empty: rules of which nothing remains, if the release is not known; else "".
    """
    possible = [rule for rule in split.people if account.totp_enrolled or not rule.needs_totp]
    weak = [rule for rule in possible if rule.strength is _Strength.ONE_TYPE]
    if weak:
        return FactorVerdict.WEAK, "; ".join(rule.weakness() for rule in weak)
    if split.people and not possible:
        names = ", or ".join(rule.name for rule in split.people)
        return FactorVerdict.NOT_ENROLLED, f"{names} is required, but there is no TOTP credential"
    if empty:
        return (
            FactorVerdict.UNKNOWN,
            f"Keystone has loaded no method of {empty}. Release 28 and later ignore the rule; "
            "earlier releases accept any sign-in (set PCIOPS_KEYSTONE_RELEASE)",
        )
    if not split.people:
        names = ", or ".join(rule.name for rule in split.programs)
        return FactorVerdict.PROGRAMS_ONLY, f"its rules allow only programs: {names}"
    unknown = [rule for rule in possible if rule.strength is _Strength.UNKNOWN_TYPE]
    if unknown:
        names = "; ".join(rule.name for rule in unknown)
        return FactorVerdict.UNKNOWN, f"the types of these factors are unknown: {names}"
    names = ", or ".join(rule.name for rule in possible)
    if policy.auth_methods is None:
        return (
            FactorVerdict.UNKNOWN,
            f"{names}, if Keystone has loaded both methods (PCIOPS_KEYSTONE_CONF is not set)",
        )
    return FactorVerdict.EFFECTIVE, names
