"""Acts that a crash has left pending: settled by what Keystone's database shows."""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timedelta
from typing import Final

from django.db import DatabaseError, InterfaceError, connections, transaction
from django.utils import timezone

from pciops.accounts import selectors
from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.policy import Policy
from pciops.accounts.verdict import judge
from pciops.actions.act import Ending
from pciops.actions.registry import BY_ACTION
from pciops.audit import selectors as trail
from pciops.audit import services
from pciops.audit.models import Event
from pciops.keystone import database
from pciops.lib.env import SettingError

GRACE: Final = timedelta(minutes=1)  # longer than an act takes that is still under way
AFTER: Final = "settled after a crash"

log = logging.getLogger(__name__)


def settle_pending(*, policy: Policy, now: datetime) -> list[Event]:
    """Settle every act that began more than a minute ago and has no end; returns those settled.

    It errs to "unknown": it says success only of a lock that would still hold, so that no sign-in
    can have ended it. Of two who settle the same act at the same moment one does.

    Raises:
        KeystoneDatabaseDownError: the rest stays pending.
        AuditLogError: the rest stays pending.
    """
    settled = []
    for event in trail.pending(before=now - GRACE):
        outcome, remark = _ending(event, policy, now)
        try:
            with services.writes_guarded(event), transaction.atomic():
                services.settle(event, outcome, f"{AFTER}: {remark}")
                if outcome is Event.Outcome.SUCCESS:
                    BY_ACTION[event.action].keep(event)
            settled.append(event)
        except services.SettledError:
            log.info("%s of the trail was settled by somebody else", event.pk)
    return settled


def _ending(event: Event, policy: Policy, now: datetime) -> Ending:
    act = BY_ACTION.get(event.action)
    if act is None:
        return Event.Outcome.UNKNOWN, "whether it was carried out cannot be seen"
    account = selectors.get(event.target_id, scope=None)
    if account is None:
        return Event.Outcome.UNKNOWN, "the account does not exist any more"
    return act.ending(event, judge(account, policy, now))


def settle_quietly(*, policy: Policy, now: datetime) -> int:
    """`settle_pending` for tasks and starts: what does not answer is logged, and tried again."""
    try:
        return len(settle_pending(policy=policy, now=now))
    except database.KeystoneDatabaseDownError as error:
        log.warning("pending acts stay so: Keystone's database does not answer: %s", error)
    except (DatabaseError, InterfaceError, services.AuditLogError) as error:
        log.error("pending acts stay so: %s", database.reason(error))
    return 0


def begin() -> None:
    """Settle what the last run has left, now and when the minute of grace is over as well.

    In a thread of its own: the site serves meanwhile, whether or not a database answers.
    """
    threading.Thread(target=_twice, name="settle_pending", daemon=True).start()


def _twice() -> None:
    try:
        settle_quietly(policy=policies.current(), now=timezone.now())
        connections.close_all()
        time.sleep(GRACE.total_seconds() + 1)
        settle_quietly(policy=policies.current(), now=timezone.now())
    except SettingError as error:
        log.error("pending acts stay so: the policy cannot be read: %s", error)
    finally:
        connections.close_all()
