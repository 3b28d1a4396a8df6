"""Keystone's policy, `[security_compliance]` of keystone.conf, as a frozen value with sources."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from oslo_config import cfg, types

from pciops.accounts.policy.keystone_conf import Assignment, ConfError, assignments
from pciops.keystone import releases
from pciops.lib.env import SettingError
from pciops.lib.files import file_stamp

GROUP = "security_compliance"

CENTURY = 36_500  # days

INSECURE: Final = (
    "allow_insecure_admin_trust_cross_project_credentials_access",
    "allow_insecure_application_credential_trust_escalation",
)

OptionValue = int | bool | str | tuple[str, ...] | None

# As in keystone/conf/security_compliance.py; unset means that the rule is off. The upper bounds are
# ours: far beyond them Keystone fails at each sign-in, because the calendar ends.
OPTIONS: tuple[cfg.Opt, ...] = (
    cfg.IntOpt("lockout_failure_attempts", min=1, max=1_000_000),
    cfg.IntOpt("lockout_duration", min=1, max=CENTURY * 86_400, default=1800),
    cfg.IntOpt("disable_user_account_days_inactive", min=1, max=CENTURY),
    cfg.IntOpt("password_expires_days", min=1, max=CENTURY),
    cfg.IntOpt("unique_last_password_count", min=0, max=1_000_000, default=0),
    cfg.IntOpt("minimum_password_age", min=0, max=CENTURY, default=0),
    cfg.StrOpt("password_regex"),
    cfg.StrOpt("password_regex_description"),
    cfg.BoolOpt("change_password_upon_first_use", default=False),
    cfg.ListOpt(
        "report_invalid_password_hash", default=[], item_type=types.String(choices=["event"])
    ),
    cfg.StrOpt("invalid_password_hash_function", default="sha256"),
    cfg.IntOpt("invalid_password_hash_max_chars", min=1, max=1_000_000),
    # Since Keystone 30, and in later versions of older releases (LP 2150089).
    *(cfg.BoolOpt(name, default=False) for name in INSECURE),
)

# The default of `[auth] methods` (keystone/conf/constants.py); release 30 has one more. There are
# no one-time passwords in it.
AUTH_METHODS: Final = (
    *("external", "password", "token", "oauth1", "mapped"),
    "application_credential",
)

# pciops keeps only whether this option is set.
SECRET: Final = "invalid_password_hash_secret_key"  # noqa: S105 (the name of an option)
HASH_KEY: Final = f"{SECRET} = <a long random word, the same on all nodes>"
REPORT: Final = "event"  # in report_invalid_password_hash
SECRET_SET: Final = f"{SECRET}_set"

_BY_NAME: Final = {
    **{option.name: option for option in OPTIONS},
    SECRET_SET: cfg.BoolOpt(SECRET_SET, default=False),
}


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Keystone's options under their own names; None, 0, False or empty if a rule is off."""

    lockout_failure_attempts: int | None = None
    lockout_duration: int | None = 1800  # seconds; None: until an unlock
    disable_user_account_days_inactive: int | None = None
    password_expires_days: int | None = None
    unique_last_password_count: int = 0
    minimum_password_age: int = 0  # days
    password_regex: str | None = None
    password_regex_description: str | None = None
    change_password_upon_first_use: bool = False
    report_invalid_password_hash: tuple[str, ...] = ()
    invalid_password_hash_secret_key_set: bool = False
    invalid_password_hash_function: str = "sha256"  # noqa: S105 (the name of an algorithm)
    invalid_password_hash_max_chars: int | None = None
    allow_insecure_admin_trust_cross_project_credentials_access: bool = False
    allow_insecure_application_credential_trust_escalation: bool = False
    # `[auth] methods`; None: no keystone.conf is read.
    auth_methods: tuple[str, ...] | None = None
    # Settings of pciops: the number of days ahead that "soon" means, and Keystone's release.
    inactive_soon_days: int = 7
    expiring_days: int = 14
    mfa_for_all_access: bool = False  # so PCI DSS 8.3.9 does not apply; as the site declares
    keystone_release: int | None = None  # None: not known

    @property
    def near_lockout_count(self) -> int | None:
        """The count at which one more failure locks; None if there is no such count above 0."""
        attempts = self.lockout_failure_attempts
        return attempts - 1 if attempts is not None and attempts > 1 else None

    def has_release(self, release: int) -> bool | None:
        """Return whether Keystone is of this release or newer; None if that is not known."""
        return None if self.keystone_release is None else self.keystone_release >= release

    @property
    def wrong_passwords_fail(self) -> bool:
        """Whether Keystone answers each wrong password with HTTP 500, and sends no notification.

        It does so if it shall report hashes and has no key for them (password_hashing.py).
        """
        reports = REPORT in self.report_invalid_password_hash
        known = self.has_release(releases.PARTIAL_HASHES) is not False
        return reports and known and not self.invalid_password_hash_secret_key_set

    @property
    def lockout(self) -> timedelta | None:
        """How long a lock lasts after the last failure; None: until an unlock."""
        return timedelta(seconds=self.lockout_duration) if self.lockout_duration else None


