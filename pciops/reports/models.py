"""Reports as they are stored: their content never changes, and only the oldest are deleted."""

from __future__ import annotations

import json
import zlib
from typing import Any, ClassVar

from django.db import models


class StoredReport(models.Model):
    """A report: the text of its value, whose hash the audit log has."""

    domain_id = models.CharField(max_length=64, blank=True)  # "": the whole cloud
    domain_name = models.CharField(max_length=255, blank=True)
    week = models.CharField(max_length=8)  # 2026-W47
    revision = models.PositiveIntegerField()
    generated_at = models.DateTimeField()
    figures = models.TextField()  # the main ones, as JSON: a list of reports needs no more
    content = models.BinaryField()  # canonical JSON of the value, compressed with zlib
    hash = models.CharField(max_length=64)  # SHA-256 of the canonical JSON

    MAY_UPDATE: ClassVar[tuple[str, ...]] = ()  # by the run-time login: see keystone.grants

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("domain_id", "week", "revision"), name="reports_revisions"
            ),
        )

    def __str__(self) -> str:
        of = f" of {self.domain_name}" if self.domain_id else ""
        return f"report {self.week}{of}, revision {self.revision}"

    @property
    def text(self) -> str:
        """The canonical JSON that was hashed."""
        return zlib.decompress(bytes(self.content)).decode()

    @property
    def main_figures(self) -> list[dict[str, Any]]:
        """The main figures: key, label, number, and whether it is an exception."""
        return [
            {**figure, "finding": bool(figure["finding"] and figure["number"])}
            for figure in json.loads(self.figures)
        ]


class RowChunk(models.Model):
    """Some rows of a report's table: lines of canonical JSON, compressed with zlib."""

    report = models.ForeignKey(StoredReport, models.CASCADE, related_name="rows")
    table = models.CharField(max_length=64)
    number = models.PositiveIntegerField()  # of the chunk, from 0 on
    count = models.PositiveIntegerField()
    data = models.BinaryField()

    MAY_UPDATE: ClassVar[tuple[str, ...]] = ()  # by the run-time login: see keystone.grants

    class Meta:
        db_table = "reports_rows"
        constraints = (
            models.UniqueConstraint(fields=("report", "table", "number"), name="reports_rows_once"),
        )

    def __str__(self) -> str:
        return f"{self.table} {self.number}"


class SignOff(models.Model):
    """An operator's acknowledgement of a report (PCI DSS 7.2.4)."""

    report = models.ForeignKey(StoredReport, models.CASCADE, related_name="sign_offs")
    at = models.DateTimeField()
    by = models.CharField(max_length=400)  # for display
    by_id = models.CharField(max_length=64)
    remark = models.TextField(blank=True)
    event_id = models.CharField(max_length=32)  # the row of the audit log
    # Whether the operator had a role of PCIOPS_MANAGEMENT_ROLES; None: signed before that was kept.
    as_management = models.BooleanField(null=True)

    MAY_UPDATE: ClassVar[tuple[str, ...]] = ()  # by the run-time login: see keystone.grants

    def __str__(self) -> str:
        return f"{self.by} on {self.at:%Y-%m-%d}"


class BuildFailure(models.Model):
    """A report that is due and could not be built; deleted once it is."""

    domain_id = models.CharField(max_length=64, blank=True)
    week = models.CharField(max_length=8)
    since = models.DateTimeField()
    at = models.DateTimeField()  # of the last attempt
    problem = models.TextField()

    class Meta:
        db_table = "reports_trouble"
        constraints = (
            models.UniqueConstraint(fields=("domain_id", "week"), name="reports_trouble_once"),
        )

    def __str__(self) -> str:
        return f"{self.week}: {self.problem}"
