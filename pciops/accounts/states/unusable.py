"""The states of accounts with which nobody can sign in by password, regardless of the policy."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, Exists, F, Func, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states.password import new_password
from pciops.accounts.states.remedies import Remedy
from pciops.accounts.states.state import Ids, State
from pciops.keystone.models import LocalUser, Password, User


class _JsonType(Func):
    """The type of JSON text (`object`, `array`…); NULL if it is not JSON."""

    output_field = TextField()
    template = "CASE WHEN JSON_VALID(%(expressions)s) THEN LOWER(JSON_TYPE(%(expressions)s)) END"


_NONE, _OBJECT = (Value(word, output_field=TextField()) for word in ("", "object"))


def _not_an_object(column: str) -> Q:
    """Match rows whose column is not a JSON object."""
    return ~Q(Exact(Coalesce(_JsonType(F(column)), _NONE), _OBJECT))


class Unreadable(State):
    """`extra` is not a JSON object: Keystone's User.to_dict fails before any check."""

    name = "unreadable"
    label = "Unreadable"
    title = "Accounts that Keystone cannot read"
    explanation = (
        "The column extra of the user's row is not a JSON object, so Keystone answers every "
        "sign-in with an error. Correct the column in Keystone's database."
    )
    blocks_signin = True
    tone = "bad"

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        return account.covered and not account.readable

    def condition(self, policy: Policy, now: datetime) -> Q:
        return _not_an_object("user__extra")

    def candidates(self, policy: Policy, now: datetime) -> Ids:
        return self.users().values_list("local_user__pk", flat=True)

    def users(self) -> QuerySet[User]:
        """Return the unreadable users of any kind."""
        return User.objects.filter(_not_an_object("extra"))

    def describe(self, account: Account, policy: Policy, now: datetime) -> str:
        return "Keystone cannot read the user's row"

    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        return Remedy(
            sentence="Correct the column extra in Keystone's database; it needs at least {}."
        )


class NoPassword(State):
    """No row in `password`: Keystone treats every password as wrong."""

    name = "no_password"
    label = "No password"
    title = "Accounts without a password"
    explanation = (
        "The account has no password. It can't sign in with one until an administrator sets it."
    )
    blocks_signin = True

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        return account.covered and account.password_created_at is None

    def condition(self, policy: Policy, now: datetime) -> Q:
        return Q(~Exists(Password.objects.filter(local_user=OuterRef("pk"))))

    def candidates(self, policy: Policy, now: datetime) -> Ids:
        if self.is_empty():
            return LocalUser.objects.none().values_list("pk", flat=True)
        holders = Password.objects.values("local_user_id")
        return LocalUser.objects.exclude(pk__in=holders).values_list("pk", flat=True)

    def is_empty(self) -> bool:
        """Return whether no account is in the state: every local user holds a password."""
        holders = Password.objects.aggregate(number=Count("local_user_id", distinct=True))
        return bool(holders["number"] == LocalUser.objects.count())

    def describe(self, account: Account, policy: Policy, now: datetime) -> str:
        return "it has no password"

    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        return Remedy(sentence="An administrator sets one:", command=new_password(account))
