"""What we keep of acts beside the trail: who answers for which exemption until when."""

from __future__ import annotations

from django.db import models


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
