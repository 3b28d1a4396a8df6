"""Checks of the audit log: its verification, its keys, its anchors, and its copy at syslog."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from pciops.audit import chain, evidence, syslog
from pciops.audit.models import Anchor, Event
from pciops.lib import times
from pciops.lib.doctor import CheckResult, check, ok, problem, warning
from pciops.lib.numbers import counted

MAX_AGE: Final = timedelta(hours=26)  # a worker verifies every night
MAX_ANCHOR_AGE: Final = timedelta(hours=2)  # one is made every hour
MAX_WAIT: Final = timedelta(minutes=10)  # a worker sends to syslog every minute
RECENT: Final = 200  # rows whose keys are looked at


@check("trail", after="database")
def audit_log() -> Iterator[CheckResult]:
    """Check that the chain is verified every night, and is intact."""
    remedy = "Look at the worker and at its beat (docs/install.md); manage.py verify_audit does it."
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
            "The database was changed outside pciops. Keep a copy of it first, compare it with"
            " syslog, then acknowledge the check on /audit/ with what you found.",
        )
    elif last.problem:
        yield warning(
            f"Its integrity check fails ({last.problem}); acknowledged by {last.acknowledged_by}."
            " Rows after that one are not verified.",
            f"manage.py verify_audit --since {last.position + 1} verifies the rows after it.",
        )
    elif now - last.checked_at > MAX_AGE:
        yield warning(f"Its chain was verified {age} ago.", remedy)
    else:
        yield ok(f"Its chain of {last.rows} rows was verified {age} ago, and fits.")


@check("evidence", after="database")
def evidence_is_kept() -> Iterator[CheckResult]:
    """Check that the keys of all machines are known, that anchors are made, and syslog's copy."""
    findings = [*_unknown_keys(), *_old_anchor(timezone.now()), *_waiting_rows(timezone.now())]
    yield from findings or [ok("Its keys are known, and anchors and copies are up to date.")]


def _unknown_keys() -> Iterator[CheckResult]:
    """Find recent rows that another machine has sealed with a key of its own."""
    rows = Event.rows.exclude(position=None).exclude(seal="").order_by("-position")
    for position, seal in rows.values_list("position", "seal")[:RECENT]:
        try:
            evidence.keys().verifier_of(seal)
        except evidence.UnsignedError as error:
            yield problem(
                f"Row {position} of the audit log cannot be verified here: {error}.",
                "Give each machine the same PCIOPS_EVIDENCE_KEY_FILE, or add the other machine's"
                " line of <file>.pub to the one here (docs/audit.md). If no machine of yours has"
                " this key, the row was not written by pciops.",
            )
            return


def _old_anchor(now: datetime) -> Iterator[CheckResult]:
    """Find out that no anchor has been made for hours though there are rows."""
    last = Anchor.objects.order_by("-pk").first()
    first = (
        Event.rows.filter(position__gt=last.position if last else 0).order_by("position").first()
    )
    since = last.made_at if last else first and first.settled_at
    if since and now - since > MAX_ANCHOR_AGE:
        yield warning(
            f"No anchor of the audit log was made for {times.span(now - since)}.",
            "Look at the worker and its log: audit.anchor makes one every hour, unless the"
            " integrity check fails.",
        )


def _waiting_rows(now: datetime) -> Iterator[CheckResult]:
    """Find rows that the syslog receiver has not taken for minutes."""
    oldest = syslog.oldest_waiting()
    if oldest and oldest.settled_at and now - oldest.settled_at > MAX_WAIT:
        yield warning(
            f"{counted(syslog.behind(), 'row')} of the audit log wait for syslog, the oldest for"
            f" {times.span(now - oldest.settled_at)}.",
            "Look at the receiver of PCIOPS_SYSLOG_URL and at the worker. Nothing is lost: the rows"
            " are sent in order once it answers.",
        )
