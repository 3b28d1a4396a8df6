"""A report that is kept, given away as a file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from pciops.audit import services
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.reports.archive import store
from pciops.reports.models import StoredReport
from pciops.reports.render.formats import Format, file_name


def blocks(stored: StoredReport, form: Format) -> Iterator[bytes]:
    """The report in this form, block by block; what fails in the midst does not end cleanly."""
    made = form.stream(
        store.report(stored),
        partial(store.rows, stored),
        sha256=stored.hash,
        signoffs=list(stored.sign_offs.order_by("at")),
    )
    for block in made:
        if block:
            yield block.encode() if isinstance(block, str) else block


def recorded(stored: StoredReport, form: Format, *, initiator: Initiator, now: datetime) -> str:
    """Write into the trail, before anything leaves, that the file was asked for; its name.

    Raises:
        AuditLogError: then there is no file.
    """
    name = file_name(stored, form)
    services.record(
        Event.Action.REPORT,
        Event.Outcome.SUCCESS,
        initiator=initiator,
        resource=name,
        remark=f"SHA-256 {stored.hash}",
        now=now,
    )
    return name
