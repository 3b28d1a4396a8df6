"""What every act has in common: its words, when it fits, and the one way to perform it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar, Final

from django.db import transaction

from pciops.accounts.account import Account
from pciops.accounts.policy.policy import Policy
from pciops.accounts.verdict import SigninVerdict, judge
from pciops.audit import services
from pciops.audit.models import Event
from pciops.audit.services import Initiator

Ending = tuple[Event.Outcome, str]  # with what the trail says about it

# What an operator needs to do an act; `pciops.signin.rights` says who has it.
MAY_UNLOCK: Final = "unlock"
MAY_ADMINISTER: Final = "administer"


class ConflictError(Exception):
    """The account was not changed by this act, which is in the trail as a failure."""

    def __init__(self, sentence: str, event: Event, account: Account | None, *, fits: bool):
        super().__init__(sentence)
        self.event = event
        self.account = account  # as it is now; None: it is gone
        self.fits = fits  # the act still does, but the account is not what the operator saw


class ActFailedError(Exception):
    """The act was refused, or its answer was lost; the text says which, for operators."""

    def __init__(self, sentence: str, *, status: int = 503):
        super().__init__(sentence)
        self.status = status  # as HTTP has it: 403 is a refusal, 503 an outage


@dataclass(frozen=True, kw_only=True)
class ActRequest:
    """Who wants an act done, why, and what they saw when they decided."""

    initiator: Initiator
    reason: str
    identity: str  # of Event.Identity; "" where the act does not ask for it
    seen: str
    policy: Policy
    now: datetime
    # The operator's own token, for what Keystone's API has to do; never stored or logged.
    token_id: str = field(default="", repr=False)
    # Of exemptions: the option by its name, who answers for it, and its last day.
    option: str = ""
    owner: str = ""
    ends_on: date | None = None


class Act(ABC):
    """One act: what it is called, what it asks for, whom it fits and what it does."""

    name: ClassVar[str]  # in URLs and in the API
    action: ClassVar[Event.Action]  # in the trail
    label: ClassVar[str]  # of its button
    title: ClassVar[tuple[str, str]]  # of its form: before and behind the account's name
    did: ClassVar[str]  # behind the account's name, once it is done
    unfit: ClassVar[str]  # of an account that it does not fit
    needs: ClassVar[str] = MAY_ADMINISTER
    asks: ClassVar[tuple[str, ...]] = ("reason",)  # names of the form's and the API's fields

    def __repr__(self) -> str:
        return self.name

    @abstractmethod
    def fits(self, verdict: SigninVerdict) -> bool:
        """Whether there is something to do."""

    def why_unfit(self, verdict: SigninVerdict) -> str:
        """Why there is nothing to do for an account that it does not fit."""
        return self.unfit

    @abstractmethod
    def effects(self, verdict: SigninVerdict) -> list[str]:
        """What it will do, and what besides: sentences of the confirmation."""

    def warnings(self, verdict: SigninVerdict) -> list[str]:
        """What the operator may not have thought of."""
        return []

    def options(self, verdict: SigninVerdict) -> list[str]:
        """The options that it can be about; the form has them for choice."""
        return []

    def refusal(self, verdict: SigninVerdict, operator_id: str) -> str:
        """Why this operator must not do it to this account, whatever their role is; or ""."""
        return ""

    @abstractmethod
    def seen(self, verdict: SigninVerdict) -> str:
        """What must not change between the operator's look and the act."""

    def parse_seen(self, text: str) -> str:
        """What `seen` wrote, as the form brings it back.

        Raises:
            ValueError
        """
        return text

    def resource(self, order: ActRequest) -> str:
        """The part of the account that it is about, for the trail."""
        return order.option

    @abstractmethod
    def carry_out(self, event: Event, verdict: SigninVerdict, order: ActRequest) -> str | None:
        """Do it to an account that is as it was seen.

        Returns:
            What the trail should say besides; None where somebody or Keystone was first.

        Raises:
            ActFailedError: and the event is settled.
        """

    def keep(self, event: Event) -> None:  # noqa: B027 (most keep nothing)
        """Write what we keep of it beside the trail, in one transaction with its outcome."""

    @abstractmethod
    def ending(self, event: Event, verdict: SigninVerdict) -> Ending:
        """How an act ended that a crash has left pending, by the account as it is now."""

    @abstractmethod
    def conflict(self, event: Event, order: ActRequest) -> ConflictError:
        """Settle the event as a failure, and say what has changed.

        Raises:
            KeystoneDatabaseDownError: it cannot be read; the event is settled all the same.
        """

    def perform(self, account: Account, order: ActRequest) -> Event:
        """Do it: its intent is on disk before it, its outcome after it.

        Args:
            account: as it is now.

        Returns:
            The settled event.

        Raises:
            ConflictError: the account is not what the operator saw; nothing was changed.
            ActFailedError: it was refused, or whether it was done is not known.
            KeystoneDatabaseDownError: nothing was changed, and why cannot be looked up.
            AuditLogError: the trail cannot be written; the text says whether the act was done.
        """
        event = services.open_event(
            self.action,
            account,
            precondition=order.seen,
            initiator=order.initiator,
            reason=order.reason,
            identity=order.identity,
            resource=self.resource(order),
            now=order.now,
        )
        verdict = judge(account, order.policy, order.now)
        if sentence := self.refusal(verdict, order.initiator.id):
            raise failed(event, Event.Outcome.FAILURE, sentence, status=403)
        remark = None
        if self.as_seen(verdict, order):
            remark = self.carry_out(event, verdict, order)
        if remark is None:
            raise self.conflict(event, order)
        with services.writes_guarded(event), transaction.atomic():
            settled = services.settle(event, Event.Outcome.SUCCESS, remark)
            self.keep(settled)
        return settled

    def as_seen(self, verdict: SigninVerdict, order: ActRequest) -> bool:
        """Whether the act fits the account, and the account is what the operator saw."""
        known = not order.option or order.option in self.options(verdict)
        return self.fits(verdict) and known and self.seen(verdict) == order.seen


def failed(
    event: Event, outcome: Event.Outcome, sentence: str, *, remark: str = "", status: int = 503
) -> ActFailedError:
    """Settle the event by how the act ended; what to tell the operator, for a `raise`."""
    services.settle(event, outcome, remark or sentence)
    return ActFailedError(sentence, status=status)
