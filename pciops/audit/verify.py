"""Walks the chain and names the first row that does not fit."""

from __future__ import annotations

import logging
import time
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from pciops.audit import chain, stubs
from pciops.audit.models import ChainHead, Check, Event

log = logging.getLogger(__name__)

KEPT = 400  # checks that are remembered


def verify(*, since: int = 0) -> Check:
    """Check every row that is in the chain at this moment, in batches; the result is unsaved.

    Rows that are appended meanwhile are left for the next time.

    Args:
        since: a position that has been checked before; its row and those before it are taken as
            they are, and the walk begins behind it.
    """
    head = ChainHead.objects.filter(pk=1).first() or ChainHead(pk=1)
    check = Check(rows=0, position=0, hash="")
    check.problem = stubs.problem() or _outside() or _begin(check, since)
    check.problem = check.problem or _walk(check, head.position) or _end(check, head)
    return check


def verify_until(position: int) -> Check:
    """Check the rows from the beginning to a position alone."""
    check = Check(rows=0, position=0, hash="")
    check.problem = stubs.problem() or _begin(check, 0) or _walk(check, position)
    if not check.problem and check.position < position:
        check.problem = f"row {check.position + 1} is missing"
    return check


def run(now: datetime, *, since: int = 0) -> Check:
    """Verify, and remember how it ended."""
    began = time.monotonic()
    check = verify(since=since)
    check.checked_at = now
    check.milliseconds = int((time.monotonic() - began) * 1000)
    check.save()
    kept = Check.objects.order_by("-pk").values_list("pk", flat=True)[KEPT : KEPT + 1]
    for last in kept:
        Check.objects.filter(pk__lte=last).delete()
    if check.problem:
        log.error("the trail does not fit: %s", check.problem)
    return check


def last() -> Check | None:
    """How the newest verification ended."""
    return Check.objects.order_by("-pk").first()


def misfit(event: Event, *, position: int, previous_hash: str) -> str:
    """What is wrong with a row that should stand here; "" where it fits."""
    row = f"row {event.position} ({event.pk})"
    if event.position != position:
        gone = position if event.position == position + 1 else f"{position} and later"
        return f"{row}: gap before it, row {gone} is missing"
    if chain.digest(event) != event.hash:
        return f"{row}: content changed, its hash is not that of what it says"
    if event.previous_hash != previous_hash:
        return f"{row}: its previous hash is not the hash of row {position - 1}"
    return ""


def _outside() -> str:
    """A row that is settled and in no chain was put there by somebody else."""
    settled = ~Q(outcome=Event.Outcome.PENDING) | Q(settled_at__isnull=False) | ~Q(hash="")
    event = Event.objects.filter(settled, position=None).order_by("event_time", "pk").first()
    return f"row without a position ({event.pk}): settled outside of the chain" if event else ""


def _begin(check: Check, since: int) -> str:
    """Where the walk starts: at the beginning, behind what was pruned, or behind `since`."""
    stub = stubs.last()
    if stub:
        check.position, check.hash = stub.last_position, stub.last_hash
    if since <= check.position:
        return ""
    event = Event.objects.filter(position=since).first()
    if event is None:
        return f"row {since}, to go on from, is missing"
    check.position, check.hash = since, event.hash
    return ""


def _walk(check: Check, until: int) -> str:
    for event in chain.walk(check.position, until):
        problem = misfit(event, position=check.position + 1, previous_hash=check.hash)
        if problem:
            return problem
        check.rows += 1
        check.position, check.hash = check.position + 1, event.hash
    return ""


def _end(check: Check, head: ChainHead) -> str:
    """The last row is the head, and nothing stands behind the head."""
    if (check.position, check.hash) != (head.position, head.hash):
        if check.position < head.position:
            return f"row {check.position + 1} is missing: the head is row {head.position}"
        return f"row {check.position}: its hash is not that of the head"
    with transaction.atomic():
        now = chain.locked_head()
        beyond = Event.objects.filter(position__gt=now.position).order_by("position").first()
    if beyond:
        return f"row {beyond.position} ({beyond.pk}): behind the head, which is row {now.position}"
    return ""
