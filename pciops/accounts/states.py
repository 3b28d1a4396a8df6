"""The states of an account, in the order in which Keystone looks at a sign-in.

Each is one object with its rule twice, side by side: `holds` for one account, `among` for all.
The rules are those of keystone.identity.backends.sql.Identity.authenticate and of User.enabled
and User.password_is_expired in sql_model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from pciops.accounts.account import Account
from pciops.accounts.policy import Policy
from pciops.keystone import options
from pciops.keystone.models import LocalUser, Password, UserOption
from pciops.lib import times

Rows = QuerySet[LocalUser]


@dataclass(frozen=True, kw_only=True, repr=False)
class State:
    """A state: its name in URLs, API and commands, and what it says to a person."""

    name: str
    label: str
    title: str  # of the list of such accounts
    explanation: str
    blocks_signin: bool
    # The state of this account within a sentence: "locked until 14:32:11 UTC, 28 min from now".
    says: Callable[[Account, Policy, datetime], str]
    holds: Callable[[Account, Policy, datetime], bool]
    among: Callable[[Rows, Policy, datetime], Rows]

    def __repr__(self) -> str:
        return self.name


# --- locked, and the lock that has run out ------------------------------------------------------
def at_threshold(account: Account, policy: Policy) -> bool:
    """The count is there, and the account is not exempt: what both lock states share."""
    threshold = policy.lockout_failure_attempts
    return (
        threshold is not None
        and account.covered
        and account.failed_auth_count >= threshold
        and not account.exempt_from(options.IGNORE_LOCKOUT)
    )


def locked_until(account: Account, policy: Policy) -> datetime | None:
    """When the lock ends by itself; None: never, or there is none.

    Never is a lock without `failed_auth_at` (Keystone then answers 400 to every sign-in, even
    with the right password) or without `lockout_duration`.
    """
    if not at_threshold(account, policy) or account.failed_auth_at is None:
        return None
    return None if policy.lockout is None else times.later(account.failed_auth_at, policy.lockout)


def is_locked(account: Account, policy: Policy, now: datetime) -> bool:
    """As Identity._is_account_locked decides it, at this instant."""
    if not at_threshold(account, policy):
        return False
    until = locked_until(account, policy)
    return until is None or until > now


def is_lock_lapsed(account: Account, policy: Policy, now: datetime) -> bool:
    """The count still stands at the threshold, and the time is up."""
    return at_threshold(account, policy) and not is_locked(account, policy, now)


def among_at_threshold(rows: Rows, policy: Policy) -> Rows:
    if policy.lockout_failure_attempts is None:
        return rows.none()
    over = rows.filter(failed_auth_count__gte=policy.lockout_failure_attempts)
    return over.filter(~option_is_true(options.IGNORE_LOCKOUT))


def among_locked(rows: Rows, policy: Policy, now: datetime) -> Rows:
    over = among_at_threshold(rows, policy)
    if policy.lockout is None:
        return over
    return over.filter(Q(failed_auth_at__gt=now - policy.lockout) | Q(failed_auth_at=None))


def among_lock_lapsed(rows: Rows, policy: Policy, now: datetime) -> Rows:
    if policy.lockout is None:
        return rows.none()
    return among_at_threshold(rows, policy).filter(failed_auth_at__lte=now - policy.lockout)


# --- disabled and inactive ----------------------------------------------------------------------
def inactive_on(account: Account, policy: Policy) -> date | None:
    """The UTC day from which Keystone refuses the account as inactive; None: no such day."""
    days = policy.disable_user_account_days_inactive
    if days is None or not account.covered or not account.enabled or account.active_on is None:
        return None
    if account.exempt_from(options.IGNORE_USER_INACTIVITY):
        return None
    try:
        return account.active_on + timedelta(days=days)
    except OverflowError:
        return None


def is_inactive(account: Account, policy: Policy, now: datetime) -> bool:
    """Whole UTC days; refused on day N itself. The column `enabled` stays 1."""
    first = inactive_on(account, policy)
    return first is not None and now.astimezone(UTC).date() >= first


def among_inactive(rows: Rows, policy: Policy, now: datetime) -> Rows:
    days = policy.disable_user_account_days_inactive
    if days is None:
        return rows.none()
    last = now.astimezone(UTC).date() - timedelta(days=days)
    day_after = datetime.combine(last + timedelta(days=1), time.min, UTC)
    return rows.filter(
        Q(user__last_active_at__lte=last)
        | Q(user__last_active_at=None, user__created_at__lt=day_after),
        ~option_is_true(options.IGNORE_USER_INACTIVITY),
        user__enabled=True,
    )


# --- password expired ---------------------------------------------------------------------------
def is_expired(account: Account, policy: Policy, now: datetime) -> bool:
    """The newest password is past its expiry. Holds whatever `password_expires_days` is now."""
    if account.exempt_from(options.IGNORE_PASSWORD_EXPIRY):
        return False
    return account.password_expires_at is not None and account.password_expires_at <= now


def among_expired(rows: Rows, policy: Policy, now: datetime) -> Rows:
    past = Q(expires_at_int__lte=now) | Q(expires_at_int=None, expires_at__lte=now)
    # One pass over the table: it has no index that finds the newest password of one user.
    age = Window(RowNumber(), partition_by="local_user_id", order_by=("-created_at_int", "-pk"))
    newest = Password.objects.annotate(age=age).filter(age=1).values("pk")
    expired = Password.objects.filter(past, pk__in=newest).values("local_user_id")
    return rows.filter(~option_is_true(options.IGNORE_PASSWORD_EXPIRY), pk__in=expired)


def option_is_true(option_id: str) -> Exists:
    """Whether the user of a row has the option set to true; `false` and `null` do not count."""
    return Exists(
        UserOption.objects.filter(
            user_id=OuterRef("user_id"), option_id=option_id, option_value="true"
        )
    )


# --- the same in words --------------------------------------------------------------------------
def says_locked(account: Account, policy: Policy, now: datetime) -> str:
    until = locked_until(account, policy)
    return f"locked until {times.both(until, now)}" if until else "locked until it is unlocked"


def says_lock_lapsed(account: Account, policy: Policy, now: datetime) -> str:
    until = locked_until(account, policy)
    return f"the lock ran out at {times.both(until, now)}" if until else "the lock ran out"


def says_inactive(account: Account, policy: Policy, now: datetime) -> str:
    since = inactive_on(account, policy)
    return f"inactive since {times.day(since)}" if since else "inactive"


def says_expired(account: Account, policy: Policy, now: datetime) -> str:
    at = account.password_expires_at
    return f"the password expired at {times.both(at, now)}" if at else "the password expired"


LOCKED = State(
    name="locked",
    label="Locked",
    title="Locked accounts",
    explanation="Too many wrong passwords. Keystone refuses every password until the lock ends.",
    blocks_signin=True,
    says=says_locked,
    holds=is_locked,
    among=among_locked,
)
DISABLED = State(
    name="disabled",
    label="Disabled",
    title="Disabled accounts",
    explanation="Somebody disabled the account. It stays so until an administrator enables it.",
    blocks_signin=True,
    says=lambda account, policy, now: "disabled",
    holds=lambda account, policy, now: not account.enabled,
    among=lambda rows, policy, now: rows.filter(Q(user__enabled=False) | Q(user__enabled=None)),
)
INACTIVE = State(
    name="inactive",
    label="Inactive",
    title="Inactive accounts",
    explanation="No sign-in for too many days: Keystone treats the account as disabled.",
    blocks_signin=True,
    says=says_inactive,
    holds=is_inactive,
    among=among_inactive,
)
EXPIRED = State(
    name="expired",
    label="Password expired",
    title="Accounts with an expired password",
    explanation="The password has to be changed before it gets anybody in.",
    blocks_signin=True,
    says=says_expired,
    holds=is_expired,
    among=among_expired,
)
LOCK_LAPSED = State(
    name="lock_lapsed",
    label="Lock lapsed",
    title="Accounts whose lock has lapsed",
    explanation="The lock has run out by itself; the next sign-in clears the count.",
    blocks_signin=False,
    says=says_lock_lapsed,
    holds=is_lock_lapsed,
    among=among_lock_lapsed,
)

STATES: tuple[State, ...] = (LOCKED, DISABLED, INACTIVE, EXPIRED, LOCK_LAPSED)
BY_NAME = {state.name: state for state in STATES}


def classify(account: Account, policy: Policy, now: datetime) -> list[State]:
    """Every state that holds; the first that blocks explains a refused sign-in."""
    return [state for state in STATES if state.holds(account, policy, now)]


def blocking(states: Iterable[State]) -> list[State]:
    """Those that keep the account from signing in."""
    return [state for state in states if state.blocks_signin]
