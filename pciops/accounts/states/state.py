"""What every state has: a name, words for a person, and its rule in two forms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Any, ClassVar, Final, cast

from django.db.models import Exists, OuterRef, Q, QuerySet

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states.remedies import Remedy
from pciops.keystone.models import LocalUser, UserOption

Rows = QuerySet[LocalUser]
Ids = QuerySet[Any, int | None]
NOTHING: Final = Q(pk__in=[])  # no row at all


class State(ABC):
    """A state: its name in URLs, API and commands, what it says to a person, and its rule."""

    name: ClassVar[str]
    label: ClassVar[str]
    title: ClassVar[str]  # of the list of such accounts
    explanation: ClassVar[str]
    blocks_signin: ClassVar[bool] = False
    warns: ClassVar[bool] = False  # worth a word beside "can sign in"
    tone: ClassVar[str] = "plain"  # of its label: bad, soon, attack or plain
    rule: ClassVar[str] = ""  # the option that brings accounts into it; "" where none does

    def __repr__(self) -> str:
        return self.name

    @abstractmethod
    def holds(self, account: Account, policy: Policy, now: datetime) -> bool:
        """Whether this account is in the state at this instant."""

    @abstractmethod
    def where(self, policy: Policy, now: datetime) -> Q:
        """What is true of the rows that are in the state at this instant, and of no other.

        It looks at one row after the other, so that a list stops when its page is full.
        """

    def off(self, policy: Policy) -> bool:
        """Whether its rule is off, so that Keystone brings no more accounts into it."""
        return bool(self.rule) and not getattr(policy, self.rule)

    def among(self, rows: Rows, policy: Policy, now: datetime) -> Rows:
        """Those of the rows that are in the state at this instant."""
        return rows.filter(self.where(policy, now))

    def candidates(self, policy: Policy, now: datetime) -> Ids | None:
        """Ids of rows that may be in the state, all that are among them, by a scan of one table.

        For where few of very many rows are in it, and `where` would look at all of them one by
        one. None: `where` needs no more than the row itself.
        """
        return None

    def says(self, account: Account, policy: Policy, now: datetime) -> str:
        """The state within a sentence: "locked until 14:32:11 UTC (28 min from now)"."""
        return self.label[0].lower() + self.label[1:]

    @abstractmethod
    def remedy(self, account: Account, policy: Policy, now: datetime) -> Remedy:
        """What ends the state of this account, which is in it."""


def prefixed(condition: Q, relation: str) -> Q:
    """The condition on the row that a relation leads to; one on `pk` (see NOTHING) stays."""
    parts: list[Any] = []
    for part in condition.children:
        if isinstance(part, Q):
            parts.append(prefixed(part, relation))
        else:
            lookup, value = cast("tuple[str, object]", part)
            parts.append((lookup if lookup.startswith("pk") else f"{relation}__{lookup}", value))
    return Q(*parts, _connector=condition.connector, _negated=condition.negated)


def option_is_true(option_id: str, *, user_id: str = "user_id") -> Exists:
    """Whether the user of a row has the option set to true; `false` and `null` do not count."""
    return Exists(
        UserOption.objects.filter(
            user_id=OuterRef(user_id), option_id=option_id, option_value="true"
        )
    )
