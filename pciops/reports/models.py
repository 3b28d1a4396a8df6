"""Reports as they are kept: what was said is never changed, and only the oldest ever go."""

from __future__ import annotations

import json
import zlib
from typing import Any

from django.db import models


class StoredReport(models.Model):
    """A report: the hashed text of its value, and its place in the chain of its domain.

    Reports of one domain (or of the whole cloud) are a chain of their own, so that whoever gets
    no other reports can verify theirs.
    """

    domain_id = models.CharField(max_length=64, blank=True)  # "": the whole cloud
    domain_name = models.CharField(max_length=255, blank=True)
    week = models.CharField(max_length=8)  # 2026-W47
    revision = models.PositiveIntegerField()
    generated_at = models.DateTimeField()
    figures = models.TextField()  # the main ones, as JSON: a list needs no more
    content = models.BinaryField()  # canonical JSON of the value, packed with zlib

    position = models.PositiveIntegerField()  # in the chain, from 1 on without gaps
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)  # SHA-256 over the canonical JSON

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("domain_id", "week", "revision"), name="reports_revisions"
            ),
            models.UniqueConstraint(fields=("domain_id", "position"), name="reports_positions"),
        )

    def __str__(self) -> str:
        of = f" of {self.domain_name}" if self.domain_id else ""
        return f"report {self.week}{of}, revision {self.revision}"

    @property
    def text(self) -> str:
        """The canonical JSON that was hashed."""
        return zlib.decompress(bytes(self.content)).decode()

    @property
    def main(self) -> list[dict[str, Any]]:
        """The main figures: key, label, number and finding of each."""
        found: list[dict[str, Any]] = json.loads(self.figures)
        return found


class Rows(models.Model):
    """Some rows of a report's table, packed: lines of canonical JSON."""

    report = models.ForeignKey(StoredReport, models.CASCADE, related_name="rows")
    table = models.CharField(max_length=64)
    number = models.PositiveIntegerField()  # of the chunk, from 0 on
    count = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("report", "table", "number"), name="reports_rows_once"),
        )

    def __str__(self) -> str:
        return f"{self.table} {self.number}"


class SignOff(models.Model):
    """Somebody has read the report and says so (PCI DSS 7.2.4)."""

    report = models.ForeignKey(StoredReport, models.CASCADE, related_name="sign_offs")
    at = models.DateTimeField()
    by = models.CharField(max_length=400)  # as a person reads it
    by_id = models.CharField(max_length=64)
    remark = models.TextField(blank=True)
    event_id = models.CharField(max_length=32)  # the row of the trail

    def __str__(self) -> str:
        return f"{self.by} on {self.at:%Y-%m-%d}"


class ReportStub(models.Model):
    """What takes the place of reports that were pruned, with a signature of ours."""

    domain_id = models.CharField(max_length=64, blank=True)
    first_position = models.PositiveIntegerField()
    last_position = models.PositiveIntegerField()
    last_hash = models.CharField(max_length=64)
    count = models.PositiveIntegerField()
    pruned_at = models.DateTimeField()
    signature = models.CharField(max_length=64)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("domain_id", "last_position"), name="reports_stubs"),
        )

    def __str__(self) -> str:
        return f"{self.first_position} to {self.last_position}"


class Trouble(models.Model):
    """A report that is due and could not be built; gone once it is."""

    domain_id = models.CharField(max_length=64, blank=True)
    week = models.CharField(max_length=8)
    since = models.DateTimeField()
    at = models.DateTimeField()  # of the last try
    problem = models.TextField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("domain_id", "week"), name="reports_trouble_once"),
        )

    def __str__(self) -> str:
        return f"{self.week}: {self.problem}"
