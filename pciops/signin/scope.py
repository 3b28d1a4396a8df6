"""Change the scope in which one acts: the whole cloud as auditor, say, or a domain."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from pciops.signin import sessions


@require_POST
def change_scope(request: HttpRequest) -> HttpResponse:
    """To the overview, as what one is there. Keystone confirms it at the first act."""
    if not sessions.change_scope(request, request.POST.get("scope") or None):
        messages.warning(request, "You are no operator there. Nothing was changed.")
    return redirect("overview")
