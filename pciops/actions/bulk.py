"""An act on several accounts: once for each, and how each of them ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from pciops.accounts.account import Account, Failures
from pciops.accounts.policy.policy import Policy
from pciops.actions.act import Act, ActFailedError, ActRequest, ConflictError
from pciops.actions.unlock import UNLOCK
from pciops.audit.models import Event
from pciops.audit.services import AuditLogError, Initiator
from pciops.keystone.database import KeystoneDatabaseDownError

MOST: Final = 50  # accounts at once: a page of the list


class Outcome(StrEnum):
    """How an act on one of several accounts ended."""

    UNLOCKED = "unlocked"
    DONE = "done"  # what another act than an unlock does
    CONFLICT = "conflict"  # it is not what the operator saw; the others go on
    FAILED = "failed"  # the trail or Keystone's database failed; nothing after it is tried
    REFUSED = "refused"  # by Keystone's policy or a rule of ours; the others go on
    NOT_TRIED = "not_tried"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An account as it is now, with the failures that the operator saw."""

    account: Account
    seen: Failures


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one account; the sentence says why the act was not done."""

    account_id: str
    name: str
    domain_name: str
    outcome: Outcome
    sentence: str = ""
    event_id: str = ""  # where it was done; a conflict has its row in the trail too


def unlock_all(
    choices: Iterable[Choice],
    *,
    policy: Policy,
    initiator: Initiator,
    reason: str,
    identity: Event.Identity,
    now: datetime,
) -> Iterator[Result]:
    """Unlock one account after the other, as `perform_all` does."""

    def order(choice: Choice) -> ActRequest:
        return ActRequest(
            initiator=initiator,
            reason=reason,
            identity=identity,
            seen=str(choice.seen),
            policy=policy,
            now=now,
        )

    return perform_all(UNLOCK, ((choice.account, order(choice)) for choice in choices))


def perform_all(act: Act, orders: Iterable[tuple[Account, ActRequest]]) -> Iterator[Result]:
    """Do it to one account after the other, as the results are asked for.

    A conflict does not stop the others, nor does what is not allowed to this account. A failure of
    the trail, of Keystone or of its database does: what meets one account would meet all, and no
    act may go on without its row.
    """
    failed = False
    for account, order in orders:
        outcome, sentence, event_id = Outcome.NOT_TRIED, "", ""
        if not failed:
            outcome, sentence, event_id = _perform(act, account, order)
        failed = failed or outcome is Outcome.FAILED
        yield Result(
            account_id=account.id,
            name=account.name,
            domain_name=account.domain_name,
            outcome=outcome,
            sentence=sentence,
            event_id=event_id,
        )


def _perform(act: Act, account: Account, order: ActRequest) -> tuple[Outcome, str, str]:
    """Do it, and say how it ended, with a sentence where it was not done and the event's id."""
    try:
        event = act.perform(account, order)
    except ConflictError as error:
        return Outcome.CONFLICT, str(error), ""
    except ActFailedError as error:
        refused = error.status == HTTPStatus.FORBIDDEN
        return Outcome.REFUSED if refused else Outcome.FAILED, str(error), ""
    except AuditLogError as error:
        return Outcome.FAILED, str(error), ""
    except KeystoneDatabaseDownError as error:  # after an UPDATE that changed nothing
        sentence = f"Keystone's database does not answer: {error}. Nothing was changed."
        return Outcome.FAILED, sentence, ""
    return Outcome.UNLOCKED if act is UNLOCK else Outcome.DONE, "", event.id