@dataclass(frozen=True, kw_only=True)
class SourcedPolicy:
    """The policy, and the source of each option's value."""

    policy: Policy
    sources: Mapping[str, str]  # option → path of a file, name of a variable, or "default"
    # Option → files and values, if at least two files have different values for it.
    disagreements: Mapping[str, Sequence[tuple[str, OptionValue]]]

    def without_paths(self) -> SourcedPolicy:
        """Return it for operators of one domain, whom the paths on the servers do not concern."""
        return replace(
            self,
            sources={name: _without_path(source) for name, source in self.sources.items()},
            disagreements={
                name: [(_without_path(path), value) for path, value in values]
                for name, values in self.disagreements.items()
            },
        )

    @property
    def values(self) -> Mapping[str, OptionValue]:
        """Keystone's options by name, without the settings of pciops."""
        return {name: getattr(self.policy, name) for name in NAMES}


def _without_path(source: str) -> str:
    return "a keystone.conf" if "/" in source else source


# In the order of the pages.
NAMES: Final = tuple(field.name for field in fields(Policy) if field.name in _BY_NAME)


def current() -> Policy:
    """Return the policy as files and variables have it now; a changed file is read again."""
    return current_with_sources().policy


def current_with_sources() -> SourcedPolicy:
    """Return the policy as `current` does, with its sources.

    Raises:
        SettingError: if a file cannot be read, or an option has an invalid value.
    """
    paths = tuple(settings.KEYSTONE_CONF)
    overrides = tuple(sorted(settings.POLICY_OVERRIDES.items()))
    own = (settings.INACTIVE_SOON_DAYS, settings.EXPIRING_DAYS)
    stamps = tuple(file_stamp(path) for path in paths)
    return _cached(
        paths, stamps, overrides, own, settings.KEYSTONE_RELEASE, settings.MFA_FOR_ALL_ACCESS
    )


def display_value(name: str, value: OptionValue) -> str:
    """Return the value of an option as text for people."""
    if name == SECRET_SET:
        return "set, not shown" if value else "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return "not set" if value is None else str(value)


@lru_cache(maxsize=1)
def _cached(
    paths: tuple[str, ...],
    _stamps: tuple[object, ...],
    overrides: tuple[tuple[str, str], ...],
    soon: tuple[int, int],
    release: int | None,
    mfa_for_all_access: bool,
) -> SourcedPolicy:
    sourced = parse(paths, dict(overrides), keystone_release=release)
    policy = replace(
        sourced.policy,
        inactive_soon_days=soon[0],
        expiring_days=soon[1],
        mfa_for_all_access=mfa_for_all_access,
    )
    return replace(sourced, policy=policy)


def parse(
    paths: Sequence[str], overrides: Mapping[str, str], *, keystone_release: int | None = None
) -> SourcedPolicy:
    """Read keystone.conf files by oslo.config's rules (the last one wins), then the overrides.

    Args:
        overrides: option name → value as text; `off` unsets an option.

    Raises:
        SettingError: names the variable or the file, and what is wrong there.
    """
    files = _files(paths)
    values, sources = _from_files(files, without=overrides)
    for name, text in overrides.items():
        values[name] = _override(name, text)
        sources[name] = _variable(name)
    policy = Policy(**values)  # type: ignore[arg-type]  # OPTIONS say which value has which type
    policy = replace(
        policy,
        auth_methods=_auth_methods(paths, keystone_release),
        keystone_release=keystone_release,
    )
    return SourcedPolicy(policy=policy, sources=sources, disagreements=_disagreements(files))


# `$other_option`, a reference of oslo.config; `$$` is a dollar sign.
REFERENCE: Final = re.compile(r"(?<!\$)(?:\$\$)*\$\{?[A-Za-z_]")

Files = dict[str, Mapping[str, Assignment]]  # path → option → its assignment


def _auth_methods(paths: Sequence[str], release: int | None) -> tuple[str, ...] | None:
    """Return `[auth] methods` of the last file that sets it, or Keystone's default."""
    if not paths:
        return None
    lines = [assignments(path, "auth").get("methods") for path in paths]
    texts = [line.text for line in lines if line is not None]
    if not texts:
        older = release is not None and release < releases.EC2_METHOD
        return AUTH_METHODS if older else (*AUTH_METHODS, "ec2credential")
    return tuple(word.strip() for word in texts[-1].split(",") if word.strip())


def _files(paths: Sequence[str]) -> Files:
    for path in paths:
        if not os.access(path, os.R_OK) or not Path(path).is_file():
            raise _conf_error(f"names {path}, which does not exist or pciops can't read")
    try:
        return {path: assignments(path, GROUP) for path in paths}
    except ConfError as error:
        raise _conf_error(f"names a file that cannot be read: {error}") from None


