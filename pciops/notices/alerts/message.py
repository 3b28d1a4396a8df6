"""The text of an alert, as an email and as the body of a webhook call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.conf import settings
from django.template.loader import render_to_string

from pciops.lib import times
from pciops.lib.addresses import plain
from pciops.notices.digest_content import page_url
from pciops.notices.mail.message import LONGEST_SUBJECT, RenderedMail


class AlertKind(StrEnum):
    """What an alert is about: the `type` of a webhook call."""

    ACCOUNT_LOCKED = "privileged_account_locked"
    MANY_LOCKED = "privileged_accounts_locked"
    STORM = "lockout_storm"
    INTEGRITY = "integrity_check_failed"
    CONSUMER = "consumer_stopped"
    JOB = "job_overdue"
    SCHEDULE = "schedule_stopped"
    UNLOCKED = "privileged_unlock"


class AlertStatus(StrEnum):
    """The part of an alert's life that a message tells of."""

    FIRING = "firing"
    RESOLVED = "resolved"
    EVENT = "event"  # something that happened and does not last


class Severity(StrEnum):
    """How urgent it is, in the words of PagerDuty."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, kw_only=True)
class Section:
    """Some lines of an alert, below a title unless that is ""."""

    title: str = ""
    lines: list[str]


@dataclass(frozen=True, kw_only=True)
class AlertText:
    """What operators have to know.

    Attributes:
        summary: one line. Text of others in it, and in the sections, is `quoted` or `defanged`.
        path: of the page to look at, which has the newest state.
        facts: for machines, with names as they are.
        expected_end: when the condition ends by itself, if it does.
    """

    summary: str
    sections: list[Section]
    path: str
    severity: Severity = Severity.CRITICAL
    facts: Mapping[str, Any] = field(default_factory=dict)
    expected_end: datetime | None = None


def body_of(
    text: AlertText,
    *,
    kind: AlertKind,
    alert_id: UUID | str,
    subject: str,
    status: AlertStatus,
    began_at: datetime,
) -> dict[str, Any]:
    """Return the body of a webhook call; `formats` makes those of other receivers of it."""
    return {
        "type": kind,
        "id": str(alert_id),
        "status": status,
        "severity": text.severity,
        "cloud": settings.CLOUD_NAME,
        "url": page_url(text.path) or None,
        "subject": subject,
        "summary": text.summary,
        "description": "\n".join(_lines(text)),
        "began_at": times.iso(began_at),
        "expected_end": times.iso(text.expected_end),
        "ended_at": None,
        **text.facts,
    }


def _lines(text: AlertText) -> list[str]:
    lines: list[str] = []
    for section in text.sections:
        lines += [f"{section.title}:"] if section.title else []
        lines += section.lines
    return lines


def mail_of(
    body: Mapping[str, Any], sections: list[Section], *, status: AlertStatus, began_at: datetime
) -> RenderedMail:
    """Return the email of an alert.

    Args:
        body: of its webhook call, for the summary and the URL.
    """
    variables = {
        "cloud": settings.CLOUD_NAME,
        "url": body["url"],
        "summary": body["summary"],
        "began": times.dated(began_at),
        "sections": sections,
        "status": status.value,
        "tone": _tone(body, status),
        "contact": settings.HELP_CONTACT,
    }
    resolved = "resolved: " if status is AlertStatus.RESOLVED else ""
    day = times.day(began_at.astimezone(UTC).date())
    subject = f"{settings.CLOUD_NAME}: {resolved}{body['summary']}, {day}"
    return RenderedMail(
        subject=plain(subject, LONGEST_SUBJECT),
        text=render_to_string("alerts/alert.txt", variables),
        html=render_to_string("alerts/alert.html", variables),
    )


def _tone(body: Mapping[str, Any], status: AlertStatus) -> str:
    """Return the color of the email's head."""
    if status is AlertStatus.RESOLVED:
        return "good"
    if body["type"] == AlertKind.STORM:
        return "attack"
    return "bad" if body["severity"] == Severity.CRITICAL else "soon"
