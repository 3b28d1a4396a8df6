"""The hash chain: each settled row has a SHA-256 over its content and the hash of the row before.

docs/audit.md says how to compute it again without pciops; the content of old rows must not change.
Rows that were pruned from the beginning of the chain leave a signed stub, from which verification
continues.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.crypto import salted_hmac

from pciops.audit.models import ChainCheck, ChainHead, Event, PruneStub
from pciops.lib import canonical
from pciops.lib.keyset import Column, Order, batches

# All columns but the hash itself.
CONTENT: Final = (
    *("id", "event_time", "settled_at", "observer", "action", "outcome"),
    *("initiator_type", "initiator_id", "initiator_name"),
    *("initiator_domain_id", "initiator_domain_name", "initiator_address", "initiator_agent"),
    *("via", "target_id", "target_name", "target_domain_id", "target_domain_name", "resource"),
    *("reason", "identity", "seen", "remark", "position", "previous_hash"),
)
_FIELDS: Final = {"seen": "precondition"}  # column → field, if they differ
BY_POSITION: Final = Order[Event]((Column(name="position", kind=int),))
BATCH: Final = 1000  # rows in memory at a time
MAX_CHECKS: Final = 400  # that are kept

log = logging.getLogger(__name__)


def content(event: Event) -> dict[str, str | int]:
    """Return the hashed content. Empty columns are left out, so new columns change no old hash."""
    values = ((name, getattr(event, _FIELDS.get(name, name), None)) for name in CONTENT)
    return {name: _plain(value) for name, value in values if value is not None and value != ""}


def _plain(value: Any) -> str | int:
    if isinstance(value, datetime):
        return canonical.instant(value)
    return value if isinstance(value, int) else str(value)


def digest(event: Event) -> str:
    """Return the SHA-256 of the content as canonical JSON (RFC 8785), in hexadecimal."""
    return canonical.digest(canonical.canonical(content(event)))


def locked_head() -> ChainHead:
    """Return the head of the chain, locked until the end of the transaction."""
    head, _ = ChainHead.objects.select_for_update().get_or_create(pk=1)
    return head


def append(event: Event, head: ChainHead) -> None:
    """Make the event the new head; the caller saves both."""
    event.position, event.previous_hash = head.position + 1, head.hash
    event.hash = digest(event)
    head.position, head.hash = event.position, event.hash


def walk(after: int, until: int) -> Iterator[Event]:
    """Yield the rows after one position up to and including another."""
    rows = Event.objects.filter(position__gt=after, position__lte=until)
    return chain.from_iterable(batches(rows, BY_POSITION, size=BATCH))


# --- Stubs --------------------------------------------------------------------------------------
def sign(stub: PruneStub, secret: str | None = None) -> str:
    """Return an HMAC-SHA-256 of the stub with a key derived from SECRET_KEY, or from an old one."""
    fields = (
        *(stub.first_position, stub.last_position, stub.last_hash, stub.count),
        stub.pruned_at.isoformat(),
    )
    text = " ".join(str(field) for field in fields)
    return salted_hmac("pciops.audit.stub", text, secret, algorithm="sha256").hexdigest()


def _is_signed(stub: PruneStub) -> bool:
    """Return whether the secret key signed it, or one of those before: see rotate_keys."""
    accepted = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return any(hmac.compare_digest(sign(stub, secret), stub.signature) for secret in accepted)


def _stub_problem() -> str:
    """Return what is wrong with the stubs, which begin at row 1 and leave no gap; "" if nothing."""
    position = 0
    for stub in PruneStub.objects.order_by("last_position"):
        name = f"stub of rows {stub.first_position} to {stub.last_position}"
        if not _is_signed(stub):
            return f"{name}: its signature is not of this PCIOPS_SECRET_KEY"
        if stub.first_position != position + 1 or stub.count != stub.last_position - position:
            return f"{name}: it does not follow row {position}"
        position = stub.last_position
    return ""


# --- Verification -------------------------------------------------------------------------------
def verify(*, since: int = 0) -> ChainCheck:
    """Check every row that is in the chain now, and return the unsaved result.

    Args:
        since: the position of a row that an earlier check found right; the walk begins after it.
    """
    head = ChainHead.objects.filter(pk=1).first() or ChainHead(pk=1)
    check = ChainCheck(rows=0, position=0, hash="")
    check.problem = (
        _stub_problem()
        or _outside_problem()
        or _begin(check, since)
        or _walk(check, head.position)
        or _end_problem(check, head)
    )
    return check


def verify_until(position: int) -> ChainCheck:
    """Check the rows from the beginning to a position, and return the unsaved result."""
    check = ChainCheck(rows=0, position=0, hash="")
    check.problem = _stub_problem() or _begin(check, 0) or _walk(check, position)
    if not check.problem and check.position < position:
        check.problem = f"row {check.position + 1} is missing"
    return check


def run_check(now: datetime, *, since: int = 0) -> ChainCheck:
    """Verify the chain and save the result."""
    began = time.monotonic()
    check = verify(since=since)
    check.checked_at = now
    check.milliseconds = int((time.monotonic() - began) * 1000)
    if check.problem:
        _take_over_acknowledgement(check)
    check.save()
    closed = ChainCheck.objects.exclude(pk__in=_open_checks().values("pk"))
    expired = closed.order_by("-pk").values_list("pk", flat=True)[MAX_CHECKS:]
    ChainCheck.objects.filter(pk__in=list(expired)).delete()
    if check.problem:
        log.error("the trail does not fit: %s", check.problem)
    return check


def last_check() -> ChainCheck | None:
    """Return the newest saved check."""
    return ChainCheck.objects.order_by("-pk").first()


# --- Failed checks ------------------------------------------------------------------------------
def open_failure() -> ChainCheck | None:
    """Return the newest failed check that no administrator has acknowledged."""
    return _open_checks().order_by("-pk").first()


def acknowledge(*, until: int, by: str, reason: str, now: datetime) -> int:
    """Acknowledge the failed checks up to this one, which was shown; return their number."""
    return (
        _open_checks()
        .filter(pk__lte=until)
        .update(acknowledged_at=now, acknowledged_by=by[:400], acknowledged_reason=reason)
    )


def _open_checks() -> QuerySet[ChainCheck]:
    return ChainCheck.objects.exclude(problem="").filter(acknowledged_at=None)


def _take_over_acknowledgement(check: ChainCheck) -> None:
    """Acknowledge a check that found the same problem as an acknowledged one.

    Nothing in the chain can be repaired, so every later check finds it again.
    """
    earlier = ChainCheck.objects.filter(problem=check.problem).order_by("-pk").first()
    if earlier is not None:
        check.acknowledged_at = earlier.acknowledged_at
        check.acknowledged_by = earlier.acknowledged_by
        check.acknowledged_reason = earlier.acknowledged_reason


def _outside_problem() -> str:
    """Find a row that is settled and not in the chain, so not written by pciops."""
    settled = ~Q(outcome=Event.Outcome.PENDING) | Q(settled_at__isnull=False) | ~Q(hash="")
    event = Event.objects.filter(settled, position=None).order_by("event_time", "pk").first()
    return f"row without a position ({event.pk}): settled outside of the chain" if event else ""


def _begin(check: ChainCheck, since: int) -> str:
    """Set the row before the walk: none, the last pruned one, or `since`."""
    stub = PruneStub.objects.order_by("-last_position").first()
    if stub:
        check.position, check.hash = stub.last_position, stub.last_hash
    if since <= check.position:
        return ""
    event = Event.objects.filter(position=since).first()
    if event is None:
        return f"row {since}, to go on from, is missing"
    check.position, check.hash = since, event.hash
    return ""


def _walk(check: ChainCheck, until: int) -> str:
    for event in walk(check.position, until):
        problem = _row_problem(event, position=check.position + 1, previous_hash=check.hash)
        if problem:
            return problem
        check.rows += 1
        check.position, check.hash = check.position + 1, event.hash
    return ""


def _row_problem(event: Event, *, position: int, previous_hash: str) -> str:
    row = f"row {event.position} ({event.pk})"
    if event.position != position:
        missing = position if event.position == position + 1 else f"{position} and later"
        return f"{row}: gap before it, row {missing} is missing"
    if digest(event) != event.hash:
        return f"{row}: content changed, its hash is not that of what it says"
    if event.previous_hash != previous_hash:
        return f"{row}: its previous hash is not the hash of row {position - 1}"
    return ""


def _end_problem(check: ChainCheck, head: ChainHead) -> str:
    """Check that the last row is the head, and that no row follows it."""
    if (check.position, check.hash) != (head.position, head.hash):
        if check.position < head.position:
            return f"row {check.position + 1} is missing: the head is row {head.position}"
        return f"row {check.position}: its hash is not that of the head"
    with transaction.atomic():
        now = locked_head()
        beyond = Event.objects.filter(position__gt=now.position).order_by("position").first()
    if beyond:
        return f"row {beyond.position} ({beyond.pk}): behind the head, which is row {now.position}"
    return ""
