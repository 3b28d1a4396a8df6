"""How an account of the demo is described, and the rules that it lives under."""

from __future__ import annotations

from dataclasses import dataclass

EXEMPT_FROM_LOCKOUT = "ignore_lockout_failure_attempts"
EXEMPT_FROM_EXPIRY = "ignore_password_expiry"
EXEMPT_FROM_INACTIVITY = "ignore_user_inactivity"

# What the demo's keystone.conf says in [security_compliance].
POLICY: dict[str, str | int] = {
    "lockout_failure_attempts": 3,
    "lockout_duration": 1800,  # seconds
    "disable_user_account_days_inactive": 90,
    "password_expires_days": 90,
    "unique_last_password_count": 5,
    "password_regex": r"^(?=.*\d)(?=.*[a-zA-Z]).{12,}$",
    "password_regex_description": "At least 12 characters, among them a letter and a digit.",
}
LOCKING = 3  # failed sign-ins


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A role on a project of the account's domain, on that domain, or on the system."""

    role: str
    project: str = ""
    on_domain: bool = False
    on_system: bool = False


@dataclass(frozen=True, kw_only=True)
class History:
    """What lies behind an account, in days before now.

    Attributes:
        active: day of the last sign-in; None for never.
        password: age of the newest password.
        expires: whether that password ever does; those from before the rule do not.
        failures: real failed sign-ins with a wrong password.
        lapsed: the failures were hours ago, so the lock has ended.
    """

    created: int = 420
    active: int | None = 0
    password: int = 30
    expires: bool = True
    failures: int = 0
    lapsed: bool = False


@dataclass(frozen=True, kw_only=True)
class Account:
    """One account as an administrator would make it.

    Attributes:
        options: Keystone's resource options that are set to true.
        application_credential: name of one that the account has made for itself.
    """

    domain: str
    name: str
    description: str = ""
    email: str = ""
    enabled: bool = True
    grants: tuple[Grant, ...] = ()
    options: tuple[str, ...] = ()
    application_credential: str = ""
    history: History = History()

    @property
    def is_locked(self) -> bool:
        """Whether its failures lock it now."""
        exempt = EXEMPT_FROM_LOCKOUT in self.options
        return self.history.failures >= LOCKING and not self.history.lapsed and not exempt
