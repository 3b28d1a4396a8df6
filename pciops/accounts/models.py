"""The census: how many accounts were in each state, taken every few minutes and kept."""

from __future__ import annotations

from django.db import models


class Census(models.Model):
    """One count of all accounts of the cloud."""

    counted_at = models.DateTimeField(unique=True)
    milliseconds = models.PositiveIntegerField()  # that the counting took

    def __str__(self) -> str:
        return f"census of {self.counted_at:%Y-%m-%d %H:%M:%S}"


class CensusGap(models.Model):
    """A time in which no census was taken: written by the one that ends it, and never deleted.

    Old censuses are thinned out, and would not show it any more.
    """

    begins = models.DateTimeField(unique=True)
    ends = models.DateTimeField()

    def __str__(self) -> str:
        return f"no census from {self.begins:%Y-%m-%d %H:%M} to {self.ends:%Y-%m-%d %H:%M}"


class CensusCount(models.Model):
    """One number of a census. What is zero has no row."""

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
    """How many accounts a coming UTC day will put into a state; only the newest census has them."""

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
    """An administrator or service account in trouble; only the newest census has them."""

    census = models.ForeignKey(Census, models.CASCADE, related_name="attention")
    domain_id = models.CharField(max_length=64)
    user_id = models.CharField(max_length=64)
    place = models.PositiveIntegerField()  # the most urgent first

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("census", "domain_id", "place"), name="census_attention_order"
            ),
        )

    def __str__(self) -> str:
        return self.user_id
