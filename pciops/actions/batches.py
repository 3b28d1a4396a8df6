"""Several unlocks, done in steps while the operator watches, and stopped between two of them.

They are stored once, so a page that is loaded again continues with the next account. Each account
is claimed by a conditional UPDATE before its unlock, so two windows unlock nothing twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from pciops.accounts import selectors
from pciops.accounts.account import Account, Failures
from pciops.accounts.policy.policy import Policy
from pciops.accounts.verdict import judge
from pciops.actions.act import ActRequest
from pciops.actions.authority import Authority
from pciops.actions.bulk import BulkOutcome, perform_one
from pciops.actions.models import Batch, BatchItem
from pciops.actions.unlock import UNLOCK
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import claims, retries

MOST: Final = 500  # accounts at once: their form is below DATA_UPLOAD_MAX_MEMORY_SIZE
STEP: Final = 2.0  # seconds of work before the operator sees the progress
UNWATCHED: Final = timedelta(minutes=15)  # without a request of the operator, a batch stops
LEASE: Final = timedelta(minutes=1)  # longer than one account takes
KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The progress of a batch."""

    batch: Batch
    items: list[BatchItem]  # in the order of the list

    @property
    def running(self) -> bool:
        """Return whether accounts are left, and the batch was not stopped."""
        return self.batch.stopped_at is None and self.done < len(self.items)

    @property
    def done(self) -> int:
        """Return how many have an outcome."""
        left = {BatchItem.WAITING, BatchItem.TRYING}
        return sum(item.outcome not in left for item in self.items)

    @property
    def unlocked(self) -> int:
        """Return how many were unlocked."""
        return sum(item.outcome == BulkOutcome.UNLOCKED for item in self.items)

    @property
    def others(self) -> list[BatchItem]:
        """Return those with another outcome."""
        left_out = {BatchItem.WAITING, BatchItem.TRYING, BulkOutcome.UNLOCKED}
        return [item for item in self.items if item.outcome not in left_out]


@retries.repeated
def begin(
    accounts: Sequence[tuple[Account, Failures]],
    *,
    operator_id: str,
    reason: str,
    identity: Event.Identity,
    beyond_limit: bool = False,
    query: str,
    now: datetime,
) -> Batch:
    """Store a batch that unlocks these accounts, if they still have these failures."""
    Batch.objects.filter(created_at__lt=now - KEPT).delete()
    batch = Batch.objects.create(
        operator_id=operator_id,
        reason=reason,
        identity=identity,
        beyond_limit=beyond_limit,
        query=query,
        created_at=now,
        looked_at=now,
    )
    BatchItem.objects.bulk_create(
        BatchItem(
            batch=batch,
            number=number,
            account_id=account.id,
            name=account.name,
            domain_name=account.domain_name,
            precondition=str(failures),
        )
        for number, (account, failures) in enumerate(accounts)
    )
    return batch


def find(batch_id: str, *, operator_id: str) -> Batch | None:
    """Return the batch of this operator; those of others do not exist for them."""
    return Batch.objects.filter(pk=batch_id, operator_id=operator_id).first()


def unfinished(operator_id: str, now: datetime) -> Batch | None:
    """Return the batch that the operator has left before its end, if it can continue."""
    running = Batch.objects.filter(
        operator_id=operator_id,
        stopped_at=None,
        looked_at__gte=now - UNWATCHED,
        items__outcome=BatchItem.WAITING,
    )
    return running.order_by("-created_at").first()


def progress(batch: Batch) -> Progress:
    """Return the progress as it is now."""
    batch.refresh_from_db()
    return Progress(batch=batch, items=list(batch.items.order_by("number")))


def stop(batch: Batch, why: str, now: datetime, *, by_operator: bool = False) -> None:
    """Unlock no further account. An unlock that has begun is finished."""
    running = Batch.objects.filter(pk=batch.pk, stopped_at=None)
    running.update(stopped_at=now, why=why, stopped_by_operator=by_operator)


def run_step(
    batch: Batch,
    *,
    confirm: Callable[[], tuple[Initiator, Authority]],
    policy: Policy,
    seconds: float = STEP,
) -> None:
    """Unlock accounts for so many seconds, at least one.

    Args:
        confirm: called before each unlock; returns the initiator and their authority. If it
            raises, the account is left for later.
    """
    ends = time.monotonic() + seconds
    now = timezone.now()
    if batch.looked_at < now - UNWATCHED:
        stop(batch, "The page was closed for 15 minutes.", now)
    while item := _claim(batch, timezone.now()):
        try:
            initiator, authority = confirm()
        except Exception:
            _write(item, BatchItem.WAITING)
            raise
        outcome, sentence = _unlock(batch, item, initiator, authority, policy)
        _write(item, outcome, sentence)
        if outcome is BulkOutcome.FAILED:
            stop(batch, sentence, timezone.now())
        if time.monotonic() >= ends:
            return


def _claim(batch: Batch, now: datetime) -> BatchItem | None:
    """Claim the next account; None if there is none, or if another process works on one."""
    Batch.objects.filter(pk=batch.pk).update(looked_at=now)
    if not Batch.objects.filter(pk=batch.pk, stopped_at=None).exists():
        return None
    if busy := batch.items.filter(outcome=BatchItem.TRYING).first():
        if busy.claimed_until is None or busy.claimed_until <= now:
            sentence = "The process that ran it has ended. Check the account and the audit log."
            _write(busy, BatchItem.UNCLEAR, sentence)
            stop(batch, f"The process that worked on {busy.name} has ended.", now)
        return None
    item = batch.items.filter(outcome=BatchItem.WAITING).order_by("number").first()
    if item is None:
        return None
    waiting = BatchItem.objects.filter(pk=item.pk, outcome=BatchItem.WAITING)
    claimed = claims.claim(waiting, now=now, lease=LEASE, outcome=BatchItem.TRYING)
    return claimed[0] if claimed else None


def _unlock(
    batch: Batch, item: BatchItem, initiator: Initiator, authority: Authority, policy: Policy
) -> tuple[BulkOutcome, str]:
    """Unlock one account, read at this moment."""
    try:
        account = selectors.get(item.account_id, scope=authority.domain_id)
    except KeystoneDatabaseDownError as error:
        sentence = f"Keystone's database does not answer: {error}. Nothing was changed."
        return BulkOutcome.FAILED, sentence
    if account is None:
        return BulkOutcome.CONFLICT, "The account no longer exists."
    request = ActRequest(
        initiator=initiator,
        authority=authority,
        reason=batch.reason,
        identity=batch.identity,
        beyond_limit=batch.beyond_limit,
        precondition=item.precondition,
    )
    result = perform_one(UNLOCK, judge(account, policy, timezone.now()), request)
    return result.outcome, result.sentence


def _write(item: BatchItem, outcome: str, sentence: str = "") -> None:
    """Write the outcome of an account that was claimed."""
    claims.held(item).update(
        outcome=str(outcome), sentence=sentence, claimed_by="", claimed_until=None
    )
