"""An account: one of Keystone's users as a frozen value, with the facts that decide a sign-in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from pciops.accounts.machines import MachineReason
from pciops.accounts.privileged import AccountKinds
from pciops.keystone import options


@dataclass(frozen=True, kw_only=True)
class Failures:
    """The two columns that make a lock, as read at one time: the precondition of an unlock."""

    failed_auth_count: int
    failed_auth_at: datetime | None

    def __str__(self) -> str:
        """Return `3@2026-11-22T14:02:11+00:00`, as hidden form field and audit log have it."""
        at = self.failed_auth_at.isoformat() if self.failed_auth_at else ""
        return f"{self.failed_auth_count}@{at}"

    @classmethod
    def parse(cls, text: str) -> Failures:
        """Return the failures that `str` wrote, or raise ValueError."""
        count, _, at = text.partition("@")
        if not (count.isascii() and count.isdigit() and len(count) < 11):
            raise ValueError(text)
        try:
            failed_at = datetime.fromisoformat(at).astimezone(UTC) if at else None
        except OverflowError:
            raise ValueError(text) from None
        return cls(failed_auth_count=int(count), failed_auth_at=failed_at)


class Account(NamedTuple):
    """The facts of an account; `states` has the rules. Times are aware UTC, names untrusted."""

    id: str
    name: str
    domain_id: str
    domain_name: str
    email: str = ""
    enabled: bool | None = True  # Keystone refuses None like False
    # False: an LDAP or federated user, whom inactivity reaches, but not lockout and expiry.
    covered: bool = True
    # Kept in a directory (LDAP), which may decide on `enabled` instead of Keystone's row.
    in_directory: bool = False
    readable: bool = True  # False: `extra` is not a JSON object, and Keystone fails on it
    failed_auth_count: int = 0
    failed_auth_at: datetime | None = None
    created_at: datetime | None = None
    last_active_at: date | None = None  # a UTC day; Keystone stores no time of day
    password_created_at: datetime | None = None
    password_expires_at: datetime | None = None
    # A first or reset password that must be changed: it expired when it was created.
    password_expired_when_set: bool = False
    totp_enrolled: bool = False  # read only if the account's rules name TOTP
    options: Mapping[str, Any] = MappingProxyType({})  # option id → decoded value
    kinds: AccountKinds = ()  # of a privileged account
    machine: MachineReason | None = None  # why programs use it; None: people do

    @property
    def failures(self) -> Failures:
        """The precondition of an unlock."""
        return Failures(
            failed_auth_count=self.failed_auth_count, failed_auth_at=self.failed_auth_at
        )

    @property
    def exemptions(self) -> list[str]:
        """The names, as in Keystone's API, of the options that exempt it from a rule."""
        if not self.options:  # as of most accounts of a long list
            return []
        return [name for option, name in options.EXEMPTIONS.items() if self.exempt_from(option)]

    def exempt_from(self, option_id: str) -> bool:
        """Return whether the option is true; an option that is present and false has no effect."""
        return self.options.get(option_id) is True

    @property
    def active_on(self) -> date | None:
        """The day from which inactivity is counted: User.enabled in Keystone's sql_model."""
        return active_on(self.last_active_at, self.created_at)


def active_on(last_active_at: date | None, created_at: datetime | None) -> date | None:
    """Return the day from which the inactivity of a user with these columns is counted."""
    if last_active_at is None and created_at is not None:
        return created_at.astimezone(UTC).date()
    return last_active_at
