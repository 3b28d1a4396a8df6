"""What every state has: a name, words for a person, and its rule in two forms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from typing import ClassVar

from django.db.models import Exists, OuterRef, QuerySet

from pciops.accounts.account import Account
from pciops.accounts.policy import Policy
from pciops.keystone.models import LocalUser, UserOption

Rows = QuerySet[LocalUser]


class State(ABC):
    """A state: its name in URLs, API and commands, what it says to a person, and its rule."""

    name: ClassVar[str]
    label: ClassVar[str]
    title: ClassVar[str]  # of the list of such accounts
    explanation: ClassVar[str]
    blocks_signin: ClassVar[bool] = False
    warns: ClassVar[bool] = False  # worth a word beside "can sign in"
    tone: ClassVar[str] = "plain"  # of its label: bad, soon, attack or plain

    def __repr__(self) -> str:
        return self.name

    @abstractmethod
    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        """Whether this account is in the state at this instant."""

    @abstractmethod
    def among(self, rows: Rows, policy: Policy, now: datetime) -> Rows:
        """Those of the rows that are in the state at this instant."""

    def says(self, account: Account, policy: Policy, now: datetime) -> str:
        """The state within a sentence: "locked until 14:32:11 UTC (28 min from now)"."""
        return self.label[0].lower() + self.label[1:]


def option_is_true(option_id: str) -> Exists:
    """Whether the user of a row has the option set to true; `false` and `null` do not count."""
    return Exists(
        UserOption.objects.filter(
            user_id=OuterRef("user_id"), option_id=option_id, option_value="true"
        )
    )
