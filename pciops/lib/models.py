"""What all processes have to agree on: who does a job, and what outside does not answer."""

from __future__ import annotations

from django.db import models


class Source(models.Model):
    """A service outside, as the processes of pciops saw it last."""

    name = models.CharField(primary_key=True, max_length=32)
    answered_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)

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
