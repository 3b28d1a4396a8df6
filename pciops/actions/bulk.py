"""Unlock several accounts: the one act, once for each, and how each of them ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from pciops.accounts.account import Account, Failures
from pciops.accounts.policy import Policy
from pciops.actions.act import ActFailedError, ConflictError
from pciops.actions.unlock import unlock
from pciops.audit.models import Event
from pciops.audit.services import Initiator, TrailError
from pciops.keystone.database import KeystoneDatabaseDownError

MOST: Final = 50  # accounts at once: a page of the list


class Outcome(StrEnum):
    """How the unlock of one of several accounts ended."""

    UNLOCKED = "unlocked"
    CONFLICT = "conflict"  # it is not what the operator saw; the others go on
    FAILED = "failed"  # the trail or Keystone's database failed; nothing after it is tried
    NOT_TRIED = "not_tried"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An account as it is now, with the failures that the operator saw."""

    account: Account
    seen: Failures


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one account; the sentence says why it was not unlocked."""

    account_id: str
    name: str
    domain_name: str
    outcome: Outcome
    sentence: str = ""
    event_id: str = ""  # of an unlock; a conflict has its row in the trail too


def unlock_all(
    choices: Iterable[Choice],
    *,
    policy: Policy,
    initiator: Initiator,
    reason: str,
    identity: Event.Identity,
    now: datetime,
) -> Iterator[Result]:
    """Unlock one account after the other, as the results are asked for; each has its own act.

    A conflict does not stop the others. A failure of the trail or of Keystone's database does:
    what meets one account would meet all, and no act may go on without its row.
    """
    failed = False
    for choice in choices:
        outcome, sentence, event_id = Outcome.NOT_TRIED, "", ""
        if not failed:
            try:
                event_id = unlock(
                    choice.account,
                    seen=choice.seen,
                    policy=policy,
                    initiator=initiator,
                    reason=reason,
                    identity=identity,
                    now=now,
                ).id
                outcome = Outcome.UNLOCKED
            except ConflictError as error:
                outcome, sentence = Outcome.CONFLICT, str(error)
            except (ActFailedError, TrailError) as error:
                outcome, sentence = Outcome.FAILED, str(error)
            except KeystoneDatabaseDownError as error:  # after an UPDATE that changed nothing
                outcome = Outcome.FAILED
                sentence = f"Keystone's database does not answer: {error}. Nothing was changed."
        failed = failed or outcome is Outcome.FAILED
        yield Result(
            account_id=choice.account.id,
            name=choice.account.name,
            domain_name=choice.account.domain_name,
            outcome=outcome,
            sentence=sentence,
            event_id=event_id,
        )
