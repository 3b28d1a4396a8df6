"""Requests of pages that only operators reach."""

from __future__ import annotations

from django.http import HttpRequest

from pciops.audit.services import Initiator
from pciops.signin import audit
from pciops.signin.models import Operator


class OperatorRequest(HttpRequest):
    """A request after LoginRequiredMiddleware, with an operator who has rights."""

    user: Operator


def initiator(request: OperatorRequest) -> Initiator:
    """Return the operator of a page, for the audit log."""
    return audit.initiator(request, request.user)
