"""Prunes old rows from the beginning of the chain, and leaves a signed stub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Min

from pciops.audit import chain
from pciops.audit.models import Event, PruneStub
from pciops.audit.services import PCIOPS, record
from pciops.lib import privileges, retries, times

RESOURCE: Final = "trail"


class BrokenChainError(Exception):
    """The rows to prune do not verify; nothing is pruned until a person has looked at them."""


class MayNotPruneError(Exception):
    """The database login may not delete evidence, as `grants --ours` intends."""


@contextmanager
def deleting_evidence() -> Iterator[None]:
    """Wrap statements that delete evidence; also a decorator.

    Raises:
        MayNotPruneError
    """
    try:
        yield
    except DatabaseError as error:
        if not privileges.denied(error):
            raise
        raise MayNotPruneError(
            "This database login can't delete evidence. Run pciops prune_evidence with the login "
            "that runs migrate."
        ) from error


@deleting_evidence()
@retries.repeated
def prune(now: datetime) -> PruneStub | None:
    """Delete the rows that were settled longer ago than they are kept; None if there are none.

    The rows are verified first, so that no trace of a forgery is deleted, and a new row in the
    audit log says what was pruned.

    Raises:
        BrokenChainError
        MayNotPruneError
        AuditLogError: nothing is pruned.
    """
    head = chain.locked_head()
    kept = Event.objects.filter(settled_at__gte=times.months_before(now, settings.TRAIL_MONTHS))
    first_kept = kept.exclude(position=None).aggregate(first=Min("position"))["first"]
    until = head.position if first_kept is None else first_kept - 1
    check = chain.verify_until(until)
    if check.problem:
        raise BrokenChainError(
            f"Audit log integrity check failed, so nothing was pruned: {check.problem}"
        )
    if not check.rows:
        return None
    stub = PruneStub(
        first_position=check.position - check.rows + 1,
        last_position=check.position,
        last_hash=check.hash,
        count=check.rows,
        pruned_at=now,
    )
    stub.signature = chain.sign(stub)
    stub.save()  # before the rows are deleted: the database's trigger requires it
    Event.objects.filter(position__lte=until).prune()
    record(
        Event.Action.PRUNE,
        Event.Outcome.SUCCESS,
        initiator=PCIOPS,
        resource=RESOURCE,
        remark=f"rows {stub.first_position} to {stub.last_position}, the last {stub.last_hash}",
        now=now,
    )
    return stub
