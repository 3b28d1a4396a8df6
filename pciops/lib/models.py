"""State that all processes share: outages of services, runs of jobs, emails to operators."""

from __future__ import annotations

import uuid

from django.db import models

from pciops.lib.post import WHOLE


class ExternalService(models.Model):
    """An external service: when it last answered, and since when it fails."""

    name = models.CharField(primary_key=True, max_length=32)
    answered_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)

    class Meta:
        db_table = "lib_source"

    def __str__(self) -> str:
        return self.name


class JobRun(models.Model):
    """One run of a job: of several processes that are told to do it, one wins the row."""

    job = models.CharField(max_length=64)
    slot = models.DateTimeField()  # the instant that it was due; see jobs.slot
    owner = models.CharField(max_length=32)  # a word of the winner's own
    leased_until = models.DateTimeField()  # then a winner that has not done it is taken for dead
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
