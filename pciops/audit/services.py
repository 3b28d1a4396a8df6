"""Writes the audit log: a row is opened before an act and settled after it, or both in one step."""

from __future__ import annotations

import logging
import os
import pwd
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.db import DatabaseError, InterfaceError, transaction
from django.utils import timezone

from pciops.accounts.account import Account, Failures
from pciops.audit import chain, evidence, syslog
from pciops.audit.evidence import EvidenceKeyError
from pciops.audit.models import SETTLED, Event
from pciops.keystone import database
from pciops.lib import counters, retries

LOGIN_UID: Final = Path("/proc/self/loginuid")
NO_LOGIN: Final = 2**32 - 1  # what the kernel says without a login

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Initiator:
    """The operator or process that acts, its address and the way it acts."""

    type: Event.InitiatorType
    via: Event.Via
    id: str
    name: str
    domain_id: str = ""  # only of Keystone's users
    domain_name: str = ""
    address: str = ""
    agent: str = ""
    scope: str = ""  # the domain that they act for; WHOLE_CLOUD; "": none, or not known


WHOLE_CLOUD = "*"


@dataclass(frozen=True, kw_only=True)
class Target:
    """The account that an act is about, which may not exist any more."""

    id: str
    name: str
    domain_id: str
    domain_name: str


# The initiator of tasks.
PCIOPS = Initiator(type=Event.InitiatorType.PCIOPS, via=Event.Via.TASK, id="pciops", name="pciops")


def operating_system_user() -> Initiator:
    """Return the initiator of a command: the user who logged in at the host.

    The kernel keeps the login uid through sudo and su. Without one (a service, a container) it is
    the user of the process; `SUDO_UID`, which root can set to any number, is only quoted.
    """
    process = os.getuid()
    login = _login_uid()
    uid = process if login is None else login
    remarks = [] if uid == process else [f"as {_user_name(process)}"]
    sudo = os.environ.get("SUDO_UID", "")
    if login is None and sudo.isascii() and sudo.isdigit() and len(sudo) < 11:
        remarks.append(f"SUDO_UID {sudo}, not proven")
    return Initiator(
        type=Event.InitiatorType.OS,
        via=Event.Via.COMMAND,
        id=str(uid),
        name=_user_name(uid),
        agent=", ".join(remarks),
    )


def _login_uid() -> int | None:
    """Return the uid of the login that the process belongs to; None if there was none."""
    try:
        uid = int(LOGIN_UID.read_text(encoding="ascii"))
    except (OSError, ValueError):  # a kernel without it
        return None
    return None if uid == NO_LOGIN else uid


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):  # a container may have no such user
        return f"uid {uid}"


class AuditLogError(Exception):
    """The database did not take a row; the text says what that means for the act."""


class SettledError(AuditLogError):
    """An act was settled a second time; the first outcome is kept.

    The act took so long that recovery settled it: see actions.recovery.
    """

    def __init__(self, event_id: str) -> None:
        super().__init__(
            f"This action is already settled: see {event_id} in the audit log. Check the account "
            "again."
        )


def open_event(
    action: Event.Action,
    account: Account,
    *,
    precondition: Failures | str,
    initiator: Initiator,
    reason: str,
    identity: str,
    resource: str = "",
    now: datetime,
) -> Event:
    """Write the intent of an act and its place in the chain, committed before this returns.

    Args:
        precondition: the act is done only if the account is still in this state.
        resource: the part of the account that the act is about, such as an option.

    Raises:
        AuditLogError: the act must not begin.
    """
    event = _event(action, initiator, now)
    _set_target(event, account)
    event.reason, event.identity, event.precondition = reason, identity, str(precondition)
    event.resource = resource[:255]
    intent = _event(Event.Action.INTENT, initiator, now)
    _set_target(intent, account)
    intent.resource, intent.outcome = event.action, Event.Outcome.SUCCESS

    def write() -> Event:
        opened = copy(event)  # the original is not saved yet, for another attempt
        opened.save()
        intent.remark = chain.intent_remark(Event.objects.get(pk=event.pk))
        _append(intent)
        return opened

    try:
        return retries.run(write, find=lambda: _stored(event))
    except (DatabaseError, InterfaceError, EvidenceKeyError) as error:
        raise _not_begun(error) from error


def _stored(event: Event) -> Event | None:
    return Event.objects.filter(pk=event.pk).first()


def _append(new: Event) -> Event:
    """Save a new row as the head of the chain, within a transaction, and return it."""
    event = copy(new)  # the original is not saved yet, for another attempt
    head = chain.locked_head()
    event.settled_at = timezone.now()
    chain.append(event, head)
    event.seal = evidence.seal("row", event.hash)
    event.save()
    head.save()
    _after_append(event)
    return event


def settle(
    event: Event,
    outcome: Event.Outcome,
    remark: str = "",
    *,
    keep: Callable[[Event], object] = lambda settled: None,
) -> Event:
    """Write the outcome of a pending act, and append its row to the chain.

    Args:
        keep: writes more about the settled act, in the same transaction.

    Raises:
        SettledError: if it has been settled before.
        AuditLogError: the act is over, and its row stays pending.
    """

    def write() -> Event:
        settled = _settle(event.pk, outcome, remark)
        keep(settled)
        return settled

    def find() -> Event | None:
        return Event.objects.filter(pk=event.pk, outcome=outcome, remark=remark).first()

    try:
        settled = retries.run(write, find=find)
    except (DatabaseError, InterfaceError, EvidenceKeyError) as error:
        raise _not_settled(event, outcome, error) from error
    for name in SETTLED:
        setattr(event, name, getattr(settled, name))
    _log(event)
    return event


