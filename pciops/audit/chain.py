"""The hash chain: each settled row has a SHA-256 over its content and the hash of the row before.

docs/audit.md says how to compute it again without pciops; the content of old rows must not change.
Rows that were pruned from the beginning of the chain leave a signed stub, from which verification
continues.
"""

from __future__ import annotations

import hmac
import logging
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

from django.conf import settings
from django.db.models import Max, Q, QuerySet
from django.utils.crypto import salted_hmac

from pciops.audit import evidence
from pciops.audit.evidence import UnsignedError
from pciops.audit.models import Anchor, ChainCheck, ChainHead, Event, PruneStub
from pciops.audit.witnesses import Witnesses, check_text
from pciops.lib import canonical, retries
from pciops.lib.keyset import Column, Order, batches

# All columns but the hash itself.
CONTENT: Final = (
    *("id", "event_time", "settled_at", "observer", "action", "outcome"),
    *("initiator_type", "initiator_id", "initiator_name"),
    *("initiator_domain_id", "initiator_domain_name", "initiator_address", "initiator_agent"),
    *("via", "target_id", "target_name", "target_domain_id", "target_domain_name", "resource"),
    *("reason", "identity", "seen", "remark", "position", "previous_hash", "initiator_scope"),
)
# The columns that an act does not have yet when it begins.
_OUTCOME: Final = ("settled_at", "remark", "position", "previous_hash")
_INTENT: Final = re.compile(r"([0-9a-f]{32}), SHA-256 ([0-9a-f]{64})")
_FIELDS: Final = {"seen": "precondition"}  # column → field, if they differ
BY_POSITION: Final = Order[Event]((Column(name="position", kind=int),))
BATCH: Final = 1000  # rows in memory at a time
# After pruning, the time within which an act is not missed whose intent may have been pruned.
PRUNED_MARGIN: Final = timedelta(hours=1)
# What else can contradict the chain, such as the stored reports: each returns a problem, or "".
OTHER_EVIDENCE: Final[list[Callable[[], str]]] = []

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


def intent_digest(event: Event) -> str:
    """Return the digest of an act as it was when it began."""
    values = content(event) | {"outcome": Event.Outcome.PENDING.value}
    intent = {name: value for name, value in values.items() if name not in _OUTCOME}
    return canonical.digest(canonical.canonical(intent))


def intent_remark(event: Event) -> str:
    """Return the remark of the row of an intent: the id of the act's own row, and its digest."""
    return f"{event.pk}, SHA-256 {intent_digest(event)}"


def walk(after: int, until: int) -> Iterator[Event]:
    """Yield the rows after one position up to and including another."""
    rows = Event.rows.filter(position__gt=after, position__lte=until)
    return chain.from_iterable(batches(rows, BY_POSITION, size=BATCH))


# --- Stubs --------------------------------------------------------------------------------------
def sign(stub: PruneStub) -> str:
    """Return the seal of a stub."""
    return evidence.seal("stub", stub_text(stub))


def stub_text(stub: PruneStub) -> str:
    """Return what the signature of a stub signs."""
    fields = (
        *(stub.first_position, stub.last_position, stub.last_hash, stub.count),
        stub.pruned_at.isoformat(),
    )
    return " ".join(str(field) for field in fields)


def _is_signed(stub: PruneStub) -> bool:
    """Return whether the evidence key signed it, or up to 0.1.0 a secret key: see rotate_keys."""
    text = stub_text(stub)
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        old = salted_hmac("pciops.audit.stub", text, secret, algorithm="sha256").hexdigest()
        # As bytes: the signature of a changed row may be any text.
        if hmac.compare_digest(old.encode(), stub.signature.encode()):
            return True
    try:
        evidence.check_seal("stub", text, stub.signature)
    except UnsignedError:
        return False
    return True


