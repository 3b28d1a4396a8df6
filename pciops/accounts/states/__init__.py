"""All states of an account, in the order in which Keystone checks a sign-in.

Each is one object with its rule in two forms side by side: `holds` for one account, `condition`
for all. The modules `lock`, `inactivity`, `password` and `unusable` are named for what they read;
the rules are those of keystone.identity.backends.sql.Identity.authenticate.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states.factor import SecondFactorNotEnrolled
from pciops.accounts.states.inactivity import Disabled, Inactive, InactiveSoon, NeverSignedIn
from pciops.accounts.states.lock import AttackedExempt, Locked, LockLapsed, NearLockout
from pciops.accounts.states.password import Expired, Expiring, MustChange, NoExpiry
from pciops.accounts.states.remedies import Remedy, openstack
from pciops.accounts.states.state import NOTHING, Ids, State
from pciops.accounts.states.unusable import NoPassword, Unreadable
from pciops.keystone import options
from pciops.keystone.models import UserOption

EXEMPTIONS = UserOption.objects.filter(option_id__in=options.EXEMPTIONS, option_value="true")

# The exemptions that `openstack user set` can remove.
_ON_COMMAND_LINE = [
    option for option in options.EXEMPTIONS if option != options.IGNORE_USER_INACTIVITY
]


class Exempt(State):
    """An `ignore_…` option is true."""

    name = "exempt"
    label = "Exempt"
    title = "Exempt accounts"
    explanation = "User options exempt the account from rules; each needs an owner and an end."
    of_options = True

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        return account.covered and bool(account.exemptions)

    def condition(self, policy: Policy, now: datetime) -> Q:
        return Q(user_id__in=EXEMPTIONS.values("user_id"))

    def candidates(self, policy: Policy, now: datetime) -> Ids:
        return EXEMPTIONS.values_list("user__local_user__pk", flat=True)

    def describe(self, account: Account, policy: Policy, now: datetime) -> str:
        return f"exempt by {', '.join(account.exemptions)}"

    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        exempt = [option for option in _ON_COMMAND_LINE if account.exempt_from(option)]
        words = [f"--no-{options.EXEMPTIONS[option].replace('_', '-')}" for option in exempt]
        command = openstack("user", "set", *words, account.id) if words else ""
        sentence = "An administrator removes the exemption"
        if account.exempt_from(options.IGNORE_USER_INACTIVITY):
            sentence += (
                f"{';' if words else ','} ignore_user_inactivity only through Keystone's API "
                "(PATCH of the user's options), because the command line does not have it"
            )
        return Remedy(sentence=sentence + (":" if words else "."), command=command)


class NotCovered(State):
    """An LDAP or federated user: it has no row in `local_user`, so `condition` is never true."""

    name = "not_covered"
    label = "Not covered"
    title = "Accounts without a password in Keystone"
    explanation = (
        "An LDAP or federated user. Lockout and expiry don't apply to it; inactivity does."
    )

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        return not account.covered

    def condition(self, policy: Policy, now: datetime) -> Q:
        return NOTHING

    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        return Remedy(
            sentence="Lock and expiry are managed where its password is: in the LDAP directory, "
            "or at the identity provider."
        )


LOCKED = Locked()
DISABLED = Disabled()
INACTIVE = Inactive()
EXPIRED = Expired()
MUST_CHANGE = MustChange()
NO_PASSWORD = NoPassword()
UNREADABLE = Unreadable()
SECOND_FACTOR_NOT_ENROLLED = SecondFactorNotEnrolled()
LOCK_LAPSED = LockLapsed()
NEAR_LOCKOUT = NearLockout()
ATTACKED_EXEMPT = AttackedExempt()
INACTIVE_SOON = InactiveSoon()
EXPIRING = Expiring()
NO_EXPIRY = NoExpiry()
NEVER_SIGNED_IN = NeverSignedIn()
EXEMPT = Exempt()
NOT_COVERED = NotCovered()

STATES: tuple[State, ...] = (
    LOCKED,
    DISABLED,
    INACTIVE,
    EXPIRED,
    MUST_CHANGE,
    NO_PASSWORD,
    UNREADABLE,
    SECOND_FACTOR_NOT_ENROLLED,
    LOCK_LAPSED,
    NEAR_LOCKOUT,
    ATTACKED_EXEMPT,
    INACTIVE_SOON,
    EXPIRING,
    NO_EXPIRY,
    NEVER_SIGNED_IN,
    EXEMPT,
    NOT_COVERED,
)
BY_NAME = {state.name: state for state in STATES}


def classify(account: Account, policy: Policy, now: datetime) -> list[State]:
    """Return every state of the account; the first that blocks explains a refused sign-in."""
    return [state for state in STATES if state.holds(account, policy, now)]


def blocking(states: Iterable[State]) -> list[State]:
    """Return the states that block a sign-in."""
    return [state for state in states if state.blocks_signin]
