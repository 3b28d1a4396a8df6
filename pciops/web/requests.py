"""The request of a page that only operators reach."""

from __future__ import annotations

from django.http import HttpRequest

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
