"""The ways in which an act ends."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar

from pciops.accounts.verdict import SigninVerdict
from pciops.actions.models import UnlockRequest
from pciops.audit.models import Event


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


@dataclass(frozen=True, kw_only=True)
class Waiting(_Result):
    """The act waits for the confirmation of a second operator: nothing was changed."""

    outcome = Event.Outcome.FAILURE
    status: int = HTTPStatus.ACCEPTED
    asked: UnlockRequest


ActResult = Done | Conflict | Refused | Unknown | Waiting
