"""Checks of the audit log: its verification, its keys, its anchors, and its copy at syslog."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone

from pciops.audit import chain, evidence, syslog
from pciops.audit.apps import GUARDS
from pciops.audit.models import Anchor, Event
from pciops.lib import guarded, times
from pciops.lib.doctor import CheckResult, check, ok, problem, warning
from pciops.lib.numbers import counted

MAX_AGE: Final = timedelta(hours=26)  # a worker verifies every night
MAX_ANCHOR_AGE: Final = timedelta(hours=2)  # one is made every hour
MAX_WAIT: Final = timedelta(minutes=10)  # a worker sends to syslog every minute
RECENT: Final = 200  # rows whose keys are looked at


@check("audit log", after="database")
def audit_log() -> Iterator[CheckResult]:
    """Check that the chain is verified every night, and is intact."""
    remedy = "Check the worker and beat (docs/install.md). pciops verify_audit verifies now."
    now, last, failed = timezone.now(), chain.last_check(), chain.open_failure()
    if last is None:
        yield warning("Its chain has not been verified yet.", remedy)
        return
    age = times.span(now - last.checked_at)
    if failed is not None:
        found = times.span(now - failed.checked_at)
        later = "" if last.problem else " Later checks passed."
        yield problem(
            f"An integrity check failed {found} ago: {failed.problem}.{later}",
            "The database was changed outside pciops. First keep a copy of it. Compare it with "
            "syslog, then acknowledge the check on /audit/ with what you found.",
        )
    elif last.problem:
        yield warning(
            f"Its integrity check fails ({last.problem}); acknowledged by {last.acknowledged_by}."
            " Rows after that one are not verified.",
            f"pciops verify_audit --since {last.position + 1} verifies the rows after it.",
        )
    elif now - last.checked_at > MAX_AGE:
        yield warning(f"Its chain was verified {age} ago.", remedy)
    else:
        yield ok(f"Its chain of {last.rows} rows was verified {age} ago.")


@check("triggers", after="database")
def evidence_triggers() -> Iterator[CheckResult]:
    """Check that the database itself refuses to change evidence of the audit log."""
    return guarded.findings(GUARDS, "the audit log")


@check("evidence key", after="database")
def evidence_key() -> Iterator[CheckResult]:
    """Check that this machine knows the keys with which other machines seal rows."""
    try:
        keys = evidence.keys()
    except evidence.EvidenceKeyError as error:
        yield problem(f"{error}.", "Restore the file, or make it readable for the user of pciops.")
        return
    rows = Event.rows.exclude(position=None).exclude(seal="").order_by("-position")
    recent = rows.values_list("position", "seal")[:RECENT]
    for position, seal in recent:
        try:
            keys.verifier_of(seal)
        except evidence.UnsignedError as error:
            yield problem(
                f"Row {position} of the audit log can't be verified here: {error}.",
                "Give each machine the same PCIOPS_EVIDENCE_KEY_FILE, or add the other machine's "
                "line of <file>.pub to the file here (docs/audit.md). If none of your machines "
                "has this key, pciops did not write the row.",
            )
            return
    if recent:
        yield ok(
            f"This machine knows the keys that sealed the newest {counted(len(recent), 'row')}."
        )
    else:
        yield ok("No row has been sealed yet.")


@check("anchors", after="database")
def last_anchor() -> Iterator[CheckResult]:
    """Check that anchors are made while there are rows."""
    made = Anchor.objects.order_by("-pk").values_list("made_at", flat=True).first()
    rows = Event.rows.exclude(position=None).order_by("position")
    since = made or rows.values_list("settled_at", flat=True).first()
    if since is None:
        yield ok("No row needs an anchor yet.")
        return
    age = timezone.now() - since
    if made:
        sentence = f"The last anchor was made {times.span(age)} ago."
    else:
        sentence = f"There is no anchor; the first row is {times.span(age)} old."
    if age > MAX_ANCHOR_AGE:
        yield warning(
            sentence,
            "Check the worker and its log. It makes an anchor every hour, unless the integrity "
            "check fails.",
        )
    else:
        yield ok(sentence)


@check("syslog", after="database")
def syslog_copy() -> Iterator[CheckResult]:
    """Check that rows do not wait for the syslog receiver, if there is one."""
    if not settings.SYSLOG_URL:
        return
    waiting = syslog.waiting()
    oldest = waiting.values_list("settled_at", flat=True).first()
    if oldest is None:
        yield ok("No audit log row waits to be sent.")
        return
    age = timezone.now() - oldest
    rows = counted(waiting.count(), "row")
    sentence = f"Waiting to be sent: {rows} of the audit log, the oldest for {times.span(age)}."
    if age > MAX_WAIT:
        yield warning(
            sentence,
            "Check the receiver of PCIOPS_SYSLOG_URL and the worker. No row is lost: pciops "
            "sends them in order when the receiver answers.",
        )
    else:
        yield ok(sentence)
