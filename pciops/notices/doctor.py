"""Checks of email: the server, the recipients of digests and alerts, and the webhooks."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from pciops.accounts import selectors
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import times
from pciops.lib.doctor import TIMEOUT, CheckResult, check, ok, problem, warning
from pciops.lib.numbers import counted
from pciops.notices import rules, webhook
from pciops.notices.alerts import operation
from pciops.notices.alerts.lifecycle import DAY
from pciops.notices.models import FAILED, DeliveryStatus, OperatorMail, WebhookCall

SHORTEST_SECRET: Final = 16  # characters of the secret that signs calls of the webhook


@check("mail")
def mail() -> Iterator[CheckResult]:
    """The SMTP server accepts a connection."""
    server = settings.MAIL_SERVER
    if server is None:
        yield warning(
            "No email is sent: no mail server is set. Notices wait.",
            "Set PCIOPS_EMAIL_URL and PCIOPS_MAIL_FROM.",
        )
        return
    if server.folder:
        yield ok(f"Emails are written to files in {server.folder}.")
        return
    try:
        socket.create_connection((server.host, server.port), timeout=TIMEOUT).close()
    except OSError as error:
        yield problem(
            f"{server.host}:{server.port} accepts no connection: {error.strerror or error}.",
            "Notices wait until it does. Check the server, or correct PCIOPS_EMAIL_URL.",
        )
    else:
        yield ok(f"{server.host}:{server.port} accepts connections.")


@check("digest")
def digest() -> Iterator[CheckResult]:
    """The digest has a recipient, and contacts are of domains that exist."""
    if settings.MAIL_SERVER is not None:
        if settings.DIGEST_RECIPIENTS:
            number = counted(len(settings.DIGEST_RECIPIENTS), "address", "addresses")
            yield ok(f"The cloud's digest goes to {number}.")
        else:
            yield warning(
                "The cloud's daily digest has no recipients.",
                "Set PCIOPS_DIGEST_RECIPIENTS to the addresses of the cloud's operators.",
            )
    try:
        unknown = rules.current().unknown(selectors.domains(scope=None))
    except KeystoneDatabaseDownError:
        return  # another check says so
    for name in unknown:
        yield warning(
            f"PCIOPS_NOTICE_DOMAINS has [{name}], but Keystone has no such domain.",
            "Correct the name or ID: until then its rules and contacts are not used.",
        )


@check("schedule", after="database")
def schedule() -> Iterator[CheckResult]:
    """Workers run the scheduled jobs."""
    now = timezone.now()
    remedy = "Start the worker and its beat (docs/install.md), or check the broker."
    since, last = operation.stopped_since(now), operation.last_run()
    if last is None:
        yield warning("No job has run yet: pciops sends nothing and finds no locks.", remedy)
    elif since is None:
        yield ok(f"The last job ran {times.span(now - last)} ago.")
    else:
        yield problem(
            f"No job has run since {times.both(since, now)}: pciops sends nothing and finds no"
            " locks.",
            remedy,
        )


@check("alerts")
def alerts() -> Iterator[CheckResult]:
    """Alerts have a recipient, and the webhook accepts calls."""
    url = settings.ALERT_WEBHOOK_URL
    if not url and not settings.ALERT_RECIPIENTS:
        yield warning(
            "Alerts have no recipients: only the pages show locked administrators and possible"
            " attacks.",
            "Set PCIOPS_ALERT_RECIPIENTS or PCIOPS_ALERT_WEBHOOK_URL (docs/alerts.md).",
        )
        return
    if not url:
        yield ok(f"Alerts go to {', '.join(settings.ALERT_RECIPIENTS)}.")
    else:
        yield from _pagerduty()
        calls = WebhookCall.objects.filter(act_position=None)
        signed = settings.ALERT_FORMAT == "pciops"  # no other receiver checks it
        yield from _webhook("PCIOPS_ALERT_WEBHOOK", webhook.of_alerts(), calls, signed=signed)
    yield from _failed_emails()


def _failed_emails() -> Iterator[CheckResult]:
    """Report emails of alerts that the mail server did not take in the last day."""
    mails = OperatorMail.objects.filter(written_at__gt=timezone.now() - DAY)
    about_alerts = Q(about__startswith="alert ") | Q(about__startswith="unlock ")
    last = mails.filter(about_alerts, status__in=FAILED).order_by("written_at").last()
    if last is not None:
        yield problem(
            f"An alert did not reach {last.to} by email: {last.answer}",
            "Check the mail server, or correct PCIOPS_ALERT_RECIPIENTS.",
        )


@check("act webhook")
def act_webhook() -> Iterator[CheckResult]:
    """The webhook for actions accepts calls, if it is set."""
    if settings.ACT_WEBHOOK_URL:
        calls = WebhookCall.objects.exclude(act_position=None)
        yield from _webhook("PCIOPS_ACT_WEBHOOK", webhook.of_acts(), calls)


def _pagerduty() -> Iterator[CheckResult]:
    if settings.ALERT_FORMAT == "pagerduty" and not settings.ALERT_PAGERDUTY_KEY:
        yield problem(
            "PagerDuty refuses every alert: no integration key is set.",
            "Set PCIOPS_ALERT_PAGERDUTY_KEY to the key of a service's Events API v2 integration.",
        )


def _webhook(
    name: str, receiver: webhook.Receiver, calls: QuerySet[WebhookCall], *, signed: bool = True
) -> Iterator[CheckResult]:
    """Check the settings of a webhook, and its last call.

    Args:
        name: the beginning of its settings.
        signed: the other side checks the signature.
    """
    host = urlsplit(receiver.url).hostname
    if signed and not receiver.secret:
        yield problem(
            f"Calls to the webhook at {host} are not signed: any client could forge them.",
            f"Set {name}_SECRET, and check the signature in the receiver (docs/alerts.md).",
        )
    elif signed and len(receiver.secret) < SHORTEST_SECRET:
        yield warning(
            f"The secret that signs calls to {host} is shorter than {SHORTEST_SECRET} characters.",
            f"Set {name}_SECRET to a longer one: openssl rand -hex 32",
        )
    if receiver.url.startswith("http:"):
        yield warning(
            f"The webhook at {host} is called without TLS: the network can read the calls.",
            f"Give {name}_URL an https address.",
        )
    last = calls.order_by("raised_at").last()
    if last is None:
        yield ok(f"The webhook at {host} was not called yet.")
    elif last.status == DeliveryStatus.SENT:
        yield ok(f"The webhook at {host} accepted the last call, at {times.dated(last.raised_at)}.")
    elif last.attempts:
        yield problem(
            f"The webhook at {host} did not accept the last call: {last.answer}",
            f"pciops repeats the call for a day. Check the receiver and {name}_URL.",
        )
