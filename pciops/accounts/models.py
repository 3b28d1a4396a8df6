"""The census, stored every few minutes; rare states; machines; the last counts of leftovers."""

from __future__ import annotations

from django.db import models


class Census(models.Model):
    """One count of all accounts of the cloud."""

    counted_at = models.DateTimeField(unique=True)
    milliseconds = models.PositiveIntegerField()  # the duration of the count

    def __str__(self) -> str:
        return f"census of {self.counted_at:%Y-%m-%d %H:%M:%S}"


class CensusGap(models.Model):
    """A time without a census: written by the census that ends it, and never deleted.

    Old censuses are thinned out, so they cannot show it later.
    """

    begins = models.DateTimeField(unique=True)
    ends = models.DateTimeField()

    def __str__(self) -> str:
        return f"no census from {self.begins:%Y-%m-%d %H:%M} to {self.ends:%Y-%m-%d %H:%M}"


class CensusCount(models.Model):
    """One number of a census. A zero has no row."""

    census = models.ForeignKey(Census, models.CASCADE, related_name="counts")
    domain_id = models.CharField(max_length=64, blank=True)  # "": the whole cloud
    state = models.CharField(max_length=32, blank=True)  # "": every account
    kind = models.CharField(max_length=32, blank=True)  # "": of every kind
    number = models.PositiveIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("census", "domain_id", "state", "kind"), name="census_counts_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.number} {self.state or 'accounts'}"


class CensusDay(models.Model):
    """The accounts that a future UTC day will put into a state; only for the newest census."""

    census = models.ForeignKey(Census, models.CASCADE, related_name="days")
    domain_id = models.CharField(max_length=64, blank=True)  # "": the whole cloud
    day = models.DateField()
    state = models.CharField(max_length=32)  # inactive or expired
    number = models.PositiveIntegerField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("census", "domain_id", "day", "state"), name="census_forecasts_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.number} {self.state} on {self.day}"


class CensusAttention(models.Model):
    """A privileged account that needs attention; only for the newest census."""

    census = models.ForeignKey(Census, models.CASCADE, related_name="attention")
    domain_id = models.CharField(max_length=64)
    user_id = models.CharField(max_length=64)
    place = models.PositiveIntegerField()  # 0 is the most urgent

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("census", "domain_id", "place"), name="census_attention_order"
            ),
        )

    def __str__(self) -> str:
        return self.user_id


class RareState(models.Model):
    """The accounts of a state that few are in, found by one scan; see `accounts.rare`."""

    state = models.CharField(primary_key=True, max_length=32)
    scanned_at = models.DateTimeField()
    watermark = models.PositiveBigIntegerField()  # every row up to this id was scanned
    local_ids = models.JSONField(null=True)  # of local_user; None: they are not few

    def __str__(self) -> str:
        return f"{self.state}, scanned at {self.scanned_at:%Y-%m-%d %H:%M:%S}"


class MachineRecord(models.Model):
    """The record of an administrator that a machine uses an account, or that a person does."""

    user_id = models.CharField(primary_key=True, max_length=64)
    is_machine = models.BooleanField()
    event_id = models.CharField(max_length=32)  # in the audit log, with who, when, and why

    def __str__(self) -> str:
        return f"{self.user_id}: {'machine' if self.is_machine else 'person'}"


class LeftoverCount(models.Model):
    """The last count of one kind of leftover in Keystone's tables."""

    name = models.CharField(primary_key=True, max_length=64)
    counted_at = models.DateTimeField()
    milliseconds = models.PositiveIntegerField()  # the duration of the count
    number = models.PositiveBigIntegerField(null=True)  # None: not known
    total = models.PositiveBigIntegerField(null=True)  # of all rows; None: not counted
    reason = models.TextField(blank=True)  # why the number is not known
    remedy = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.number} {self.name}"
