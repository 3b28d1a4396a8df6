"""Alerts about lockout storms and unlocks: emails, and of storms a call of the site's webhook."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.template.loader import render_to_string

from pciops.accounts.privileged import AccountKind
from pciops.events.models import Storm, StormAccount
from pciops.events.storms.summary import StormSummary, summarize
from pciops.lib import times
from pciops.lib.addresses import defanged, plain, quoted
from pciops.notices import unlock_alerts, webhook
from pciops.notices.mail import operator_mail, queue
from pciops.notices.mail.message import LONGEST_SUBJECT, RenderedMail
from pciops.notices.mail.queue import Clock, SendResult
from pciops.notices.models import OperatorMail, WebhookCall

DAY: Final = timedelta(days=1)  # how long a storm is worth an alert, and an alert is attempted


def raise_alerts(now: datetime) -> None:
    """Queue the alerts of storms and unlocks that have none yet.

    Raises:
        KeystoneDatabaseDownError: the alerts about unlocks come later.
    """
    for storm in Storm.objects.filter(last_at__gt=now - DAY):
        _alert(storm, now)
    unlock_alerts.raise_alerts(now)


def call_due(*, clock: Clock) -> SendResult:
    """Make the calls that are due."""
    result = SendResult()
    while batch := queue.claim(WebhookCall, clock()):
        queue.deliver_batch(
            batch,
            lambda call: webhook.post(call.body, delivery=call.pk, now=clock()),
            result,
            clock=clock,
        )
    return result


def body(summary: StormSummary) -> dict[str, Any]:
    """Return the body of the call."""
    storm = summary.storm
    return {
        "type": "lockout_storm",
        "id": storm.pk,
        "cloud": settings.CLOUD_NAME,
        "url": settings.SITE_URL or None,
        "summary": summary.headline,
        "began_at": times.iso(storm.began_at),
        "accounts_locked": summary.locked,
        "accounts_tried": storm.accounts,
        "unknown_names_tried": storm.names,
        "tries": storm.tries,
        "administrators_and_service_accounts": [_account(row) for row in summary.first],
        "other_accounts": [_account(row) for row in summary.others],
        "block": summary.block,
        "sources": [
            {
                "reported_address": source["address"],
                "accounts": source["accounts"],
                "unknown_names": source["names"],
                "tries": source["tries"],
                "probably_a_proxy": source["shared"],
            }
            for source in summary.sources
        ],
    }


def _alert(storm: Storm, now: datetime) -> None:
    about = f"storm {storm.pk}"
    queued = set(OperatorMail.objects.filter(about=about).values_list("to", flat=True))
    recipients = [to for to in settings.ALERT_RECIPIENTS if to not in queued]
    call = bool(settings.ALERT_WEBHOOK_URL) and not WebhookCall.objects.filter(storm=storm).exists()
    if not recipients and not call:
        return
    summary = summarize(storm)
    mail = _render(summary)
    for to in recipients:
        operator_mail.put(mail, about=about, to=to, now=now, good_for=DAY)
    if call:
        WebhookCall.objects.get_or_create(
            storm=storm,
            defaults={
                "body": json.dumps(body(summary), ensure_ascii=False),
                "raised_at": now,
                "next_attempt_at": now,
                "give_up_at": now + DAY,
            },
        )


def _account(row: StormAccount) -> dict[str, Any]:
    return {
        "id": row.user_id,
        "name": row.name,
        "domain_id": row.domain_id,
        "domain_name": row.domain_name,
        "kinds": row.kinds.split(),
        "locked_at": times.iso(row.locked_at),
    }


def _render(summary: StormSummary) -> RenderedMail:
    variables = {
        "cloud": settings.CLOUD_NAME,
        "site": settings.SITE_URL,
        "summary": summary,
        "began": times.dated(summary.storm.began_at),
        "first": [_line(row) for row in summary.first],
        "others": [_line(row) for row in summary.others],
        "sources": [{**one, "words": defanged(one["words"])} for one in summary.sources],
    }
    return RenderedMail(
        subject=plain(f"{settings.CLOUD_NAME}: {summary.headline}", LONGEST_SUBJECT),
        text=render_to_string("alerts/storm.txt", variables),
        html=render_to_string("alerts/storm.html", variables),
    )


def _line(row: StormAccount) -> str:
    labels = [AccountKind(kind).label.lower() for kind in row.kinds.split()]
    kinds = f", {', '.join(labels)}" if labels else ""
    return f"{quoted(row.name)} ({quoted(row.domain_name)}){kinds}"
