"""Takes reports that are old enough off the beginning of their chain, and leaves a signed stub."""

from __future__ import annotations

import logging
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Min

from pciops.audit import chain as trail
from pciops.audit.models import Event
from pciops.audit.services import PCIOPS, record
from pciops.lib import times
from pciops.reports.archive import chain
from pciops.reports.models import ReportStub, Rows, SignOff, StoredReport

log = logging.getLogger(__name__)


def prune(now: datetime) -> list[ReportStub]:
    """Delete what is older than `PCIOPS_REPORT_MONTHS`, chain by chain.

    A chain that does not fit is left alone, and said in the log: what shows a forgery stays.

    Raises:
        AuditLogError: nothing of that chain is pruned.
    """
    oldest = times.months_before(now, settings.REPORT_MONTHS)
    old = StoredReport.objects.filter(generated_at__lt=oldest)
    domains = sorted(set(old.values_list("domain_id", flat=True)))
    found = [_prune(domain_id, oldest, now) for domain_id in domains]
    return [stub for stub in found if stub is not None]


@transaction.atomic
def _prune(domain_id: str, oldest: datetime, now: datetime) -> ReportStub | None:
    trail.locked_head()  # nobody appends meanwhile
    rows = StoredReport.objects.filter(domain_id=domain_id)
    kept = rows.filter(generated_at__gte=oldest).aggregate(first=Min("position"))["first"]
    doomed = rows.filter(generated_at__lt=oldest).order_by("-position").defer("content")
    if kept is not None:
        doomed = doomed.filter(position__lt=kept)
    last, count = doomed.first(), doomed.count()
    if last is None:
        return None
    check = chain.verify_chain(domain_id, until=last.position)
    if check.problem:
        log.error("reports are not pruned, for they do not fit: %s", check.problem)
        return None
    stub = ReportStub(
        domain_id=domain_id,
        first_position=last.position - count + 1,
        last_position=last.position,
        last_hash=last.hash,
        count=count,
        pruned_at=now,
    )
    stub.signature = chain.sign(stub)
    stub.save()  # before the rows go: the database's own trigger asks for it
    for part in (Rows, SignOff):
        part.objects.filter(report__in=doomed.values("pk")).delete()
    StoredReport.objects.filter(domain_id=domain_id, position__lte=last.position).delete()
    record(
        Event.Action.PRUNE,
        Event.Outcome.SUCCESS,
        initiator=PCIOPS,
        resource=f"reports{f' of {last.domain_name}' if domain_id else ''}",
        remark=(
            f"reports {stub.first_position} to {stub.last_position}, the last {stub.last_hash}"
        ),
        now=now,
    )
    return stub
