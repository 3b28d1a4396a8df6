"""Describes an account of the demo, and the policy of the demo's Keystone."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

EXEMPT_FROM_LOCKOUT = "ignore_lockout_failure_attempts"
EXEMPT_FROM_EXPIRY = "ignore_password_expiry"
EXEMPT_FROM_INACTIVITY = "ignore_user_inactivity"

# Options of [security_compliance] in the demo's keystone.conf.
POLICY: dict[str, str | int] = {
    "lockout_failure_attempts": 3,
    "lockout_duration": 1800,  # seconds
    "disable_user_account_days_inactive": 90,
    "password_expires_days": 90,
    "unique_last_password_count": 5,
    "password_regex": r"^(?=.*\d)(?=.*[a-zA-Z]).{12,}$",
    "password_regex_description": "At least 12 characters, among them a letter and a digit.",
    "report_invalid_password_hash": "event",
    # As secret as the demo's passwords, which are in the same folder.
    "invalid_password_hash_secret_key": "only-of-the-demo",
}
LOCKOUT_ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A role on a project of the account's domain, on that domain, or on the system."""

    role: str
    project: str = ""
    on_domain: bool = False
    on_system: bool = False


@dataclass(frozen=True, kw_only=True)
class AttemptSource:
    """A program or person that signs in with wrong passwords.

    Attributes:
        every: seconds between two attempts.
        same: each attempt has the same password.
        later: attempts after the account was locked; Keystone does not check their password.
    """

    address: str
    agent: str
    every: int = 60
    same: bool = True
    later: int = 0


BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
DESK = AttemptSource(address="10.20.8.31", agent=BROWSER, every=14, same=False)


@dataclass(frozen=True, kw_only=True)
class History:
    """The past of an account, in days before now.

    Attributes:
        active: day of the last sign-in; None for never.
        password: age of the newest password.
        expires: the newest password expires; passwords older than the policy do not.
        failures: real failed sign-ins with a wrong password.
        lapsed: the failures are hours old, so the lock has ended.
        source: where the failures came from.
    """

    created: int = 420
    active: int | None = 0
    password: int = 30
    expires: bool = True
    failures: int = 0
    lapsed: bool = False
    source: AttemptSource = DESK


@dataclass(frozen=True)
class Account:
    """An account of the demo.

    Attributes:
        options: Keystone's resource options that are true.
        application_credential: name of a credential that the account makes for itself.
    """

    name: str
    description: str = ""
    history: History = History()
    _: KW_ONLY
    domain: str
    email: str = ""
    enabled: bool = True
    grants: tuple[Grant, ...] = ()
    options: tuple[str, ...] = ()
    application_credential: str = ""

    @property
    def key(self) -> str:
        return f"{self.domain}/{self.name}"

    @property
    def is_locked(self) -> bool:
        exempt = EXEMPT_FROM_LOCKOUT in self.options
        enough = self.history.failures >= LOCKOUT_ATTEMPTS
        return enough and not self.history.lapsed and not exempt
