"""The rules that Keystone enforces: `[security_compliance]` of keystone.conf, as a frozen value."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from oslo_config import cfg

from pciops.lib.env import SettingError

GROUP = "security_compliance"

CENTURY = 36_500  # days

# As keystone/conf/security_compliance.py declares them; unset means that the rule is off. The
# upper bounds are ours: far beyond them Keystone fails at each sign-in, for lack of years.
OPTIONS: tuple[cfg.Opt, ...] = (
    cfg.IntOpt("lockout_failure_attempts", min=1, max=1_000_000),
    cfg.IntOpt("lockout_duration", min=1, max=CENTURY * 86_400, default=1800),
    cfg.IntOpt("disable_user_account_days_inactive", min=1, max=CENTURY),
    cfg.IntOpt("password_expires_days", min=1, max=CENTURY),
)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The options that make states, to the letter; None where the rule is off."""

    lockout_failure_attempts: int | None = None
    lockout_duration: int | None = 1800  # seconds; None locks for ever
    disable_user_account_days_inactive: int | None = None
    password_expires_days: int | None = None
    # Ours, not Keystone's: how many days ahead "soon" begins.
    inactive_soon_days: int = 7
    expiring_days: int = 14

    @property
    def one_try_left(self) -> int | None:
        """The failures at which one more locks; None where there is no such count above 0."""
        attempts = self.lockout_failure_attempts
        return attempts - 1 if attempts is not None and attempts > 1 else None

    @property
    def lockout(self) -> timedelta | None:
        """How long a lock holds after the last failure; None: until somebody unlocks it."""
        return timedelta(seconds=self.lockout_duration) if self.lockout_duration else None


@dataclass(frozen=True, kw_only=True)
class SourcedPolicy:
    """The policy, and for each option where its value came from."""

    policy: Policy
    sources: Mapping[str, str]  # option → path of a file, name of a variable, or "default"


def current() -> Policy:
    """The policy as the files and variables have it now; a file that changed is read again."""
    return sourced().policy


def sourced() -> SourcedPolicy:
    """As `current`, with the sources.

    Raises:
        SettingError: where a file cannot be read or an option makes no sense.
    """
    paths = tuple(settings.KEYSTONE_CONF)
    overrides = tuple(sorted(settings.POLICY_OVERRIDES.items()))
    soon = (settings.INACTIVE_SOON_DAYS, settings.EXPIRING_DAYS)
    return _cached(paths, tuple(_stamp(path) for path in paths), overrides, soon)


@lru_cache(maxsize=1)
def _cached(
    paths: tuple[str, ...],
    _stamps: tuple[object, ...],
    overrides: tuple[tuple[str, str], ...],
    soon: tuple[int, int],
) -> SourcedPolicy:
    found = read(paths, dict(overrides))
    policy = replace(found.policy, inactive_soon_days=soon[0], expiring_days=soon[1])
    return replace(found, policy=policy)


def _stamp(path: str) -> object:
    """What changes when the file does."""
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def read(paths: Sequence[str], overrides: Mapping[str, str]) -> SourcedPolicy:
    """Read keystone.conf files by oslo.config's rules, later ones winning, then the overrides.

    Args:
        overrides: option name → value as text; an empty mapping overrides nothing. The value
            `off` unsets an option.

    Raises:
        SettingError: names the variable or the file, and what is wrong there.
    """
    values: dict[str, Any]
    values, sources = _from_files(paths)
    for name, text in overrides.items():
        values[name] = _override(name, text)
        sources[name] = f"PCIOPS_POLICY_{name.upper()}"
    return SourcedPolicy(policy=Policy(**values), sources=sources)


def _from_files(paths: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Each option's value and source by what the files say alone."""
    config = cfg.ConfigOpts()
    config.register_opts(OPTIONS, group=GROUP)
    for path in paths:
        if not os.access(path, os.R_OK) or not Path(path).is_file():
            raise _conf_error(f"names {path}, which is no file that pciops may read")
    try:
        # Keystone's environment is not ours: variables in the style of oslo.config do not count.
        config(args=[], default_config_files=list(paths), default_config_dirs=[], use_env=False)
    except (cfg.Error, OSError, UnicodeDecodeError) as error:
        # Options that stay unread would look unset, and every rule switched off.
        raise _conf_error(f"names a file that cannot be read: {error}") from None
    values: dict[str, int | None] = {}
    sources: dict[str, str] = {}
    for option in OPTIONS:
        try:
            values[option.name] = config[GROUP][option.name]
            location = config.get_location(option.name, GROUP)
            sources[option.name] = (location and location.detail) or "default"
        except cfg.Error as error:
            problem = str(error).rpartition("is not valid: ")[2]
            files = ", ".join(paths)
            raise _conf_error(f"names {files}, where {option.name} is wrong: {problem}") from None
    return values, sources


def _conf_error(problem: str) -> SettingError:
    return SettingError("PCIOPS_KEYSTONE_CONF", problem, "/etc/keystone/keystone.conf")


def _override(name: str, text: str) -> int | None:
    """One PCIOPS_POLICY_<OPTION> by the option's own type and bounds."""
    variable = f"PCIOPS_POLICY_{name.upper()}"
    option = next((option for option in OPTIONS if option.name == name), None)
    if option is None:
        known = ", ".join(f"PCIOPS_POLICY_{option.name.upper()}" for option in OPTIONS)
        raise SettingError(variable, f"is no option that pciops reads; it reads {known}", "6")
    if text.lower() == "off":
        return None
    try:
        value: int = option.type(text)
    except ValueError as error:
        raise SettingError(variable, f"is {text!r}: {error}", str(option.default or 6)) from None
    return value
