"""Writing the trail: open a row before an act, settle it after. Nothing else writes it."""

from __future__ import annotations

import logging
import socket
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from pciops.accounts.account import Account, Failures
from pciops.audit.models import Event
from pciops.keystone import database

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Initiator:
    """Who acts, from where and how; for an operating-system user the domain is empty."""

    type: Event.InitiatorType
    via: Event.Via
    id: str
    name: str
    domain_id: str = ""
    domain_name: str = ""
    address: str = ""
    agent: str = ""


class TrailError(Exception):
    """Our own database did not take a row; the text says what that means for the act."""


class SettledError(Exception):
    """An act was settled a second time; the trail keeps the first."""


def open_event(
    action: Event.Action,
    account: Account,
    *,
    seen: Failures,
    initiator: Initiator,
    reason: str,
    identity: str,
    now: datetime,
) -> Event:
    """Write the intent of an act, committed before this returns.

    Raises:
        TrailError: then the act must not begin.
    """
    event = Event(
        event_time=now,
        observer=socket.gethostname()[:255],
        action=action,
        initiator_type=initiator.type,
        initiator_id=initiator.id[:64],
        initiator_name=initiator.name[:255],
        initiator_domain_id=initiator.domain_id,
        initiator_domain_name=initiator.domain_name,
        initiator_address=initiator.address[:45],
        initiator_agent=initiator.agent[:255],
        via=initiator.via,
        target_id=account.id,
        target_name=account.name,
        target_domain_id=account.domain_id,
        target_domain_name=account.domain_name,
        reason=reason,
        identity=identity,
        seen=str(seen),
    )
    try:
        event.save(force_insert=True)
    except (DatabaseError, InterfaceError) as error:
        log.error("the trail cannot be written: %s", database.reason(error))
        raise TrailError(
            "pciops' own database does not answer. Nothing was changed: there is no act without a "
            "row in the trail."
        ) from error
    return event


def settle(event: Event, outcome: Event.Outcome, remark: str = "") -> Event:
    """Write how the act ended; only a pending row takes it, and only once.

    Raises:
        SettledError: where it has been settled before.
        TrailError: the act is over, and its row stays pending.
    """
    settled = {"outcome": outcome, "remark": remark, "settled_at": timezone.now()}
    try:
        pending = Event.objects.filter(pk=event.pk, outcome=Event.Outcome.PENDING)
        updated = pending.update(**settled)
    except (DatabaseError, InterfaceError) as error:
        log.error("%s of the trail cannot be settled: %s", event.pk, database.reason(error))
        raise TrailError(
            f"pciops' own database does not answer. The act may have been done ({outcome}), and "
            "its row in the trail stays pending: look at the account again."
        ) from error
    if not updated:
        raise SettledError(event.pk)
    for name, value in settled.items():
        setattr(event, name, value)
    log.info(
        "%s of %s (%s) by %s: %s%s",
        event.action,
        event.target_name,
        event.target_id,
        event.initiator,
        event.outcome,
        f", {remark}" if remark else "",
    )
    return event
