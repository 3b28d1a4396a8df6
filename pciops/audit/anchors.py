"""Anchors: the head of the chain at a time, signed with a key that the database does not have.

One is made after each verification and every hour. Its note goes into the database, a file beside
the evidence key, syslog, and to people with each report. `pciops.audit.witnesses` reads them.
"""

from __future__ import annotations

import logging
import os
from datetime import datetime
from typing import Final

from pciops.audit import chain, evidence, syslog, timestamps, witnesses
from pciops.audit.hashes import hash_of
from pciops.audit.models import Anchor, ChainCheck, Event
from pciops.audit.witnesses import Statement
from pciops.lib import canonical, retries

NOTE_NAME: Final = "anchor.note"
REPLY_NAME: Final = "anchor.tsr"

log = logging.getLogger(__name__)


def make_current(now: datetime) -> Anchor | None:
    """Check the rows since the last anchor and sign the head; None if a row does not fit."""
    last = Anchor.objects.order_by("-pk").first()
    since = last.position if last else 0
    check = chain.verify(since=since)
    if check.problem:
        chain.run_check(now, since=since)  # saves and logs it
        return None
    return make(check, now)


def make(check: ChainCheck, now: datetime) -> Anchor | None:
    """Sign what a check has found right; None for an empty log and for one that does not fit.

    Raises:
        EvidenceKeyError
    """
    if check.problem or not check.position:
        return None
    anchor = _sign(check, now)
    _copy(anchor.note)
    timestamps.stamp_missing()
    syslog.catch_up()
    return anchor


def covering(position: int | None) -> Anchor | None:
    """Return the first anchor that proves the row at a position."""
    if position is None:
        return None
    return Anchor.objects.filter(position__gte=position).order_by("position", "pk").first()


def files(anchor: Anchor | None) -> list[tuple[str, bytes]]:
    """Return names and contents of the files that prove an anchor."""
    if anchor is None:
        return []
    found = [(NOTE_NAME, anchor.note.encode())]
    if hasattr(anchor, "timestamp"):
        found.append((REPLY_NAME, bytes(anchor.timestamp.reply)))
    return found


@retries.repeated
def _sign(check: ChainCheck, now: datetime) -> Anchor:
    chain.locked_head()  # one process makes an anchor at a time
    before = Anchor.objects.order_by("-pk").first()
    statement = Statement(
        position=check.position,
        hash=check.hash,
        time=canonical.instant(now),
        previous=before.note_hash if before else "none",
        reports=_reports(before.position if before else 0, check.position),
    )
    note = evidence.sign_note(witnesses.statement_text(statement))
    return Anchor.objects.create(
        made_at=now,
        position=check.position,
        hash=check.hash,
        note=note,
        note_hash=witnesses.note_digest(note),
    )


def _reports(after: int, until: int) -> tuple[str, ...]:
    """Return the hashes of the reports that were stored since the anchor before."""
    built = Event.objects.filter(
        action=Event.Action.BUILD, position__gt=after, position__lte=until
    ).order_by("position")
    return tuple(sha256 for event in built if (sha256 := hash_of(event)))


def _copy(note: str) -> None:
    """Append the note to the file beside the key; a failure is logged."""
    path = witnesses.notes_file()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(note.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        log.error("the copy of an anchor in %s is missing: %s", path, error.strerror)
