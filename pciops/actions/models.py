"""What we keep of acts beside the trail: exemptions, and several unlocks that are under way."""

from __future__ import annotations

from typing import Final

from django.db import models

from pciops.audit.models import Event, new_id
from pciops.lib.claims import Claimable


class Exemption(models.Model):
    """An `ignore_…` option of an account as somebody here has granted or recorded it.

    Never changed but for its end: what is recorded anew is a new row. Names are those of the time.
    """

    user_id = models.CharField(max_length=64)
    user_name = models.CharField(max_length=255)
    domain_id = models.CharField(max_length=64)
    domain_name = models.CharField(max_length=64)
    option = models.CharField(max_length=64)  # the name that Keystone's API has for it
    owner = models.CharField(max_length=100)
    reason = models.TextField()
    starts_on = models.DateField()
    ends_on = models.DateField()  # the last day, in UTC
    recorded_by = models.CharField(max_length=400)
    event_id = models.CharField(max_length=32)  # the act in the trail
    lifted_at = models.DateTimeField(null=True)  # since then it no longer counts
    lifted_by = models.CharField(max_length=400, blank=True)

    class Meta:
        indexes = (
            models.Index(fields=("user_id", "option"), name="exemption_of_user"),
            models.Index(fields=("lifted_at", "user_id"), name="exemption_open"),
        )

    def __str__(self) -> str:
        return f"{self.user_name}: {self.option} until {self.ends_on}"


class Batch(models.Model):
    """Several unlocks that an operator has ordered: see pciops.actions.batches.

    It says how far they are, and is forgotten after a day. What was done is in the trail.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id)
    operator_id = models.CharField(max_length=64)
    reason = models.TextField()
    identity = models.CharField(max_length=32, choices=Event.Identity.choices)
    query = models.TextField(blank=True)  # of the list that they were selected from
    created_at = models.DateTimeField()
    looked_at = models.DateTimeField()  # when somebody last let it go on
    stopped_at = models.DateTimeField(null=True)
    why = models.TextField(blank=True)  # it was stopped

    def __str__(self) -> str:
        return self.id


class BatchItem(Claimable):
    """One account of a batch: what the operator saw, and what became of it."""

    WAITING: Final = "waiting"
    TRYING: Final = "trying"
    UNCLEAR: Final = "unclear"  # whoever tried it has ended; its row in the trail says how

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="items")
    number = models.PositiveIntegerField()  # its place in the list
    account_id = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    domain_name = models.CharField(max_length=64)
    seen = models.CharField(max_length=64)  # accounts.account.Failures
    outcome = models.CharField(max_length=16, default=WAITING)  # or one of bulk.Outcome
    sentence = models.TextField(blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("batch", "number"), name="batch_item_once"),)

    def __str__(self) -> str:
        return f"{self.name}: {self.outcome}"
