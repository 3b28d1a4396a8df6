"""Since when something that we depend on has not answered."""

from __future__ import annotations

from django.db import models


class Source(models.Model):
    """A service outside, as the processes of pciops saw it last."""

    name = models.CharField(primary_key=True, max_length=32)
    answered_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
