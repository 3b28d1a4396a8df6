"""What all processes share: who does a job, what outside does not answer, mails that are owed."""

from __future__ import annotations

import uuid

from django.db import models

from pciops.lib.claims import Claimable
from pciops.lib.post import WHOLE


class Source(models.Model):
    """A service outside, as the processes of pciops saw it last."""

    name = models.CharField(primary_key=True, max_length=32)
    answered_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class JobRun(Claimable):
    """A run of a job: the process that claims the row runs it."""

    job = models.CharField(max_length=64)
    slot = models.DateTimeField()  # when it was due; see jobs.slot
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("job", "slot"), name="job_runs_once"),)

    def __str__(self) -> str:
        return f"{self.job} of {self.slot:%Y-%m-%d %H:%M:%S}"


class OwedMail(models.Model):
    """One mail to somebody who runs the cloud, whole as it goes over the wire; see outbox."""

    class Status(models.TextChoices):
        PLANNED = "planned", "Waiting to be sent"
        CLAIMED = "claimed", "Being sent"
        SENT = "sent", "Sent"
        REFUSED = "refused", "Refused by the mail server"
        GIVEN_UP = "given_up", "Given up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    about = models.CharField(max_length=100)  # "digest 2026-11-22": a second one adds nothing
    domain_id = models.CharField(max_length=64, blank=True)  # that it tells of; "": all
    to = models.CharField(max_length=254)
    subject = models.CharField(max_length=255)
    message_id = models.CharField(max_length=255)
    content = models.BinaryField()  # emptied once it has ended
    written_at = models.DateTimeField()
    good_until = models.DateTimeField()  # then it is given up

    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PLANNED)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True)  # then who claimed it is taken for dead
    claimed_by = models.CharField(max_length=32, blank=True)  # a word of the claimer's own
    settled_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=WHOLE, blank=True)  # the server's words, or why not

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("about", "domain_id", "to"), name="owed_mails_once"),
        )
        indexes = (
            models.Index(fields=("status", "next_attempt_at"), name="owed_mail_due"),
            models.Index(fields=("settled_at",), name="owed_mail_settled"),
        )

    def __str__(self) -> str:
        return f"{self.about} to {self.to}"
