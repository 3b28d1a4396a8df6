"""One look at everything that operators are alerted to, and the calls of the webhook."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.db.models import QuerySet

from pciops.accounts.policy import policy as policies
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import claims
from pciops.lib.env import SettingError
from pciops.notices import webhook
from pciops.notices.alerts import formats, lifecycle, locks, operation, storms, unlocks
from pciops.notices.alerts.message import AlertKind
from pciops.notices.mail import queue
from pciops.notices.mail.queue import Clock, SendResult
from pciops.notices.models import WebhookCall

log = logging.getLogger(__name__)


def raise_alerts(now: datetime) -> int:
    """Alert to what is wrong now and was not told, and tell of what is over.

    What Keystone's database has to say waits until it answers; the rest does not.

    Returns:
        the number of alerts that began or ended.
    """
    return sum(_looked(look, now) for look in _LOOKS)


def call_due(*, clock: Clock) -> SendResult:
    """Make the calls that are due: first those about alerts, then those about acts."""
    result = SendResult()
    due = queue.due(WebhookCall, clock())
    _call(due.filter(act_position=None), webhook.of_alerts(), formats.encode, result, clock)
    _call(due.exclude(act_position=None), webhook.of_acts(), str.encode, result, clock)
    return result


def _call(
    due: QuerySet[WebhookCall],
    receiver: webhook.Receiver,
    encode: Callable[[str], bytes],
    result: SendResult,
    clock: Clock,
) -> None:
    """Make the calls of one receiver, until it does not take one.

    The next run goes on: a receiver that does not answer must not hold up the other.
    """
    deferred = result.deferred
    while receiver.url and result.deferred == deferred:
        batch = claims.claim(due, now=clock(), lease=queue.LEASE)
        if not batch:
            return
        queue.deliver_batch(
            batch,
            lambda call: webhook.post(encode(call.body), receiver, delivery=call.pk, now=clock()),
            result,
            clock=clock,
        )


def _looked(look: Callable[[datetime], int], now: datetime) -> int:
    try:
        return look(now)
    except KeystoneDatabaseDownError as error:
        log.warning("alerts wait for Keystone's database: %s", error)
    except SettingError as error:
        log.error("alerts wait for the policy: %s", error)
    return 0


def _storms(now: datetime) -> int:
    return lifecycle.update(
        [AlertKind.STORM], storms.conditions(now), ending=lambda _: storms.OVER, now=now
    )


def _locks(now: datetime) -> int:
    policy = policies.current()
    return lifecycle.update(
        [AlertKind.ACCOUNT_LOCKED, AlertKind.MANY_LOCKED],
        locks.conditions(policy, now),
        ending=lambda alert: locks.ending(alert, policy, now),
        now=now,
    )


def _operation(now: datetime) -> int:
    # That a worker looks ends the alert about the schedule.
    return lifecycle.update(
        operation.ENDINGS,
        operation.conditions(now),
        ending=lambda alert: operation.ENDINGS[AlertKind(alert.kind)],
        now=now,
    )


_LOOKS: Final = (_storms, _locks, _operation, unlocks.raise_alerts)