@contextmanager
def reads_guarded() -> Iterator[None]:
    """Guard reads that decide on an act that has begun and changed nothing yet.

    Raises:
        AuditLogError: the act must not go on.
    """
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise _not_begun(error) from error


@contextmanager
def writes_guarded(event: Event) -> Iterator[None]:
    """Guard other writes about an act that is over.

    Raises:
        AuditLogError: nothing was written.
    """
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        raise _not_settled(event, Event.Outcome.SUCCESS, error) from error


def record(
    action: Event.Action,
    outcome: Event.Outcome,
    *,
    initiator: Initiator,
    resource: str,
    target: Target | None = None,
    reason: str = "",
    remark: str = "",
    now: datetime,
) -> Event:
    """Write a settled row in one step, for what is over or certain to be tried.

    Args:
        resource: what was affected, if it is not an account or only a part of the target.

    Raises:
        AuditLogError: nothing was written.
    """
    event = _event(action, initiator, now)
    if target is not None:
        _set_target(event, target)
    event.resource, event.reason, event.remark = resource[:255], reason, remark
    event.outcome = outcome
    try:
        event = retries.run(lambda: _append(event), find=lambda: _stored(event))
    except (DatabaseError, InterfaceError, EvidenceKeyError) as error:
        raise _not_begun(error) from error
    _log(event)
    return event


READ_AGAIN = timedelta(minutes=5)  # within which reading on is the same access


def record_reading(*, initiator: Initiator, filters: str, now: datetime) -> None:
    """Record that an operator reads the audit log (PCI DSS 10.2.1.3).

    A search that the same operator has made in the last five minutes has a row already.

    Raises:
        AuditLogError: it must not be shown.
    """
    try:
        known = Event.objects.filter(
            action=Event.Action.READ,
            initiator_id=initiator.id,
            initiator_address=initiator.address[:45],
            initiator_scope=initiator.scope[:64],
            via=initiator.via,
            remark=filters,
            event_time__gt=now - READ_AGAIN,
        ).exists()
    except (DatabaseError, InterfaceError) as error:
        raise _not_begun(error) from error
    if not known:
        record(
            Event.Action.READ,
            Event.Outcome.SUCCESS,
            initiator=initiator,
            resource="audit log",
            remark=filters,
            now=now,
        )


def record_or_log(
    action: Event.Action,
    outcome: Event.Outcome,
    *,
    initiator: Initiator,
    resource: str,
    remark: str = "",
    now: datetime,
) -> None:
    """Call `record`, and log a missing row instead of failing.

    This is for signing in and out, which must work while the audit log cannot be written.
    """
    try:
        record(action, outcome, initiator=initiator, resource=resource, remark=remark, now=now)
    except AuditLogError:
        log.error("missing in the audit log: %s of %s, %s", action, initiator.name, outcome)


def _event(action: Event.Action, initiator: Initiator, now: datetime) -> Event:
    return Event(
        event_time=now,
        observer=socket.gethostname()[:255],
        action=action,
        initiator_type=initiator.type,
        initiator_id=initiator.id[:64],
        initiator_name=initiator.name[:255],
        initiator_domain_id=initiator.domain_id[:64],
        initiator_domain_name=initiator.domain_name[:64],
        initiator_address=initiator.address[:45],
        initiator_agent=initiator.agent[:255],
        initiator_scope=initiator.scope[:64],
        via=initiator.via,
    )


def _set_target(event: Event, target: Account | Target) -> None:
    event.target_id, event.target_name = target.id, target.name
    event.target_domain_id, event.target_domain_name = target.domain_id, target.domain_name


def _settle(event_id: str, outcome: Event.Outcome, remark: str) -> Event:
    """Append the row to the chain as it is stored, not as the caller has it; in a transaction."""
    head = chain.locked_head()
    pending = Event.objects.filter(pk=event_id, outcome=Event.Outcome.PENDING)
    event = pending.first()
    if event is None:
        raise SettledError(event_id)
    event.outcome, event.remark, event.settled_at = outcome, remark, timezone.now()
    chain.append(event, head)
    event.seal = evidence.seal("row", event.hash)
    if not pending.settle(**{name: getattr(event, name) for name in SETTLED}):
        raise SettledError(event_id)
    head.save()
    _after_append(event)
    return event


def _after_append(event: Event) -> None:
    """Count a row that is in the chain now and send it to syslog, after the commit."""
    counters.add("audit_entries", event.action, event.outcome)
    transaction.on_commit(syslog.catch_up, robust=True)


def _log(event: Event) -> None:
    log.info(
        "%s of %s by %s: %s%s",
        event.action,
        event.affected,
        event.initiator,
        event.outcome,
        f", {event.remark}" if event.remark else "",
    )


def _not_settled(event: Event, outcome: Event.Outcome, error: Exception) -> AuditLogError:
    log.error("cannot settle %s of the audit log: %s", event.pk, database.reason(error))
    return AuditLogError(
        f"pciops' own database does not answer. The action may have been done ({outcome}), and "
        "its audit log row stays pending. Check the account again."
    )


def _not_begun(error: Exception) -> AuditLogError:
    log.error("cannot write the audit log: %s", database.reason(error))
    return AuditLogError(
        "pciops' own database does not answer. Nothing was changed: pciops does nothing that it "
        "can't record in the audit log."
    )
