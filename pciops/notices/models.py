"""Notices: mails that are owed to the owners of accounts, and what became of each."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django.db import models

from pciops.lib.post import WHOLE


class Moment(NamedTuple):
    """A line of a notice's history."""

    at: datetime
    what: str
    words: str


class Notice(models.Model):
    """One mail to one person about one fact.

    The fact is an instant: when the password expires, when inactivity begins, when the account was
    locked or unlocked. A changed password makes a new fact. For each fact and step there is one
    notice, so planning again adds nothing.
    """

    class Kind(models.TextChoices):
        """Also the name of its folder below `templates/notices/`, and in settings."""

        PASSWORD_EXPIRING = "password_expiring", "Password expires soon"
        PASSWORD_EXPIRED = "password_expired", "Password has expired"
        INACTIVITY = "inactivity", "Inactive soon"
        LOCKED = "locked", "Account was locked"
        UNLOCKED = "unlocked", "Account was unlocked"

    class Status(models.TextChoices):
        PLANNED = "planned", "Waiting to be sent"
        CLAIMED = "claimed", "Being sent"
        SENT = "sent", "Sent"
        REFUSED = "refused", "Refused by the mail server"
        GIVEN_UP = "given_up", "Given up after a day"
        CANCELLED = "cancelled", "Cancelled: no longer true"
        NO_ADDRESS = "no_address", "No mail address"
        BAD_ADDRESS = "bad_address", "Broken mail address"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    fact_at = models.DateTimeField()
    step = models.PositiveSmallIntegerField(default=0)  # days ahead; 0 where it comes after
    # What was true when it was planned. Of the texts none is ours.
    user_id = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    domain_id = models.CharField(max_length=64)
    domain_name = models.CharField(max_length=64)
    email = models.TextField(blank=True)  # as Keystone has it; `pciops.lib.addresses` judges it
    failures = models.PositiveIntegerField(default=0)  # that have locked the account
    planned_at = models.DateTimeField()
    good_until = models.DateTimeField()  # later than this it would tell nobody anything

    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PLANNED)
    message_id = models.CharField(max_length=255)
    attempts = models.PositiveIntegerField(default=0)
    first_attempt_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)  # then who claimed it is taken for dead
    claimed_by = models.CharField(max_length=32, blank=True)  # a word of the claimer's own
    settled_at = models.DateTimeField(null=True)  # sent, refused, given up or cancelled
    answer = models.CharField(max_length=WHOLE, blank=True)  # the server's words, or why not

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
    def history(self) -> Iterator[Moment]:
        """What happened to it, from the beginning.

        The beginning and the end are its own columns, and only what lies between has rows: of
        100,000 notices most are planned and sent, and nothing else.
        """
        yield Moment(self.planned_at, "Planned", "")
        for event in sorted(self.events.all(), key=lambda event: (event.at, event.pk)):
            yield Moment(event.at, event.what, event.words)
        if self.settled_at is not None:
            yield Moment(self.settled_at, self.get_status_display(), self.answer)


class NoticeEvent(models.Model):
    """What happened to a notice between its planning and its end."""

    notice = models.ForeignKey(Notice, models.CASCADE, related_name="events")
    at = models.DateTimeField()
    what = models.CharField(max_length=64)
    words = models.CharField(max_length=WHOLE, blank=True)  # of the server

    def __str__(self) -> str:
        return f"{self.what}: {self.words}"


class NoticeForecast(models.Model):
    """How many notices of a kind a coming UTC day will bring in a domain, as counted last."""

    domain_id = models.CharField(max_length=64)
    day = models.DateField()
    kind = models.CharField(max_length=20, choices=Notice.Kind.choices)
    number = models.PositiveIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("domain_id", "day", "kind"), name="notices_forecast_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.number} {self.kind} on {self.day}"


class DailyDigest(models.Model):
    """A digest that was written: for each day and scope there is one, so writing again adds none.

    What became of its mails is in the outbox: lib.models.OwedMail, by `about`.
    """

    day = models.DateField()  # in the site's zone
    domain_id = models.CharField(max_length=64, blank=True)  # "": the whole cloud
    domain_name = models.CharField(max_length=64, blank=True)
    written_at = models.DateTimeField()  # the next one begins here
    subject = models.CharField(max_length=255)
    empty = models.BooleanField()
    mails = models.PositiveIntegerField()  # 0 where an empty one goes to nobody

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("day", "domain_id"), name="daily_digests_once"),
        )

    def __str__(self) -> str:
        return self.about

    @property
    def about(self) -> str:
        return f"digest {self.day.isoformat()}"
