"""The states of accounts that no password opens, whatever the policy is."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, F, Func, OuterRef, Q, TextField

from pciops.accounts.account import Account
from pciops.accounts.policy import Policy
from pciops.accounts.state import Rows, State
from pciops.keystone.models import Password


class _Kind(Func):
    """What a column of JSON text holds (`object`, `array`…); NULL where it is no JSON."""

    output_field = TextField()
    template = "CASE WHEN JSON_VALID(%(expressions)s) THEN LOWER(JSON_TYPE(%(expressions)s)) END"


class Unreadable(State):
    """`extra` is no JSON object: Keystone's User.to_dict fails before it looks at anything."""

    name = "unreadable"
    label = "Unreadable"
    title = "Accounts that Keystone cannot read"
    explanation = (
        "The column extra of the user's row is no JSON object, so every sign-in ends in an error"
        " of Keystone's. Only a correction in its database helps."
    )
    blocks_signin = True
    tone = "bad"

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        return account.covered and not account.readable

    def among(self, rows: Rows, policy: Policy, now: datetime) -> Rows:
        rows = rows.alias(kind=_Kind(F("user__extra")))
        return rows.filter(Q(kind=None) | ~Q(kind="object"))

    def says(self, account: Account, policy: Policy, now: datetime) -> str:
        return "Keystone cannot read the user's row"


class NoPassword(State):
    """No row in `password`: Keystone treats every password as a wrong one."""

    name = "no_password"
    label = "No password"
    title = "Accounts without a password"
    explanation = "No password was ever set, so none gets anybody in until one is."
    blocks_signin = True

    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        return account.covered and account.password_created_at is None

    def among(self, rows: Rows, policy: Policy, now: datetime) -> Rows:
        return rows.filter(~Exists(Password.objects.filter(local_user=OuterRef("pk"))))

    def says(self, account: Account, policy: Policy, now: datetime) -> str:
        return "no password was ever set"