def _stub_problem() -> str:
    """Return what is wrong with the stubs, which begin at row 1 and leave no gap; "" if nothing."""
    position = 0
    for stub in PruneStub.objects.order_by("last_position"):
        name = f"stub of rows {stub.first_position} to {stub.last_position}"
        if not _is_signed(stub):
            return f"{name}: its signature is not from the evidence key or this PCIOPS_SECRET_KEY"
        if stub.first_position != position + 1 or stub.count != stub.last_position - position:
            return f"{name}: it does not follow row {position}"
        position = stub.last_position
    return ""


# --- Verification -------------------------------------------------------------------------------
def verify(*, since: int = 0, witnesses: Witnesses | None = None) -> ChainCheck:
    """Check every row that is in the chain now, and return the unsaved result.

    Args:
        since: the position of a row that an earlier check found right; the walk begins after it.
        witnesses: what the chain is checked against; default: anchors and earlier checks.
    """
    head = ChainHead.objects.filter(pk=1).first() or ChainHead(pk=1)
    check = ChainCheck(rows=0, position=0, hash="")
    walked = _Walk(witnesses or Witnesses.read(), whole=since == 0)
    check.problem = (
        _stub_problem()
        or _outside_problem()
        or _begin(check, since)
        or walked.run(check, head.position)
        or walked.witnesses.beyond(head.position)
        or _end_problem(check, head)
        or walked.unsettled_problem()
        or walked.witnesses.problem
        or (next((text for find in OTHER_EVIDENCE if (text := find())), "") if not since else "")
    )
    return check


def verify_until(position: int) -> ChainCheck:
    """Check the rows from the beginning to a position, and return the unsaved result."""
    check = ChainCheck(rows=0, position=0, hash="")
    walked = _Walk(Witnesses.read(), whole=True)
    check.problem = _stub_problem() or _begin(check, 0) or walked.run(check, position)
    if not check.problem and check.position < position:
        check.problem = f"row {check.position + 1} is missing"
    return check


def run_check(now: datetime, *, since: int = 0, witnesses: Witnesses | None = None) -> ChainCheck:
    """Verify the chain and save the result."""
    began = time.monotonic()
    check = verify(since=since, witnesses=witnesses)
    check.checked_at = now
    check.milliseconds = int((time.monotonic() - began) * 1000)
    if check.problem:
        _take_over_acknowledgement(check)
    check.seal = evidence.seal("check", check_text(check))
    check.save()
    if check.problem:
        log.error("audit log integrity check failed: %s", check.problem)
    return check


def last_position() -> int:
    """Return the greatest position that a row of the audit log is known to have had; 0: none."""
    known = (
        Event.rows.aggregate(last=Max("position"))["last"],
        ChainHead.objects.aggregate(last=Max("position"))["last"],
        Anchor.objects.aggregate(last=Max("position"))["last"],
        ChainCheck.objects.aggregate(last=Max("position"))["last"],
    )
    return max(position or 0 for position in known)


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
    event = Event.rows.filter(settled, position=None).order_by("event_time", "pk").first()
    return f"row without a position ({event.pk}): settled outside of the chain" if event else ""


def _begin(check: ChainCheck, since: int) -> str:
    """Set the row before the walk: none, the last pruned one, or `since`."""
    stub = PruneStub.objects.order_by("-last_position").first()
    if stub:
        check.position, check.hash = stub.last_position, stub.last_hash
    if since <= check.position:
        return ""
    event = Event.rows.filter(position=since).first()
    if event is None:
        return f"row {since}, the start of the check, is missing"
    check.position, check.hash = since, event.hash
    return ""


