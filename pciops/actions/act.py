"""The interface of an act on one account, and the one way to perform it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import date
from http import HTTPStatus
from typing import ClassVar, Final

from django.db import transaction

from pciops.accounts import selectors
from pciops.accounts.verdict import SigninVerdict, judge
from pciops.actions.register import Grant
from pciops.audit import services
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.keystone.database import KeystoneDatabaseDownError

# What an operator needs to do an act; `pciops.signin.rights` says which roles have it.
MAY_UNLOCK: Final = "unlock"
MAY_ADMINISTER: Final = "administer"


@dataclass(frozen=True, kw_only=True)
class ActRequest:
    """A request of an operator for an act, with the state of the account that they decided on."""

    initiator: Initiator
    reason: str
    precondition: str  # see Act.precondition
    identity: str = ""  # of Event.Identity; "" for acts that do not ask for it
    # The operator's own token, for Keystone's API; never stored or logged.
    token_id: str = field(default="", repr=False)
    # Of exemptions: the name of the option, its owner, and its last day.
    option: str = ""
    owner: str = ""
    ends_on: date | None = None

    @property
    def resource(self) -> str:
        """Return the part of the account that the act is about, for the audit log."""
        if self.ends_on is None:
            return self.option
        return str(Grant(option=self.option, owner=self.owner, ends_on=self.ends_on))


@dataclass(frozen=True, kw_only=True)
class _Result:
    """The end of an act. Its event is settled once `Act.perform` has returned."""

    outcome: ClassVar[Event.Outcome]

    event: Event
    sentence: str = ""  # for the operator
    remark: str | None = None  # for the audit log; None: the sentence
    status: int = HTTPStatus.OK  # of a page or an API response


@dataclass(frozen=True, kw_only=True)
class Done(_Result):
    """The act was done; the remark says what Keystone changed besides."""

    outcome = Event.Outcome.SUCCESS
    remark: str = ""


@dataclass(frozen=True, kw_only=True)
class Conflict(_Result):
    """The account did not meet the precondition, and was not changed."""

    outcome = Event.Outcome.FAILURE
    status: int = HTTPStatus.CONFLICT
    verdict: SigninVerdict | None  # as it is now; None: it was deleted
    fits: bool  # the act still fits the account, so the operator can decide again


@dataclass(frozen=True, kw_only=True)
class Refused(_Result):
    """Keystone, its database or a rule of ours did not do the act: nothing was changed."""

    outcome = Event.Outcome.FAILURE
    status: int = HTTPStatus.SERVICE_UNAVAILABLE

    @property
    def only_here(self) -> bool:
        """Return whether only this account is refused, so that others may be tried."""
        return self.status == HTTPStatus.FORBIDDEN


@dataclass(frozen=True, kw_only=True)
class Unknown(_Result):
    """The answer was lost: the act may have been done."""

    outcome = Event.Outcome.UNKNOWN
    status: int = HTTPStatus.SERVICE_UNAVAILABLE


ActResult = Done | Conflict | Refused | Unknown


class Act(ABC):
    """An act on an account: its texts, the accounts that it fits, and what it does."""

    name: ClassVar[str]  # in URLs and in the API
    action: ClassVar[Event.Action]  # in the audit log
    label: ClassVar[str]  # of its button
    title: ClassVar[tuple[str, str]]  # of its form: before and after the account's name
    did: ClassVar[str]  # after the account's name, once it is done
    unfit: ClassVar[str]  # of an account that it does not fit
    needs: ClassVar[str] = MAY_ADMINISTER
    asks: ClassVar[tuple[str, ...]] = ("reason",)  # fields of the form and of the API

    def __repr__(self) -> str:
        return self.name

    @abstractmethod
    def fits(self, verdict: SigninVerdict) -> bool:
        """Return whether there is something to do."""

    def why_unfit(self, verdict: SigninVerdict) -> str:
        """Return why there is nothing to do for an account that it does not fit."""
        return self.unfit

    def refusal(self, verdict: SigninVerdict, operator_id: str) -> str:
        """Return why this operator must not do it to this account in any role; or ""."""
        return ""

    def why_not(self, verdict: SigninVerdict, operator_id: str) -> str:
        """Return why this operator cannot do it to this account; or ""."""
        unfit = "" if self.fits(verdict) else self.why_unfit(verdict)
        return self.refusal(verdict, operator_id) or unfit

    @abstractmethod
    def effects(self, verdict: SigninVerdict) -> list[str]:
        """Return the sentences of the confirmation: what it will do, and its side effects."""

    def warnings(self, verdict: SigninVerdict) -> list[str]:
        """Return warnings for the confirmation."""
        return []

    def options(self, verdict: SigninVerdict) -> list[str]:
        """Return the options of the account that it can be about, for the form's choice."""
        return []

    @abstractmethod
    def precondition(self, verdict: SigninVerdict) -> str:
        """Return what must not change between the operator's decision and the act."""

    def parse_precondition(self, text: str) -> str:
        """Return a precondition as the form sends it back, in normal form, or raise ValueError."""
        return text

    @abstractmethod
    def carry_out(
        self, event: Event, verdict: SigninVerdict, request: ActRequest
    ) -> Done | Refused | Unknown | None:
        """Do it to an account that met the precondition; None if it no longer does."""

    @abstractmethod
    def conflict_sentence(self, event: Event, verdict: SigninVerdict, request: ActRequest) -> str:
        """Return what has changed, from the account as it is now."""

    @abstractmethod
    def outcome_after_crash(
        self, event: Event, verdict: SigninVerdict
    ) -> tuple[Event.Outcome, str]:
        """Return outcome and remark of an act left pending, from the account as it is now."""

    def keep(self, event: Event) -> None:  # noqa: B027 (most acts keep nothing)
        """Write what pciops keeps of a success beside the audit log."""

    def is_met(self, verdict: SigninVerdict, request: ActRequest) -> bool:
        """Return whether the act fits the account, and the precondition holds."""
        has_option = not request.option or request.option in self.options(verdict)
        return (
            self.fits(verdict) and has_option and self.precondition(verdict) == request.precondition
        )

    def perform(self, verdict: SigninVerdict, request: ActRequest) -> ActResult:
        """Do it: the intent is on disk before the act, the outcome after it.

        Every act that was begun ends in a result with its settled event. Outages that leave no
        such event, or hide what has changed, are exceptions, which each interface explains in
        the same way for all requests.

        Args:
            verdict: the account as it is now.

        Raises:
            AuditLogError: the audit log cannot be written; the text says if the act was done.
            KeystoneDatabaseDownError: a conflict, and the account cannot be read; it is settled.
        """
        event = services.open_event(
            self.action,
            verdict.account,
            precondition=request.precondition,
            initiator=request.initiator,
            reason=request.reason,
            identity=request.identity,
            resource=request.resource,
            now=verdict.now,
        )
        try:
            result = self._attempt(event, verdict, request)
        except KeystoneDatabaseDownError as error:
            self.settle(event, Event.Outcome.FAILURE, str(error))
            raise
        remark = result.sentence if result.remark is None else result.remark
        self.settle(event, result.outcome, remark)
        return result

    def settle(self, event: Event, outcome: Event.Outcome, remark: str) -> None:
        """Write the outcome and what is kept of a success at once, or raise AuditLogError."""
        if outcome is not Event.Outcome.SUCCESS:
            services.settle(event, outcome, remark)
            return
        with services.writes_guarded(event), transaction.atomic():
            services.settle(event, outcome, remark)
            self.keep(event)

    def _attempt(self, event: Event, verdict: SigninVerdict, request: ActRequest) -> ActResult:
        if sentence := self.refusal(verdict, request.initiator.id):
            return Refused(event=event, sentence=sentence, status=HTTPStatus.FORBIDDEN)
        result = None
        if self.is_met(verdict, request):
            result = self.carry_out(event, verdict, request)
        return result or self._conflict(event, verdict, request)

    def _conflict(self, event: Event, before: SigninVerdict, request: ActRequest) -> Conflict:
        """Return the conflict with the account as it is at this moment."""
        account = selectors.get(event.target_id, scope=None)
        if account is None:
            sentence = "The account was deleted in Keystone."
            return Conflict(event=event, sentence=sentence, verdict=None, fits=False)
        verdict = judge(account, before.policy, before.now)
        return Conflict(
            event=event,
            sentence=self.conflict_sentence(event, verdict, request),
            verdict=verdict,
            fits=self.fits(verdict),
        )
