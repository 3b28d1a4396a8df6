"""Several unlocks, done in steps while the operator looks on, and stopped between two of them.

They are ordered once and written down, so a page that is loaded again goes on where it was. Each
account is claimed by a conditional UPDATE before it is tried: two windows do nothing twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from pciops.accounts import selectors
from pciops.accounts.account import Failures
from pciops.accounts.policy.policy import Policy
from pciops.actions.bulk import Choice, Outcome, unlock_all
from pciops.actions.models import Batch, BatchItem
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import claims

MOST: Final = 500  # accounts at once: their form is below DATA_UPLOAD_MAX_MEMORY_SIZE
STEP: Final = 2.0  # seconds of work before the operator sees how far it is
UNWATCHED: Final = timedelta(minutes=15)  # then it has ended: nothing goes on unseen
LEASE: Final = timedelta(minutes=1)  # longer than one account takes
KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a batch is."""

    batch: Batch
    items: list[BatchItem]  # in the order of the list

    @property
    def running(self) -> bool:
        """Whether something is left to do, and nobody has stopped it."""
        return self.batch.stopped_at is None and self.done < len(self.items)

    @property
    def done(self) -> int:
        """How many are over, however they ended."""
        left = {BatchItem.WAITING, BatchItem.TRYING}
        return sum(item.outcome not in left for item in self.items)

    @property
    def unlocked(self) -> int:
        """How many were unlocked."""
        return sum(item.outcome == Outcome.UNLOCKED for item in self.items)

    @property
    def others(self) -> list[BatchItem]:
        """Those that are over and were not unlocked."""
        fine = {BatchItem.WAITING, BatchItem.TRYING, Outcome.UNLOCKED}
        return [item for item in self.items if item.outcome not in fine]


def begin(
    choices: Sequence[Choice],
    *,
    operator_id: str,
    reason: str,
    identity: Event.Identity,
    query: str,
    now: datetime,
) -> Batch:
    """Write down what was ordered; nothing is unlocked yet."""
    with transaction.atomic():
        Batch.objects.filter(created_at__lt=now - KEPT).delete()
        batch = Batch.objects.create(
            operator_id=operator_id,
            reason=reason,
            identity=identity,
            query=query,
            created_at=now,
            looked_at=now,
        )
        BatchItem.objects.bulk_create(
            BatchItem(
                batch=batch,
                number=number,
                account_id=choice.account.id,
                name=choice.account.name,
                domain_name=choice.account.domain_name,
                seen=str(choice.seen),
            )
            for number, choice in enumerate(choices)
        )
    return batch


def find(batch_id: str, *, operator_id: str) -> Batch | None:
    """The batch of this operator; those of others do not exist for them."""
    return Batch.objects.filter(pk=batch_id, operator_id=operator_id).first()


def under_way(operator_id: str, now: datetime) -> Batch | None:
    """What this operator has ordered and left before its end, as long as it would go on."""
    running = Batch.objects.filter(
        operator_id=operator_id,
        stopped_at=None,
        looked_at__gte=now - UNWATCHED,
        items__outcome=BatchItem.WAITING,
    )
    return running.order_by("-created_at").first()


def progress(batch: Batch) -> Progress:
    """How far it is by now."""
    batch.refresh_from_db()
    return Progress(batch=batch, items=list(batch.items.order_by("number")))


def stop(batch: Batch, why: str, now: datetime) -> None:
    """Try no further account. Whoever is at one ends with it."""
    Batch.objects.filter(pk=batch.pk, stopped_at=None).update(stopped_at=now, why=why)


def go_on(
    batch: Batch,
    *,
    confirm: Callable[[], tuple[Initiator, str | None]],
    policy: Policy,
    seconds: float = STEP,
) -> None:
    """Unlock for so long, at least one account.

    Args:
        confirm: asked before each: who acts, and in which domain (None: everywhere). What it
            raises, nothing was done for; the account is left for later.
    """
    ends = time.monotonic() + seconds
    now = timezone.now()
    if batch.looked_at < now - UNWATCHED:
        stop(batch, "Nobody looked on for 15 minutes.", now)
    while item := _claim(batch, timezone.now()):
        try:
            initiator, scope = confirm()
        except Exception:
            _write(item, BatchItem.WAITING)
            raise
        outcome, sentence = _unlock(batch, item, initiator, scope, policy)
        _write(item, outcome, sentence)
        if outcome is Outcome.FAILED:
            stop(batch, sentence, timezone.now())
        if time.monotonic() >= ends:
            return


def _claim(batch: Batch, now: datetime) -> BatchItem | None:
    """The next account, for us alone; None where there is none, or somebody else is at one."""
    Batch.objects.filter(pk=batch.pk).update(looked_at=now)
    if not Batch.objects.filter(pk=batch.pk, stopped_at=None).exists():
        return None
    if busy := batch.items.filter(outcome=BatchItem.TRYING).first():
        if busy.claimed_until is None or busy.claimed_until <= now:
            sentence = "The process that tried it has ended: look at the account and at the trail."
            _write(busy, BatchItem.UNCLEAR, sentence)
            stop(batch, f"The process that tried {busy.name} has ended.", now)
        return None
    item = batch.items.filter(outcome=BatchItem.WAITING).order_by("number").first()
    if item is None:
        return None
    waiting = BatchItem.objects.filter(pk=item.pk, outcome=BatchItem.WAITING)
    claimed = claims.claim(waiting, now=now, lease=LEASE, outcome=BatchItem.TRYING)
    return claimed[0] if claimed else None


def _unlock(
    batch: Batch, item: BatchItem, initiator: Initiator, scope: str | None, policy: Policy
) -> tuple[Outcome, str]:
    """The one act, on the account as it is at this moment."""
    try:
        account = selectors.get(item.account_id, scope=scope)
    except KeystoneDatabaseDownError as error:
        sentence = f"Keystone's database does not answer: {error}. Nothing was changed."
        return Outcome.FAILED, sentence
    if account is None:
        return Outcome.CONFLICT, "The account does not exist any more."
    [result] = unlock_all(
        [Choice(account=account, seen=Failures.parse(item.seen))],
        policy=policy,
        initiator=initiator,
        reason=batch.reason,
        identity=Event.Identity(batch.identity),
        now=timezone.now(),
    )
    return result.outcome, result.sentence


def _write(item: BatchItem, outcome: str, sentence: str = "") -> None:
    """What became of an account that was being tried."""
    claims.held(item).update(outcome=str(outcome), sentence=sentence, claimed_until=None)
