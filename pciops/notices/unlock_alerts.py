"""Alerts about unlocks of administrators, and about unlocks beyond the limit.

The security contacts (`ALERT_RECIPIENTS`) get both, and the owner of an administrator account the
first. No rule of notices switches them off. The audit log says which unlocks they are about: see
pciops.audit.marks.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.template.loader import render_to_string

from pciops.accounts import selectors
from pciops.audit import marks
from pciops.audit import selectors as audit
from pciops.audit.models import Event
from pciops.lib import times
from pciops.lib.addresses import plain, quoted
from pciops.notices.mail import operator_mail, recipients
from pciops.notices.mail.message import LONGEST_SUBJECT, RenderedMail
from pciops.notices.models import OperatorMail

DAY: Final = timedelta(days=1)  # how long an unlock is worth an alert, and an alert is attempted


def raise_alerts(now: datetime) -> None:
    """Queue the alerts of unlocks that have none yet.

    Raises:
        KeystoneDatabaseDownError: it has the owners' addresses.
    """
    for event in audit.marked(marks.ADMINISTRATOR, marks.BEYOND_LIMIT, since=now - DAY):
        about = f"unlock {event.pk}"
        queued = set(OperatorMail.objects.filter(about=about).values_list("to", flat=True))
        for to in _recipients(event, queued):
            operator_mail.put(_render(event), about=about, to=to, now=now, good_for=DAY)


def _recipients(event: Event, queued: set[str]) -> list[str]:
    """Return who has no email about the unlock yet, each once."""
    contacts = list(settings.ALERT_RECIPIENTS)
    if marks.ADMINISTRATOR in event.remark:
        account = selectors.get(event.target_id, scope=None)
        owner = recipients.allowed(account.email) if account else ""
        contacts += [owner] if owner else []
    return [to for to in dict.fromkeys(contacts) if to not in queued]


def _render(event: Event) -> RenderedMail:
    name = f"{quoted(event.target_name)} ({quoted(event.target_domain_name)})"
    kind = "administrator" if marks.ADMINISTRATOR in event.remark else "account"
    variables = {
        "cloud": settings.CLOUD_NAME,
        "site": settings.SITE_URL,
        "kind": kind,
        "name": name,
        "operator": quoted(event.initiator, 130),
        "address": event.initiator_address,
        "way": event.get_via_display().lower(),
        "at": times.dated(event.event_time),
        "reason": quoted(event.reason, 300),
        "confirms": quoted(event.resource, 200) if event.resource else "",
        "beyond": marks.BEYOND_LIMIT in event.remark,
        "host": marks.BREAK_GLASS in event.remark,
        "unknown": event.outcome == Event.Outcome.UNKNOWN,
        "event": event.pk,
    }
    return RenderedMail(
        subject=plain(f"{settings.CLOUD_NAME}: {kind} unlocked: {name}", LONGEST_SUBJECT),
        text=render_to_string("alerts/unlock.txt", variables),
        html=render_to_string("alerts/unlock.html", variables),
    )
