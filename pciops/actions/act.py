"""The interface of an act on one account, and the one way to perform it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import date
from http import HTTPStatus
from typing import ClassVar, Final

from django.db import connection, connections, router

from pciops.accounts import selectors
from pciops.accounts.account import Account
from pciops.accounts.verdict import SigninVerdict, judge
from pciops.actions import four_eyes, limits
from pciops.actions.authority import Authority
from pciops.actions.models import UnlockRequest
from pciops.actions.register import Grant
from pciops.actions.results import ActResult as ActResult
from pciops.actions.results import Conflict as Conflict
from pciops.actions.results import Done as Done
from pciops.actions.results import Refused as Refused
from pciops.actions.results import Unknown as Unknown
from pciops.actions.results import Waiting as Waiting
from pciops.audit import services
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.keystone import database
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.keystone.models import User
from pciops.lib import galera

# What an operator needs to do an act; `pciops.signin.rights` says which roles have it.
MAY_UNLOCK: Final = "unlock"
MAY_ADMINISTER: Final = "administer"


@dataclass(frozen=True, kw_only=True)
class ActRequest:
    """A request of an operator for an act, with the state of the account that they decided on."""

    initiator: Initiator
    authority: Authority
    reason: str
    precondition: str  # see Act.precondition
    identity: str = ""  # of Event.Identity; "" for acts that do not ask for it
    # The operator's own token, for Keystone's API; never stored or logged.
    token_id: str = field(default="", repr=False)
    # Of exemptions: the name of the option, its owner, and its last day.
    option: str = ""
    owner: str = ""
    ends_on: date | None = None
    # Of unlocks: beyond the limit, and the request of another operator that this one confirms.
    beyond_limit: bool = False
    confirms: UnlockRequest | None = None

    @property
    def resource(self) -> str:
        """Return what the act is about besides the account, for the audit log."""
        if self.confirms is not None:
            return f"confirms request {self.confirms.pk} of {self.confirms.asked_by}"
        if self.ends_on is None:
            return self.option
        return str(Grant(option=self.option, owner=self.owner, ends_on=self.ends_on))


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
    needs_token: ClassVar[bool] = False  # it goes through Keystone's API
    on_oneself: ClassVar[str] = ""  # why operators must not do it to their own account

    def __repr__(self) -> str:
        return self.name

    @abstractmethod
    def fits(self, verdict: SigninVerdict) -> bool:
        """Return whether there is something to do."""

    def why_unfit(self, verdict: SigninVerdict) -> str:
        """Return why there is nothing to do for an account that it does not fit."""
        return self.unfit

    def own_refusal(self, verdict: SigninVerdict, authority: Authority) -> str:
        """Return why this operator must not do it, if it is their own account; or ""."""
        return self.on_oneself if verdict.account.id == authority.user_id else ""

    def refusal(self, verdict: SigninVerdict, authority: Authority) -> str:
        """Return why this operator must not do it to this account; or "".

        Raises:
            KeystoneDatabaseDownError
        """
        return self.own_refusal(verdict, authority) or authority.why_not(verdict.account.id)

    def why_not(self, verdict: SigninVerdict, authority: Authority) -> str:
        """Return why this operator cannot do it to this account; or "".

        Raises:
            KeystoneDatabaseDownError
        """
        unfit = "" if self.fits(verdict) else self.why_unfit(verdict)
        return unfit or self.refusal(verdict, authority)

    @abstractmethod
    def effects(self, verdict: SigninVerdict) -> list[str]:
        """Return the sentences of the confirmation: what it will do, and its side effects."""

    def warnings(self, verdict: SigninVerdict) -> list[str]:
        """Return warnings for the confirmation."""
        return []

    def unlocks(self, verdict: SigninVerdict) -> bool:
        """Return whether it ends a lock, so that the limits of unlocks apply."""
        return False

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
            self.settle(event, Event.Outcome.FAILURE, str(error), verdict.account)
            raise
        remark = result.sentence if result.remark is None else result.remark
        self.settle(event, result.outcome, remark, verdict.account)
        if request.confirms is not None and result.outcome is Event.Outcome.FAILURE:
            four_eyes.release(request.confirms, event)
        return result

    def settle(
        self, event: Event, outcome: Event.Outcome, remark: str, account: Account | None
    ) -> None:
        """Write the outcome and what is kept of a success at once, or raise AuditLogError.

        Args:
            account: the target; None if it was deleted.
        """
        if outcome is not Event.Outcome.FAILURE:
            with services.writes_guarded(event):
                remark = "; ".join(filter(None, [*limits.marks(event, account), remark]))
        if outcome is not Event.Outcome.SUCCESS:
            services.settle(event, outcome, remark)
            return
        services.settle(event, outcome, remark, keep=self.keep)

    def _attempt(self, event: Event, verdict: SigninVerdict, request: ActRequest) -> ActResult:
        if sentence := self.refusal(verdict, request.authority):
            sentence = f"{sentence} Nothing was changed."
            return Refused(event=event, sentence=sentence, status=HTTPStatus.FORBIDDEN)
        result: ActResult | None = None
        if self.is_met(verdict, request):
            result = self._beyond_limit(event, verdict, request)
            result = result or self.carry_out(event, verdict, request)
        return result or self._conflict(event, verdict, request)

    def _beyond_limit(
        self, event: Event, verdict: SigninVerdict, request: ActRequest
    ) -> Refused | Waiting | None:
        """Return why an unlock beyond the limits is not done (yet); None if it may be done.

        Raises:
            AuditLogError: the limits cannot be read.
        """
        authority = request.authority
        if authority.on_host or not self.unlocks(verdict):
            return None
        with services.reads_guarded():
            galera.wait_for_writes(connection)  # acts that began on other nodes count as well
            if request.confirms is not None:
                refusal = four_eyes.claim(request.confirms, event)
                return self._unconfirmed(event, refusal) if refusal else None
            excess = limits.excess(
                event.target_id, event.initiator_id, now=event.event_time, but=event
            )
            if not excess or (authority.administers_cloud and request.beyond_limit):
                return None
            if request.beyond_limit and self.action == Event.Action.UNLOCK:
                asked = four_eyes.ask(event)
                sentence = f"{excess} {asked.sentence} Nothing was changed."
                return Waiting(event=event, sentence=sentence, asked=asked)
        sentence = f"{excess} {limits.next_step(authority)} Nothing was changed."
        return Refused(event=event, sentence=sentence, status=HTTPStatus.FORBIDDEN)

    def _unconfirmed(self, event: Event, why: str) -> Refused:
        sentence = f"{why} Nothing was changed."
        return Refused(event=event, sentence=sentence, status=HTTPStatus.CONFLICT)

    def _conflict(self, event: Event, before: SigninVerdict, request: ActRequest) -> Conflict:
        """Return the conflict with the account as it is at this moment."""
        account = account_now(event)
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


@database.reading()
def account_now(event: Event) -> Account | None:
    """Return the target with all that was written before, on every node; None if it was deleted."""
    galera.wait_for_writes(connections[router.db_for_read(User)])
    return selectors.get(event.target_id, scope=None)
