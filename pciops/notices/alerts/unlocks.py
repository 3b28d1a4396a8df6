"""Alerts about unlocks of administrators, and about unlocks beyond the limit.

The security contacts (`ALERT_RECIPIENTS`) and the webhook get both, and the owner of an
administrator account the first by email. No rule of notices switches them off. The audit log says
which unlocks they are about: see pciops.audit.marks.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pciops.accounts import selectors
from pciops.audit import marks
from pciops.audit import selectors as audit
from pciops.audit.models import Event
from pciops.lib import retries, times
from pciops.lib.addresses import quoted
from pciops.notices.alerts.lifecycle import DAY, tell
from pciops.notices.alerts.message import (
    AlertKind,
    AlertStatus,
    AlertText,
    Section,
    Severity,
    body_of,
    mail_of,
)
from pciops.notices.mail import operator_mail, recipients
from pciops.notices.models import OperatorMail, WebhookCall


def raise_alerts(now: datetime) -> int:
    """Queue the alerts of unlocks that have none yet; return their number.

    Raises:
        KeystoneDatabaseDownError: it has the owners' addresses.
    """
    marked = audit.marked(marks.ADMINISTRATOR, marks.BEYOND_LIMIT, since=now - DAY)
    events = {f"unlock {event.pk}": event for event in marked}
    told = {
        about
        for model in (OperatorMail, WebhookCall)
        for about in model.objects.filter(about__in=events).values_list("about", flat=True)
    }
    new = [(about, event) for about, event in events.items() if about not in told]
    for about, event in new:
        _tell(about, event, now)
    return len(new)


def _tell(about: str, event: Event, now: datetime) -> None:
    text = describe(event)
    body = body_of(
        text,
        kind=AlertKind.UNLOCKED,
        alert_id=event.pk,
        subject=event.target_id,
        status=AlertStatus.EVENT,
        began_at=event.event_time,
    )
    mail = mail_of(body, text.sections, status=AlertStatus.EVENT, began_at=event.event_time)
    owner = _owner(event)

    def write() -> None:
        tell(about, mail, body, now)
        if owner:
            operator_mail.put(mail, about=about, to=owner, now=now, good_for=DAY)

    retries.run(write)


def _owner(event: Event) -> str:
    """Return the address of the owner of an administrator account; "" if there is none."""
    if marks.ADMINISTRATOR not in event.remark:
        return ""
    account = selectors.get(event.target_id, scope=None)
    return recipients.allowed(account.email) if account else ""


def describe(event: Event) -> AlertText:
    """Return who unlocked which account, and why."""
    kind = "Administrator" if marks.ADMINISTRATOR in event.remark else "Account"
    name = f"{quoted(event.target_name)} ({quoted(event.target_domain_name)})"
    address = f", from {event.initiator_address}" if event.initiator_address else ""
    facts = [
        f"By: {quoted(event.initiator, 130)}{address} ({event.get_via_display().lower()})",
        f"Reason: {quoted(event.reason, 300)}",
    ]
    if event.resource:
        facts.append(f"Two operators: {quoted(event.resource, 200)}")
    if event.outcome == Event.Outcome.UNKNOWN:
        facts.append("The outcome of the unlock is not known.")
    if marks.BEYOND_LIMIT in event.remark:
        facts.append("The limit of unlocks in an hour was exceeded.")
    if marks.BREAK_GLASS in event.remark:
        facts.append(
            "It was done with the break-glass command on the pciops host: no rights were checked."
        )
    advice = [
        "If you did not expect it, disable the account and end its sessions: a lock ends no"
        " sessions.",
        f"Entry in the audit log: {event.pk}",
    ]
    return AlertText(
        summary=f"{kind} unlocked: {name}",
        sections=[Section(lines=facts), Section(lines=advice)],
        path=f"/accounts/{event.target_id}/",
        severity=Severity.WARNING,
        facts=act_facts(event),
    )


def act_facts(event: Event) -> dict[str, Any]:
    """Return an act as the webhook tells it, with names as they are."""
    return {
        "audit_id": event.pk,
        "action": event.action,
        "outcome": event.outcome,
        "time": times.iso(event.event_time),
        "operator": {
            "type": event.initiator_type,
            "id": event.initiator_id,
            "name": event.initiator_name,
            "domain_id": event.initiator_domain_id,
            "domain_name": event.initiator_domain_name,
            "address": event.initiator_address,
            "via": event.via,
        },
        "account": {
            "id": event.target_id,
            "name": event.target_name,
            "domain_id": event.target_domain_id,
            "domain_name": event.target_domain_name,
        },
        "resource": event.resource,
        "reason": event.reason,
        "remark": event.remark,
    }