def _from_files(
    files: Files, *, without: Container[str]
) -> tuple[dict[str, OptionValue], dict[str, str]]:
    """Return each option's value and source according to the files.

    Args:
        without: options to skip, so that an override helps against an invalid value in a file.
    """
    config = cfg.ConfigOpts()
    config.register_opts(OPTIONS, group=GROUP)
    try:
        # The environment is not Keystone's, so variables in the style of oslo.config are ignored.
        config(args=[], default_config_files=list(files), default_config_dirs=[], use_env=False)
    except (cfg.Error, OSError, UnicodeDecodeError):
        # Unread options would look unset, with every rule off. The message of oslo.config repeats
        # a line of the file, which may contain a password.
        raise _conf_error(f"names a file that cannot be read: one of {', '.join(files)}") from None
    values: dict[str, OptionValue] = {}
    sources: dict[str, str] = {}
    for option in (option for option in OPTIONS if option.name not in without):
        try:
            values[option.name] = _normalized(option.name, config[GROUP][option.name])
            # Not config.get_location(): it always names the last of several files.
            sources[option.name] = _source(files, option.name) or "default"
        except cfg.Error as error:
            problem = str(error).rpartition("is not valid: ")[2]
            if isinstance(error, cfg.NoSuchOptError | cfg.TemplateSubstitutionError):
                problem += " (write a dollar sign that is not a reference as $$)"
            location = _location(files, option.name)
            raise _conf_error(
                f"names {location}, where {option.name} is wrong: {problem}"
            ) from None
    path = _source(files, SECRET)
    values[SECRET_SET] = bool(path) and bool(files[path][SECRET].text)
    sources[SECRET_SET] = path or "default"
    return values, sources


def _source(files: Files, name: str) -> str:
    """Return the file whose value for an option counts; "" if none sets it."""
    return next((path for path in reversed(files) if name in files[path]), "")


def _location(files: Files, name: str) -> str:
    path = _source(files, name)
    return f"{path}, line {files[path][name].line}"


def _disagreements(files: Files) -> dict[str, tuple[tuple[str, OptionValue], ...]]:
    """Return the options whose values differ between the files of one Keystone's nodes."""
    different: dict[str, tuple[tuple[str, OptionValue], ...]] = {}
    for name in (*(option.name for option in OPTIONS), SECRET):
        texts = {path: files[path][name].text for path in files if name in files[path]}
        if name == SECRET:
            if len(set(texts.values())) > 1:
                different[SECRET_SET] = tuple((path, bool(text)) for path, text in texts.items())
            continue
        values = tuple((path, _value_of(name, text)) for path, text in texts.items())
        if len({value for _, value in values}) > 1:
            different[name] = values
    return different


def _value_of(name: str, text: str) -> OptionValue:
    """Return the value of one file's text, or the text itself if it is not a value by itself."""
    if not text:
        return _unset(name)
    if REFERENCE.search(text):
        return text
    try:
        return _normalized(name, _BY_NAME[name].type(text.replace("$$", "$")))
    except ValueError:
        return text


def _normalized(name: str, value: object) -> OptionValue:
    """Return the value as `Policy` has it; every way to switch a rule off gives the same."""
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, int | str) and value != "":
        return value
    return _unset(name)


def _unset(name: str) -> OptionValue:
    """Return the value of an option that is unset."""
    if name == "lockout_duration":
        return None
    unset: Any = _BY_NAME[name].default
    return tuple(unset) if isinstance(unset, list) else unset


def _conf_error(problem: str) -> SettingError:
    return SettingError("PCIOPS_KEYSTONE_CONF", problem, "/etc/keystone/keystone.conf")


def _variable(name: str) -> str:
    return f"PCIOPS_POLICY_{name.upper()}"


def _override(name: str, text: str) -> OptionValue:
    """Convert one PCIOPS_POLICY_<OPTION> by the option's own type and bounds."""
    variable = _variable(name)
    if name == SECRET:
        problem = f"replaces {variable}: pciops must not hold that secret. Unset {variable}"
        raise SettingError(_variable(SECRET_SET), problem, "yes")
    option = _BY_NAME.get(name)
    if option is None:
        valid = ", ".join(_variable(name) for name in NAMES)
        raise SettingError(
            variable, f"is not an option that pciops reads; choose from {valid}", "6"
        )
    if text.lower() == "off":
        return _unset(name)
    try:
        return _normalized(name, option.type(text))
    except ValueError as error:
        raise SettingError(variable, f"is {text!r}: {error}", _example(option)) from None


def _example(option: cfg.Opt) -> str:
    if isinstance(option, cfg.BoolOpt):
        return "true"
    return "event" if isinstance(option, cfg.ListOpt) else str(option.default or 6)
