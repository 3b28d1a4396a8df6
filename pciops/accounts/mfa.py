"""Whether a sign-in really takes a second factor: Keystone's rules for one account.

As keystone.auth.core.UserMFARulesValidator decides it: a method that Keystone has not loaded is
taken out of every rule, so that `["password", "totp"]` silently becomes `["password"]`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from django.conf import settings

from pciops.accounts.account import Account
from pciops.accounts.policy.keystone_conf import ConfError, assignments
from pciops.keystone import options

# keystone/conf/auth.py; without a line in keystone.conf Keystone knows no one-time passwords.
METHODS: Final = (
    *("external", "password", "token", "oauth1", "mapped", "application_credential"),
    "ec2credential",
)
# What only goes on with an earlier sign-in proves nothing besides.
NO_FACTOR: Final = frozenset({"token"})


@dataclass(frozen=True, kw_only=True)
class Factors:
    """What an account's rules come to."""

    effective: bool
    words: str  # why not, or by which rule


def methods() -> tuple[str, ...] | None:
    """`[auth] methods` as the last file has it; None where pciops reads no keystone.conf.

    Raises:
        SettingError: as `policy.sourced`, which reads the same files before.
    """
    if not settings.KEYSTONE_CONF:
        return None
    found: tuple[str, ...] = METHODS
    for path in settings.KEYSTONE_CONF:
        try:
            line = assignments(path, "auth").get("methods")
        except ConfError:
            return None
        if line is not None:
            found = tuple(word.strip() for word in line.text.split(",") if word.strip())
    return found


def of(account: Account, loaded: Collection[str] | None) -> Factors:
    """What the rules of an account come to with the methods that Keystone has loaded.

    Args:
        loaded: None where it is not known; then the rules are taken as they stand.
    """
    rules = _rules(account.options.get(options.MFA_RULES))
    if not rules:
        return Factors(effective=False, words="no rule is set")
    if not account.options.get(options.MFA_ENABLED, True):
        return Factors(effective=False, words="its rules are switched off")
    weak, strong = [], []
    for rule in rules:
        left = [method for method in rule if loaded is None or method in loaded]
        named = " + ".join(rule)
        if not left:
            continue  # Keystone ignores such a rule
        if len({*left} - NO_FACTOR) > 1:
            strong.append(named)
        elif len(left) < len(rule):
            weak.append(f"{named} is {' + '.join(left)} alone: Keystone has not loaded the rest")
        else:
            weak.append(f"{named} is one factor")
    if weak:
        return Factors(effective=False, words="; ".join(weak))
    if not strong:
        return Factors(
            effective=False, words="Keystone has loaded no method of any rule, so it heeds none"
        )
    return Factors(effective=True, words=", or ".join(strong))


def _rules(value: object) -> list[list[str]]:
    """As Keystone parses them: a rule that is no list of words counts for nothing."""
    if not isinstance(value, list):
        return []
    return [
        list(dict.fromkeys(rule))
        for rule in value
        if isinstance(rule, list) and rule and all(isinstance(word, str) for word in rule)
    ]
