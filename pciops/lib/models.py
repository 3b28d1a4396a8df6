"""State that all processes share: runs of jobs, services that do not answer, counters."""

from __future__ import annotations

from django.db import models

from pciops.lib.claims import Claimable


class ExternalService(models.Model):
    """An external service: when it last answered, and since when it fails."""

    name = models.CharField(primary_key=True, max_length=32)
    answered_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)

    class Meta:
        db_table = "lib_source"

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


class SharedCounter(models.Model):
    """A counter of pciops.lib.counters."""

    key = models.CharField(primary_key=True, max_length=128)  # its name and the values of labels
    value = models.FloatField()
    added_at = models.DateTimeField()  # of the last addition

    class Meta:
        db_table = "lib_counter"

    def __str__(self) -> str:
        return f"{self.key}: {self.value:g}"