class _Walk:
    """One walk along the chain, with what it has to remember on the way."""

    def __init__(self, witnesses: Witnesses, *, whole: bool) -> None:
        self.witnesses = witnesses
        self._whole = whole
        self._pruned = PruneStub.objects.exists()
        self._sealed = False  # whether a row before was sealed
        self._begun: dict[str, tuple[int, str]] = {}  # acts without an outcome yet
        self._actions: set[str] = set()  # that have begun as acts
        self._first_intent: datetime | None = None

    def run(self, check: ChainCheck, until: int) -> str:
        """Walk from the check's position to another; return the first problem."""
        if problem := self.witnesses.contradiction(check.position, check.hash):
            return problem
        for event in walk(check.position, until):
            problem = (
                _row_problem(event, position=check.position + 1, previous_hash=check.hash)
                or self.witnesses.contradiction(check.position + 1, event.hash)
                or self._seal_problem(event)
                or self._intent_problem(event)
            )
            if problem:
                return problem
            check.rows += 1
            check.position, check.hash = check.position + 1, event.hash
        return ""

    def unsettled_problem(self) -> str:
        """Check that the acts that have begun, and not ended, are as they began."""
        for batch in _batches(list(self._begun)):
            found = Event.objects.in_bulk(batch)
            for pk in batch:
                position, digest_ = self._begun[pk]
                if pk not in found:
                    return f"row {position}: the action ({pk}) that began there is missing"
                if intent_digest(found[pk]) != digest_:
                    return f"row {position}: the action ({pk}) that began there was changed"
        return ""

    def _seal_problem(self, event: Event) -> str:
        """Check that pciops wrote the row; rows up to the last anchor are proven by it."""
        if (event.position or 0) <= self.witnesses.anchored:
            return ""
        if not event.seal and not self._sealed and not self.witnesses.anchored:
            return ""  # from before there were seals
        self._sealed = True
        try:
            evidence.check_seal("row", event.hash, event.seal)
        except UnsignedError as error:
            return f"row {event.position} ({event.pk}): not written by pciops: {error}"
        return ""

    def _intent_problem(self, event: Event) -> str:
        if event.action == Event.Action.INTENT:
            match = _INTENT.fullmatch(event.remark)
            if match is None:
                return f"row {event.position} ({event.pk}): not the intent of an action"
            self._begun[match[1]] = (event.position or 0, match[2])
            self._actions.add(event.resource)
            self._first_intent = self._first_intent or event.event_time
            return ""
        # An act that was refused with its session was recorded in one step, without a target.
        refused = not event.target_id and event.outcome == Event.Outcome.FAILURE
        is_act = event.action in self._actions and not refused
        if not is_act or not self._whole or not self._first_intent:
            return ""
        begun = self._begun.pop(event.pk, None)
        if begun is None:
            margin = PRUNED_MARGIN if self._pruned else timedelta(0)
            if event.event_time < self._first_intent + margin:
                return ""
            return f"row {event.position} ({event.pk}): its action never began"
        position, digest_ = begun
        if intent_digest(event) != digest_:
            return f"row {event.position} ({event.pk}): not the action that began at row {position}"
        return ""


def _batches(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), BATCH):
        yield keys[start : start + BATCH]


def _row_problem(event: Event, *, position: int, previous_hash: str) -> str:
    row = f"row {event.position} ({event.pk})"
    if event.position != position:
        missing = position if event.position == position + 1 else f"{position} and later"
        return f"{row}: row {missing} before it is missing"
    if digest(event) != event.hash:
        return f"{row}: its content was changed and does not match its hash"
    if event.previous_hash != previous_hash:
        return f"{row}: its previous hash is not the hash of row {position - 1}"
    return ""


def _end_problem(check: ChainCheck, head: ChainHead) -> str:
    """Check that the last row is the head, and that no row follows it."""
    if (check.position, check.hash) != (head.position, head.hash):
        if check.position < head.position:
            return f"row {check.position + 1} is missing: the head is row {head.position}"
        return f"row {check.position}: its hash is not that of the head"
    now, beyond = _beyond_head()
    if beyond:
        return f"row {beyond.position} ({beyond.pk}): after the head, which is row {now.position}"
    return ""


@retries.repeated
def _beyond_head() -> tuple[ChainHead, Event | None]:
    """Return the head as it is now, and the first row behind it."""
    head = locked_head()
    return head, Event.rows.filter(position__gt=head.position).order_by("position").first()
