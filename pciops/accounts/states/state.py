"""The base of all states: a name, sentences, and the rule in two forms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Any, ClassVar, Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states.remedies import Remedy
from pciops.keystone.models import LocalUser, UserOption

Rows = QuerySet[LocalUser]
Ids = QuerySet[Any, int | None]
NOTHING: Final = Q(pk__in=[])  # true of no row


class State(ABC):
    """A state of accounts: its name in URLs, API and commands, its sentences and its rule."""

    name: str
    label: str
    title: str  # of the list of such accounts
    explanation: str
    blocks_signin: ClassVar[bool] = False
    warns: ClassVar[bool] = False  # is worth mentioning although the account can sign in
    tone: ClassVar[str] = "plain"  # of its label: bad, soon, attack or plain
    rule: ClassVar[str] = ""  # the option that brings accounts into the state, if one does
    # Its condition asks `user_option`, a small table: databases begin with that if it is best.
    of_options: ClassVar[bool] = False

    def __repr__(self) -> str:
        return self.name

    @abstractmethod
    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        """Return whether the account is in the state at `now`."""

    @abstractmethod
    def condition(self, policy: Policy, now: datetime) -> Q:
        """Return the condition that is true of exactly the rows in the state at `now`.

        The database evaluates it row by row, so a list stops when its page is full.
        """

    def is_off(self, policy: Policy) -> bool:
        """Return whether the rule is off, so that Keystone brings no more accounts into it."""
        return bool(self.rule) and not getattr(policy, self.rule)

    def filter(self, rows: Rows, policy: Policy, now: datetime) -> Rows:
        """Return the rows that are in the state at `now`."""
        return rows.filter(self.condition(policy, now))

    def candidates(self, policy: Policy, now: datetime) -> Ids | None:
        """Return ids of all rows that may be in the state, found by a scan of one table.

        This is for the case that few of very many rows are in the state, when `condition` would
        look at all of them one by one. None: `condition` needs only the row itself.
        """
        return None

    def describe(self, account: Account, policy: Policy, now: datetime) -> str:
        """Return the state for use in a sentence: "locked until 14:32:11 UTC (in 28 min)"."""
        return self.label[0].lower() + self.label[1:]

    @abstractmethod
    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        """Return the remedy for an account that is in the state."""


def option_is_true(option_id: str, *, user_id: str = "user_id") -> Exists:
    """Return the condition that a row's user has the option set to true, not false or null."""
    return Exists(
        UserOption.objects.filter(
            user_id=OuterRef(user_id), option_id=option_id, option_value="true"
        )
    )
