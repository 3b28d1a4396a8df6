"""Deletes reports that are older than `PCIOPS_REPORT_MONTHS`, and records that in the audit log."""

from __future__ import annotations

import logging
from datetime import datetime

from django.conf import settings

from pciops.audit.models import Event
from pciops.audit.prune import deleting_evidence
from pciops.audit.services import PCIOPS, record
from pciops.lib import retries, times
from pciops.reports.archive import records, verify
from pciops.reports.models import RowChunk, SignOff, StoredReport

log = logging.getLogger(__name__)


@deleting_evidence()
@retries.repeated
def prune(now: datetime) -> int:
    """Delete the reports that are too old, and return how many.

    A report that fails its verification is kept, with an error in the log: it may show a forgery.

    Raises:
        MayNotPruneError
        AuditLogError: nothing is deleted.
    """
    oldest = times.months_before(now, settings.REPORT_MONTHS)
    audit_records = verify.AuditRecords.read()
    keys = []
    for stored in StoredReport.objects.filter(generated_at__lt=oldest):
        if problem := verify.misfit(stored, audit_records):
            log.error(
                "a report is not pruned, because its verification failed: %s: %s", stored, problem
            )
        else:
            keys.append(stored.pk)
    if not keys:
        return 0
    for model in (RowChunk, SignOff):
        model.objects.filter(report__in=keys).delete()
    StoredReport.objects.filter(pk__in=keys).delete()
    record(
        Event.Action.PRUNE,
        Event.Outcome.SUCCESS,
        initiator=PCIOPS,
        resource=records.PRUNED,
        remark=records.prune_remark(len(keys), oldest),
        now=now,
    )
    return len(keys)
