"""The request of a page that only operators reach."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest

from pciops.audit import services
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.signin import address
from pciops.signin.models import Operator


class OperatorRequest(HttpRequest):
    """A request after LoginRequiredMiddleware: somebody is signed in, and has rights."""

    user: Operator


def initiator(request: OperatorRequest) -> Initiator:
    """Who acts through this page, for the trail."""
    return request.user.initiator(
        via=Event.Via.PAGE,
        address=address.source(request),
        agent=request.headers.get("User-Agent", ""),
    )


def recorded_export(request: OperatorRequest, name: str, now: datetime) -> None:
    """Write into the trail, before the first line leaves, that a file of this name was asked for.

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
