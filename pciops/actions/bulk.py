"""An act on several accounts: one act for each, with a result for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pciops.accounts.account import Account
from pciops.accounts.verdict import SigninVerdict
from pciops.actions.act import Act, ActRequest, Conflict, Done, Refused, Waiting
from pciops.actions.unlock import UNLOCK
from pciops.audit.services import AuditLogError
from pciops.keystone.database import KeystoneDatabaseDownError

MOST: Final = 50  # accounts at once: a page of the list


class BulkOutcome(StrEnum):
    """The outcome of an act on one of several accounts."""

    UNLOCKED = "unlocked"
    DONE = "done"  # of any act but an unlock
    CONFLICT = "conflict"  # it is not what the operator saw; the others go on
    FAILED = "failed"  # the audit log or Keystone failed; nothing after it is tried
    REFUSED = "refused"  # by Keystone's policy or a rule of ours; the others go on
    REQUESTED = "requested"  # of a second operator, who has to confirm it; the others go on
    NOT_TRIED = "not_tried"


@dataclass(frozen=True, kw_only=True)
class BulkResult:
    """The result for one account; the sentence says why the act was not done."""

    account: Account
    outcome: BulkOutcome
    sentence: str = ""
    event_id: str = ""  # of an act that was done


def perform_all(
    act: Act, requests: Iterable[tuple[SigninVerdict, ActRequest]]
) -> Iterator[BulkResult]:
    """Perform the act on one account after the other, each when its result is asked for.

    Neither a conflict nor a refusal of one account stops the others. A failure of the audit log,
    of Keystone or of its database does: all accounts would meet it, and no act may go on without
    its row.
    """
    failed = False
    for verdict, request in requests:
        if failed:
            yield BulkResult(account=verdict.account, outcome=BulkOutcome.NOT_TRIED)
            continue
        result = perform_one(act, verdict, request)
        failed = result.outcome is BulkOutcome.FAILED
        yield result


def perform_one(act: Act, verdict: SigninVerdict, request: ActRequest) -> BulkResult:
    """Perform the act on one of several accounts."""
    outcome, sentence, event_id = BulkOutcome.FAILED, "", ""
    try:
        result = act.perform(verdict, request)
    except AuditLogError as error:
        sentence = str(error)
    except KeystoneDatabaseDownError as error:  # of a conflict
        sentence = f"Keystone's database does not answer: {error}. Nothing was changed."
    else:
        sentence = result.sentence
        match result:
            case Done():
                outcome = BulkOutcome.UNLOCKED if act is UNLOCK else BulkOutcome.DONE
                event_id = result.event.id
            case Conflict():
                outcome = BulkOutcome.CONFLICT
            case Waiting():
                outcome = BulkOutcome.REQUESTED
            case Refused(only_here=True):
                outcome = BulkOutcome.REFUSED
    return BulkResult(
        account=verdict.account, outcome=outcome, sentence=sentence, event_id=event_id
    )
