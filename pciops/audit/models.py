"""The trail: a row an act, in CADF's words (DMTF DSP0262), with the fields of PCI DSS 10.2.2."""

from __future__ import annotations

import uuid

from django.db import models


def new_id() -> str:
    """An id for an act, as Keystone writes ids: 32 hexadecimal digits."""
    return uuid.uuid4().hex


class Event(models.Model):
    """An act tried or done. Written as `pending` before it, settled once after it, never again."""

    class Action(models.TextChoices):
        UNLOCK = "unlock", "Unlocked"

    class Outcome(models.TextChoices):
        PENDING = "pending", "Pending"
        SUCCESS = "success", "Success"
        FAILURE = "failure", "Failure"
        UNKNOWN = "unknown", "Unknown"

    class Via(models.TextChoices):
        PAGE = "page", "Web page"
        API = "api", "API"
        COMMAND = "command", "Command line"

    class InitiatorType(models.TextChoices):
        KEYSTONE = "keystone", "Keystone user"
        OS = "os", "Operating-system user"

    class Identity(models.TextChoices):
        """How the identity of the person was confirmed before an early unlock (PCI DSS 8.3.4)."""

        CALLBACK = "callback", "Called back on a number on file"
        IN_PERSON = "in_person", "In person"
        MANAGER = "manager", "Confirmed by their manager"
        TICKET = "ticket", "Ticket from an authenticated channel"
        SERVICE_ACCOUNT = "service_account", "Not applicable: service account"
        HOST = "host", "Has the pciops host (command line)"

        @classmethod
        def for_operators(cls) -> list[tuple[str, str]]:
            """The choices of form and API: all but the one that only the command line can know."""
            return [(item.value, item.label) for item in cls if item is not cls.HOST]

    id = models.CharField(primary_key=True, max_length=32, default=new_id)
    event_time = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)
    observer = models.CharField(max_length=255)
    action = models.CharField(max_length=32, choices=Action.choices)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.PENDING)

    initiator_type = models.CharField(max_length=8, choices=InitiatorType.choices)
    initiator_id = models.CharField(max_length=64)
    initiator_name = models.CharField(max_length=255)
    initiator_domain_id = models.CharField(max_length=64, blank=True)
    initiator_domain_name = models.CharField(max_length=64, blank=True)
    initiator_address = models.CharField(max_length=45, blank=True)
    initiator_agent = models.CharField(max_length=255, blank=True)
    via = models.CharField(max_length=8, choices=Via.choices)

    target_id = models.CharField(max_length=64)
    target_name = models.CharField(max_length=255)
    target_domain_id = models.CharField(max_length=64)
    target_domain_name = models.CharField(max_length=64)

    reason = models.TextField()
    identity = models.CharField(max_length=32, choices=Identity.choices)
    # The failures that the doer saw (accounts.account.Failures): they tell which lock was meant.
    seen = models.CharField(max_length=64)
    # Why it ended so, where that is not plain.
    remark = models.TextField(blank=True)

    class Meta:
        indexes = (models.Index(fields=("target_id", "event_time"), name="event_of_target"),)

    def __str__(self) -> str:
        return f"{self.action} {self.target_name} {self.outcome}"

    @property
    def initiator(self) -> str:
        """The doer as a person reads it."""
        if self.initiator_type == self.InitiatorType.OS:
            return f"{self.initiator_name} (on {self.observer})"
        return f"{self.initiator_name} ({self.initiator_domain_name})"
