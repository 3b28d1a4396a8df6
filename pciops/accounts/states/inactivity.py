"""The states of `enabled`, `last_active_at` and `created_at`: User.enabled in sql_model."""

from __future__ import annotations

from abc import abstractmethod
from datetime import UTC, date, datetime, time, timedelta
from typing import ClassVar, Final

from django.db.models import Q

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states.remedies import Remedy, openstack
from pciops.accounts.states.state import NOTHING, Ids, State, option_is_true
from pciops.keystone import options
from pciops.keystone.models import User
from pciops.lib import times

# How an LDAP or federated user signs in; Keystone records the day as for a password.
_SSO: Final = "A sign-in by single sign-on, or with the password of the LDAP directory,"


def inactive_on(account: Account, policy: Policy) -> date | None:
    """Return the UTC day from which Keystone refuses the account as inactive, if there is one."""
    if not account.enabled or account.exempt_from(options.IGNORE_USER_INACTIVITY):
        return None
    return inactive_from(account.active_on, policy)


def inactive_from(active_on: date | None, policy: Policy) -> date | None:
    """Return the UTC day from which a user who is active on no later day than this is inactive."""
    days = policy.disable_user_account_days_inactive
    if days is None or active_on is None:
        return None
    try:
        return active_on + timedelta(days=days)
    except OverflowError:
        return None


def _active(user: str, *, since: date | None, until: date) -> Q:
    """Match enabled users whose last active day is within these bounds, both included."""
    active = Q(**{f"{user}last_active_at__lte": until})
    created = Q(**{f"{user}created_at__lt": _midnight(until + timedelta(days=1))})
    if since is not None:
        active &= Q(**{f"{user}last_active_at__gte": since})
        created &= Q(**{f"{user}created_at__gte": _midnight(since)})
    created &= Q(**{f"{user}last_active_at": None})
    return (active | created) & Q(**{f"{user}enabled": True})


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


class UserState(State):
    """A state that depends on the row of `user` alone, and on one option."""

    option: ClassVar[str] = ""  # exempts from the state

    @abstractmethod
    def row_condition(self, policy: Policy, now: datetime, *, user: str = "") -> Q:
        """Return the condition on rows of User, without the exemption.

        Args:
            user: the lookup prefix of the user, for rows of another table: `user__`.
        """

    def condition(self, policy: Policy, now: datetime) -> Q:
        rule = self.row_condition(policy, now, user="user__")
        return rule & Q(~option_is_true(self.option)) if self.option else rule

    def user_condition(self, policy: Policy, now: datetime) -> Q:
        """Return `condition` for rows of User, of users of any kind, instead of LocalUser."""
        rule = self.row_condition(policy, now)
        return rule & Q(~option_is_true(self.option, user_id="pk")) if self.option else rule

    def candidates(self, policy: Policy, now: datetime) -> Ids:
        # Users without a local row are not left out: MariaDB would begin with local_user.
        users = User.objects.filter(self.user_condition(policy, now))
        return users.values_list("local_user__pk", flat=True)


class Disabled(UserState):
    """The column `enabled` is false or NULL."""

    name = "disabled"
    label = "Disabled"
    title = "Disabled accounts"
    explanation = (
        "An administrator or a program disabled the account. It stays disabled until an "
        "administrator enables it."
    )
    blocks_signin = True
    tone = "bad"

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        return not account.enabled

    def row_condition(self, policy: Policy, now: datetime, *, user: str = "") -> Q:
        return Q(**{f"{user}enabled": False}) | Q(**{f"{user}enabled": None})

    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        if not account.covered:
            return Remedy(sentence="Enable it where it is managed.")
        today = policy.disable_user_account_days_inactive is not None
        return Remedy(
            sentence="Enabling it also clears its failed "
            f"attempts{' and counts as activity of today' if today else ''}:",
            command=openstack("user", "set", "--enable", account.id),
        )


class Inactive(UserState):
    """No sign-in for N whole UTC days; refused from day N on. The column `enabled` stays 1."""

    option = options.IGNORE_USER_INACTIVITY
    rule = "disable_user_account_days_inactive"
    name = "inactive"
    label = "Inactive"
    title = "Inactive accounts"
    explanation = "No sign-in for too many days. Keystone treats the account as disabled."
    blocks_signin = True
    tone = "bad"

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        first = inactive_on(account, policy)
        return first is not None and now.astimezone(UTC).date() >= first

    def row_condition(self, policy: Policy, now: datetime, *, user: str = "") -> Q:
        days = policy.disable_user_account_days_inactive
        if days is None:
            return NOTHING
        return _active(user, since=None, until=now.astimezone(UTC).date() - timedelta(days=days))

    def describe(self, account: Account, policy: Policy, now: datetime) -> str:
        since = inactive_on(account, policy)
        if since is None:
            return "inactive"
        return f"inactive since {times.day(since)} ({times.days_away(since, now)})"

    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        if account.in_directory:
            return Remedy(
                sentence=f"{_SSO} ends it. With Keystone's LDAP driver, the directory decides "
                "whether the account is enabled, so inactivity may not stop it."
            )
        if not account.covered:
            return Remedy(sentence=f"{_SSO} ends it.")
        return Remedy(
            sentence="An administrator enables it, which counts as activity of today. Do that "
            "before any other change: a change through Keystone's API turns it into a "
            "disabled account.",
            command=openstack("user", "set", "--enable", account.id),
        )


class InactiveSoon(UserState):
    """Inactive within `inactive_soon_days`, tomorrow at the earliest."""

    option = options.IGNORE_USER_INACTIVITY
    rule = "disable_user_account_days_inactive"
    name = "inactive_soon"
    label = "Inactive soon"
    title = "Accounts that become inactive soon"
    explanation = "Without a sign-in before that day, Keystone treats the account as disabled."
    warns = True
    tone = "soon"

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        first = inactive_on(account, policy)
        if first is None:
            return False
        return 0 < (first - now.astimezone(UTC).date()).days <= policy.inactive_soon_days

    def row_condition(self, policy: Policy, now: datetime, *, user: str = "") -> Q:
        days = policy.disable_user_account_days_inactive
        if days is None:
            return NOTHING
        last = now.astimezone(UTC).date() - timedelta(days=days)
        soon = timedelta(days=policy.inactive_soon_days)
        return _active(user, since=last + timedelta(days=1), until=last + soon)

    def describe(self, account: Account, policy: Policy, now: datetime) -> str:
        on = inactive_on(account, policy)
        if on is None:
            return "it becomes inactive soon"
        return f"it becomes inactive on {times.day(on)} ({times.days_away(on, now)})"

    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        way = "A sign-in with its password" if account.covered else _SSO
        return Remedy(
            sentence=f"{way} ends it. A sign-in with an application credential does not count."
        )


class NeverSignedIn(UserState):
    """No day of activity, which Keystone writes at each sign-in by password or single sign-on.

    Releases before 2023.1's fix write it only while the rule is on.
    """

    name = "never_signed_in"
    label = "Never signed in"
    title = "Accounts that never signed in"
    explanation = (
        "Keystone has recorded no sign-in since the account was created. It doesn't record "
        "sign-ins with application credentials."
    )

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        return account.last_active_at is None

    def row_condition(self, policy: Policy, now: datetime, *, user: str = "") -> Q:
        return Q(**{f"{user}last_active_at": None})

    def describe(self, account: Account, policy: Policy, now: datetime) -> str:
        return "no sign-in is recorded"

    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        return Remedy(sentence="Ask its owner whether the account is needed. If not, disable it.")
