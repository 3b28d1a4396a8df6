"""Requests of pages that only operators reach, and what the audit log keeps of them."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest

from pciops.audit import services
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.signin import audit
from pciops.signin.models import Operator


class OperatorRequest(HttpRequest):
    """A request after LoginRequiredMiddleware, with an operator who has rights."""

    user: Operator


def initiator(request: OperatorRequest) -> Initiator:
    """Return the operator of a page, for the audit log."""
    return audit.initiator(request, request.user)


def recorded_export(request: OperatorRequest, name: str, now: datetime) -> None:
    """Write an export into the audit log, before the first line of the file is sent.

    Raises:
        AuditLogError: then there is no file.
    """
    filters = request.GET.copy()
    filters.pop("format", None)
    services.record(
        Event.Action.EXPORT,
        Event.Outcome.SUCCESS,
        initiator=initiator(request),
        resource=name,
        remark=filters.urlencode(),
        now=now,
    )
