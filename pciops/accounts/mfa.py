"""Whether a sign-in to an account really requires a second factor.

As keystone.auth.core.UserMFARulesValidator decides it: a method that Keystone has not loaded drops
out of every rule, so `["password", "totp"]` silently becomes `["password"]`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from django.conf import settings

from pciops.accounts.account import Account
from pciops.accounts.policy.keystone_conf import ConfError, assignments
from pciops.keystone import options

# The default in keystone/conf/auth.py, which is without one-time passwords.
METHODS: Final = (
    *("external", "password", "token", "oauth1", "mapped", "application_credential"),
    "ec2credential",
)
# Methods that continue an earlier sign-in are not a factor of their own.
NO_FACTOR: Final = frozenset({"token"})


@dataclass(frozen=True, kw_only=True)
class SecondFactor:
    """Whether the rules of an account require a second factor."""

    effective: bool
    explanation: str  # the rule, or why there is none


def methods() -> tuple[str, ...] | None:
    """Return `[auth] methods` of the last file that sets it; None if no keystone.conf is read."""
    if not settings.KEYSTONE_CONF:
        return None
    loaded: tuple[str, ...] = METHODS
    for path in settings.KEYSTONE_CONF:
        try:
            line = assignments(path, "auth").get("methods")
        except ConfError:
            return None
        if line is not None:
            loaded = tuple(word.strip() for word in line.text.split(",") if word.strip())
    return loaded


def second_factor(account: Account, loaded: Collection[str] | None) -> SecondFactor:
    """Evaluate the rules of an account.

    Args:
        loaded: the methods that Keystone has loaded; None if unknown, when no method drops out.
    """
    rules = _rules(account.options.get(options.MFA_RULES))
    if not rules:
        return SecondFactor(effective=False, explanation="no rule is set")
    if not account.options.get(options.MFA_ENABLED, True):
        return SecondFactor(effective=False, explanation="its rules are switched off")
    weak, strong = [], []
    for rule in rules:
        remaining = [method for method in rule if loaded is None or method in loaded]
        named = " + ".join(rule)
        if not remaining:
            continue  # Keystone ignores such a rule
        if len({*remaining} - NO_FACTOR) > 1:
            strong.append(named)
        elif len(remaining) < len(rule):
            weak.append(
                f"{named} is {' + '.join(remaining)} alone: Keystone has not loaded the rest"
            )
        else:
            weak.append(f"{named} is one factor")
    if weak:
        return SecondFactor(effective=False, explanation="; ".join(weak))
    if not strong:
        return SecondFactor(
            effective=False,
            explanation="Keystone has loaded no method of any rule, so it heeds none",
        )
    return SecondFactor(effective=True, explanation=", or ".join(strong))


def _rules(value: object) -> list[list[str]]:
    """Parse the rules as Keystone does, which ignores one that is not a list of words."""
    if not isinstance(value, list):
        return []
    return [
        list(dict.fromkeys(rule))
        for rule in value
        if isinstance(rule, list) and rule and all(isinstance(word, str) for word in rule)
    ]
