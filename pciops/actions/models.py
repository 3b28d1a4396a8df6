"""Exemptions that were recorded, and batches of unlocks that are under way."""

from __future__ import annotations

from typing import Final

from django.db import models

from pciops.audit.models import Event, new_id
from pciops.lib import times
from pciops.lib.claims import Claimable


class Exemption(models.Model):
    """An `ignore_…` option of an account, as an operator has granted or recorded it.

    Only its end changes: an option that is recorded again is a new row. Names are those of then.
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
    event_id = models.CharField(max_length=32)  # in the audit log
    lifted_at = models.DateTimeField(null=True)  # from then on it does not count
    lifted_by = models.CharField(max_length=400, blank=True)

    class Meta:
        indexes = (
            models.Index(fields=("user_id", "option"), name="exemption_of_user"),
            models.Index(fields=("lifted_at", "user_id"), name="exemption_open"),
        )

    def __str__(self) -> str:
        return f"{self.user_name}: {self.option} until {self.ends_on}"


class Batch(models.Model):
    """Several unlocks that an operator has requested: see pciops.actions.batches.

    It holds their progress for a day. The audit log has the acts themselves.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id)
    operator_id = models.CharField(max_length=64)
    reason = models.TextField()
    identity = models.CharField(max_length=32, choices=Event.Identity.choices)
    beyond_limit = models.BooleanField(default=False)  # the operator has confirmed that
    query = models.TextField(blank=True)  # of the list that the accounts were selected from
    created_at = models.DateTimeField()
    looked_at = models.DateTimeField()  # when the operator last let it continue
    stopped_at = models.DateTimeField(null=True)
    stopped_by_operator = models.BooleanField(default=False)
    why = models.TextField(blank=True)  # it was stopped

    def __str__(self) -> str:
        return self.id


class BatchItem(Claimable):
    """One account of a batch, with its outcome."""

    WAITING: Final = "waiting"
    TRYING: Final = "trying"
    UNCLEAR: Final = "unclear"  # its process has ended; the audit log has the outcome

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="items")
    number = models.PositiveIntegerField()  # its place in the list
    account_id = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    domain_name = models.CharField(max_length=64)
    precondition = models.CharField(max_length=64)  # of the unlock
    outcome = models.CharField(max_length=16, default=WAITING)  # or one of bulk.BulkOutcome
    sentence = models.TextField(blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("batch", "number"), name="batch_item_once"),)

    def __str__(self) -> str:
        return f"{self.name}: {self.outcome}"


class UnlockRequest(models.Model):
    """A request for an unlock beyond the limit: see pciops.actions.four_eyes.

    It is kept for a day. The audit log has both acts: the asking, and the unlock that confirms it.
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_id)
    target_id = models.CharField(max_length=64)
    target_name = models.CharField(max_length=255)
    target_domain_id = models.CharField(max_length=64)
    target_domain_name = models.CharField(max_length=64)
    reason = models.TextField()
    identity = models.CharField(max_length=32, choices=Event.Identity.choices)
    asked_by_id = models.CharField(max_length=64)
    asked_by = models.CharField(max_length=400)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    confirmed_by = models.CharField(max_length=400, blank=True)
    confirming_event_id = models.CharField(max_length=32, blank=True)  # "": it waits

    class Meta:
        indexes = (models.Index(fields=("expires_at",), name="unlock_request_open"),)

    def __str__(self) -> str:
        return f"{self.target_name}, asked by {self.asked_by}"

    @property
    def sentence(self) -> str:
        """The next step, for the operator who asked."""
        until = times.dated(self.expires_at)
        return f"Another operator can confirm the unlock until {until} (request {self.pk})."
