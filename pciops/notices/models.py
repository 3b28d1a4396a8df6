"""Messages that are owed: notices to owners of accounts, emails to operators, webhook calls.

Alerts have rows of their own: of an alert two messages are owed, when it begins and when it ends.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from django.db import models

from pciops.lib.claims import Claimable
from pciops.notices.mail.transport import REPLY_LENGTH


class DeliveryStatus(models.TextChoices):
    PLANNED = "planned", "Waiting to be sent"
    SENT = "sent", "Sent"
    REFUSED = "refused", "Refused by the mail server"
    GIVEN_UP = "given_up", "Given up"


FAILED = (DeliveryStatus.REFUSED, DeliveryStatus.GIVEN_UP)


class QueuedMessage(Claimable):
    """A message that is due until it is sent, refused or given up; see mail.queue."""

    BACK_OFF: ClassVar[tuple[int, ...]] = (
        1,
        5,
        15,
        60,
    )  # minutes after each deferral; then the last of them
    ON_SETTLED: ClassVar[Mapping[str, Any]] = {}  # columns that change when it is settled
    counted_as: str  # its kind in metrics

    status = models.CharField(
        max_length=12, choices=DeliveryStatus.choices, default=DeliveryStatus.PLANNED
    )
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    give_up_at = models.DateTimeField(null=True)  # None: a day after the first attempt
    settled_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=REPLY_LENGTH, blank=True)  # the reply, or the reason

    class Meta:
        abstract = True

    def record_deferral(self, reply: str, now: datetime) -> None:
        """Keep a history of deferrals, in models that have one."""


class NoticeKind(models.TextChoices):
    """The kind of a notice; also its folder below `templates/notices/` and its name in settings."""

    PASSWORD_EXPIRING = "password_expiring", "Password expires soon"
    PASSWORD_EXPIRED = "password_expired", "Password has expired"
    INACTIVITY = "inactivity", "Inactive soon"
    LOCKED = "locked", "Account was locked"
    UNLOCKED = "unlocked", "Account was unlocked"


class NoticeStatus(models.TextChoices):
    """The status of a notice: those of every message, and its own."""

    PLANNED = "planned", "Waiting to be sent"
    SENT = "sent", "Sent"
    REFUSED = "refused", "Refused by the mail server"
    GIVEN_UP = "given_up", "Given up after a day"
    CANCELLED = "cancelled", "Canceled: no longer true"
    NO_ADDRESS = "no_address", "No email address"
    BAD_ADDRESS = "bad_address", "Invalid email address"


class HistoryEntry(NamedTuple):
    """A line of a notice's history."""

    at: datetime
    what: str
    words: str


