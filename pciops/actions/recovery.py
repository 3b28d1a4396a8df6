"""Acts that a crash has left pending: settled by what Keystone's database shows."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta
from typing import Final

from django.db import connections
from django.utils import timezone

from pciops.accounts import selectors
from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.policy import Policy
from pciops.accounts.verdict import judge
from pciops.actions.registry import BY_ACTION
from pciops.audit import selectors as audit
from pciops.audit import services
from pciops.audit.models import Event
from pciops.keystone import database
from pciops.lib.numbers import counted

GRACE: Final = timedelta(minutes=1)  # longer than an act takes that is still under way
_AFTER_CRASH: Final = "settled after a crash"

log = logging.getLogger(__name__)


@database.from_primary()
def settle_pending(*, policy: Policy, now: datetime) -> list[Event]:
    """Settle every act that began more than a minute ago and has no outcome; return those settled.

    In doubt the outcome is "unknown": it is "success" only of a lock that would still hold, so
    that no sign-in can have ended it. If two processes settle the same act, only one succeeds.

    Raises:
        KeystoneDatabaseDownError: the rest stays pending.
        AuditLogError: the rest stays pending.
    """
    settled = []
    for event in audit.pending(before=now - GRACE):
        try:
            _settle(event, policy, now)
            settled.append(event)
        except services.SettledError:
            log.info("another process has settled %s", event.pk)
    return settled


def _settle(event: Event, policy: Policy, now: datetime) -> None:
    act = BY_ACTION.get(event.action)
    if act is None:
        remark = f"{_AFTER_CRASH}: whether it was carried out cannot be seen"
        services.settle(event, Event.Outcome.UNKNOWN, remark)
        return
    account = selectors.get(event.target_id, scope=None)
    if account is None:
        outcome, remark = Event.Outcome.UNKNOWN, "the account no longer exists"
    else:
        outcome, remark = act.outcome_after_crash(event, judge(account, policy, now))
    act.settle(event, outcome, f"{_AFTER_CRASH}: {remark}", account)


def settle_quietly() -> None:
    """Settle pending acts; an outage is logged, and the next run tries again."""
    with database.outages_logged("settle_pending", services.AuditLogError):
        settled = settle_pending(policy=policies.current(), now=timezone.now())
        if settled:
            log.warning("%s settled", counted(len(settled), "pending act"))


def begin() -> None:
    """Settle what the last run has left, now and when the minute of grace is over as well.

    In a thread of its own: the site serves meanwhile, whether or not a database answers.
    """
    threading.Thread(target=_settle_twice, name="settle_pending", daemon=True).start()


def _settle_twice() -> None:
    try:
        settle_quietly()
        connections.close_all()
        time.sleep(GRACE.total_seconds() + 1)
        settle_quietly()
    finally:
        connections.close_all()
