"""An account: Keystone's user as one frozen value, with the facts that decide a sign-in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from pciops.accounts.privileged import Kinds
from pciops.keystone import options
from pciops.keystone.fields import EPOCH
from pciops.lib import times

LAST: Final = datetime.max.replace(tzinfo=UTC)
FIRST_EXPIRY: Final = timedelta(days=1)  # the least that `password_expires_days` gives


@dataclass(frozen=True, kw_only=True)
class Failures:
    """The two columns that make a lock, as somebody saw them: the guard of an unlock."""

    failed_auth_count: int
    failed_auth_at: datetime | None

    def __str__(self) -> str:
        """As `3@2026-11-22T14:02:11+00:00`: in the form's hidden field and in the trail."""
        at = self.failed_auth_at.isoformat() if self.failed_auth_at else ""
        return f"{self.failed_auth_count}@{at}"

    @classmethod
    def parse(cls, text: str) -> Failures:
        """The failures that `str` wrote.

        Raises:
            ValueError
        """
        count, _, at = text.partition("@")
        if not (count.isascii() and count.isdigit() and len(count) < 11):
            raise ValueError(text)
        try:
            instant = datetime.fromisoformat(at).astimezone(UTC) if at else None
        except OverflowError:
            raise ValueError(text) from None
        return cls(failed_auth_count=int(count), failed_auth_at=instant)


@dataclass(frozen=True, kw_only=True)
class Account:
    """Facts only; what they mean is in `states`. Instants are aware UTC; text is not ours."""

    id: str
    name: str
    domain_id: str
    domain_name: str
    email: str = ""
    enabled: bool | None = True  # None is refused like False
    covered: bool = True  # False: LDAP or federated, none of Keystone's rules reach it
    readable: bool = True  # False: `extra` is no JSON object, and Keystone fails over it
    failed_auth_count: int = 0
    failed_auth_at: datetime | None = None
    created_at: datetime | None = None
    last_active_at: date | None = None  # a UTC day; Keystone knows no more
    password_created_at: datetime | None = None
    password_expires_at: datetime | None = None
    # A first or reset password that has to be changed: it expired when it was made.
    password_expired_at_birth: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)  # option id → decoded value
    kinds: Kinds = ()  # why it matters, by the roles that it holds

    @property
    def failures(self) -> Failures:
        """What an unlock compares before it sets."""
        return Failures(
            failed_auth_count=self.failed_auth_count, failed_auth_at=self.failed_auth_at
        )

    @property
    def exemptions(self) -> list[str]:
        """Names of the options that exempt it from a rule, as the API calls them."""
        return [name for option, name in options.EXEMPTIONS.items() if self.exempt_from(option)]

    def exempt_from(self, option_id: str) -> bool:
        """Whether the option is set and true; present and false exempts nobody."""
        return self.options.get(option_id) is True

    @property
    def active_on(self) -> date | None:
        """The day that inactivity is counted from: User.enabled in Keystone's sql_model."""
        if self.last_active_at is None and self.created_at is not None:
            return self.created_at.astimezone(UTC).date()
        return self.last_active_at


class Facts(NamedTuple):
    """What the rows of `user`, `project` and `local_user` say of an account, in their own words."""

    id: str
    name: str
    domain_id: str | None
    domain_name: str | None
    extra: str | None
    enabled: bool | None
    created_at: datetime | None
    last_active_at: date | None
    covered: bool
    failed_auth_count: int | None = None
    failed_auth_at: datetime | None = None


class PasswordFacts(NamedTuple):
    """What a row of `password` says; the old columns count where the new ones are NULL."""

    pk: int
    created_at_int: datetime | None
    expires_at_int: datetime | None
    created_at: datetime | None
    expires_at: datetime | None


def build(
    facts: Facts,
    *,
    passwords: Iterable[PasswordFacts],
    options: Mapping[str, str | None],
    kinds: Kinds = (),
) -> Account:
    """The account of what its rows say.

    Args:
        options: option id → JSON text of its value.
    """
    extra = decoded(facts.extra)
    email = extra.get("email") if isinstance(extra, dict) else None
    password = newest(passwords)
    domain_id = facts.domain_id or ""
    return Account(
        id=facts.id,
        name=facts.name,
        domain_id=domain_id,
        domain_name=domain_id if facts.domain_name is None else facts.domain_name,
        kinds=kinds,
        email=email if isinstance(email, str) else "",
        enabled=facts.enabled,
        covered=facts.covered,
        readable=isinstance(extra, dict),
        failed_auth_count=facts.failed_auth_count or 0,
        failed_auth_at=facts.failed_auth_at,
        created_at=facts.created_at,
        last_active_at=facts.last_active_at,
        password_created_at=(password.created_at_int or password.created_at) if password else None,
        password_expires_at=expiry(password) if password else None,
        password_expired_at_birth=password is not None and expired_at_birth(password),
        options={option: decoded(value) for option, value in options.items()} if options else {},
    )


def newest(passwords: Iterable[PasswordFacts]) -> PasswordFacts | None:
    """The one that Keystone checks: the last by `created_at_int`.

    Of several that are equally old Keystone takes the one that its database happens to send last:
    on MariaDB that may change from one sign-in to the next. Here it is the one that expires first,
    so that nobody is said to get in whom Keystone may refuse.
    """
    return min(passwords, key=_age, default=None)


def _age(password: PasswordFacts) -> tuple[object, ...]:
    """Sorts the newest first, as PasswordState does in SQL: NULL behind every expiry."""
    new, old = password.expires_at_int, password.expires_at
    age = LAST - (password.created_at_int or EPOCH)
    return age, new is None, new or LAST, old is None, old or LAST, -password.pk


def expiry(password: PasswordFacts) -> datetime | None:
    """The old column is read where the new one is NULL: Password.expires_at in sql_model."""
    return password.expires_at if password.expires_at_int is None else password.expires_at_int


def expired_at_birth(password: PasswordFacts) -> bool:
    """Whether `change_password_upon_first_use` gave it the instant it was made as its expiry.

    Every other expiry is whole days later (User._get_password_expires_at), at least one.
    """
    created, expires = password.created_at_int, password.expires_at_int
    if created is None or expires is None:
        return False
    return expires < times.later(created, FIRST_EXPIRY)


def decoded(text: str | None) -> Any:
    """JSON text of Keystone's; None where it is none, for the rows are somebody else's."""
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