class Notice(QueuedMessage):
    """One mail to the owner of an account about one fact.

    A fact is a time: when the password expires, when inactivity begins, when the account was
    locked or unlocked. Each fact and step has one notice, so planning again adds nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    kind = models.CharField(max_length=20, choices=NoticeKind.choices)
    fact_at = models.DateTimeField()
    step = models.PositiveSmallIntegerField(default=0)  # days ahead; 0 if it comes after the fact
    # As Keystone had it when the notice was planned. None of the texts is ours.
    user_id = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    domain_id = models.CharField(max_length=64)
    domain_name = models.CharField(max_length=64)
    email = models.TextField(blank=True)  # not validated; see `pciops.lib.addresses`
    failures = models.PositiveIntegerField(default=0)  # that locked the account
    planned_at = models.DateTimeField()
    good_until = models.DateTimeField()  # later than this it is of no use
    message_id = models.CharField(max_length=255)
    status = models.CharField(
        max_length=12, choices=NoticeStatus.choices, default=NoticeStatus.PLANNED
    )
    claimed_at = models.DateTimeField(null=True)  # counts for PCIOPS_NOTICE_RATE

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("user_id", "kind", "fact_at", "step"), name="notices_once"
            ),
        )
        indexes = (
            models.Index(fields=("status", "next_attempt_at"), name="notice_due"),
            models.Index(fields=("claimed_at",), name="notice_claimed"),
            models.Index(fields=("status", "settled_at"), name="notice_settled"),
        )

    def __str__(self) -> str:
        return f"{self.kind} for {self.name} ({self.user_id})"

    @property
    def counted_as(self) -> str:  # type: ignore[override] # read-only here
        """The kind of notice."""
        return self.kind

    @property
    def history(self) -> Iterator[HistoryEntry]:
        """The planning, the events and the end, from the oldest.

        Planning and end are columns of the notice: most notices are planned and sent, and so need
        no other row.
        """
        yield HistoryEntry(self.planned_at, "Planned", "")
        for event in sorted(self.events.all(), key=lambda event: (event.at, event.pk)):
            yield HistoryEntry(event.at, event.what, event.words)
        if self.settled_at is not None:
            yield HistoryEntry(self.settled_at, self.get_status_display(), self.answer)

    def record_deferral(self, reply: str, now: datetime) -> None:
        """Add the deferral to the history."""
        self.events.create(at=now, what="Attempted, will be repeated", words=reply)


class NoticeEvent(models.Model):
    """An event of a notice between its planning and its end."""

    notice = models.ForeignKey(Notice, models.CASCADE, related_name="events")
    at = models.DateTimeField()
    what = models.CharField(max_length=64)
    words = models.CharField(max_length=REPLY_LENGTH, blank=True)  # the server's reply

    def __str__(self) -> str:
        return f"{self.what}: {self.words}"


class NoticeForecast(models.Model):
    """The number of notices of a kind that a coming UTC day brings in a domain, as last counted."""

    domain_id = models.CharField(max_length=64)
    day = models.DateField()
    kind = models.CharField(max_length=20, choices=NoticeKind.choices)
    number = models.PositiveIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("domain_id", "day", "kind"), name="notices_forecast_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.number} {self.kind} on {self.day}"


class OperatorMail(QueuedMessage):
    """One mail to one operator, stored as it is sent: a digest, a report or an alert."""

    ON_SETTLED: ClassVar = {"content": b""}
    counted_as = "operator_email"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    about = models.CharField(max_length=100)  # dedup key, with domain and address
    domain_id = models.CharField(max_length=64, blank=True)  # "": all domains
    to = models.CharField(max_length=254)
    subject = models.CharField(max_length=255)
    message_id = models.CharField(max_length=255)
    content = models.BinaryField()
    written_at = models.DateTimeField()

    class Meta:
        db_table = "lib_owedmail"
        constraints = (
            models.UniqueConstraint(fields=("about", "domain_id", "to"), name="owed_mails_once"),
        )
        indexes = (
            models.Index(fields=("status", "next_attempt_at"), name="owed_mail_due"),
            models.Index(fields=("settled_at",), name="owed_mail_settled"),
        )

    def __str__(self) -> str:
        return f"{self.about} to {self.to}"


class Alert(models.Model):
    """A condition that operators were alerted to, from its begin to its end."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    kind = models.CharField(max_length=32)  # of alerts.message.AlertKind
    subject = models.CharField(max_length=160, blank=True)  # tells conditions of a kind apart
    # Kind and subject while the condition lasts, so that it has one alert; None after its end.
    current = models.CharField(max_length=200, null=True, unique=True)  # noqa: DJ001 (NULLs may repeat)
    body = models.JSONField()  # of its webhook call, as when it began
    began_at = models.DateTimeField()
    raised_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=("resolved_at", "kind"), name="alert_open"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class WebhookCall(QueuedMessage):
    """A call of one of the site's webhooks: about alerts, or about acts."""

    BACK_OFF: ClassVar[tuple[int, ...]] = (1, 2, 5, 15, 60)
    counted_as = "webhook_call"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    about = models.CharField(max_length=100, unique=True)  # dedup key
    # Of a call about an act, its place in the chain of the audit log; None: about an alert.
    act_position = models.BigIntegerField(null=True, unique=True)
    body = models.TextField()  # JSON
    raised_at = models.DateTimeField()

    class Meta:
        db_table = "events_alert"
        indexes = (
            models.Index(fields=("status", "next_attempt_at"), name="alert_due"),
            models.Index(fields=("settled_at",), name="alert_settled"),
        )

    def __str__(self) -> str:
        return f"{self.about}: {self.status}"


class DailyDigest(models.Model):
    """A digest that was written: one for each day and scope."""

    day = models.DateField()  # in the site's zone
    domain_id = models.CharField(max_length=64, blank=True)  # "": the whole cloud
    domain_name = models.CharField(max_length=64, blank=True)
    written_at = models.DateTimeField()  # the next one begins here
    subject = models.CharField(max_length=255)
    empty = models.BooleanField()
    mails = models.PositiveIntegerField()  # 0 if it is empty and so is not sent

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("day", "domain_id"), name="daily_digests_once"),
        )

    def __str__(self) -> str:
        return self.about

    @property
    def about(self) -> str:
        """The `about` of its mails."""
        return f"digest {self.day.isoformat()}"
