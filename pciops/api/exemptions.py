"""The exemption register over the API."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone

from pciops.actions import register
from pciops.actions.register import Status
from pciops.api.auth import ApiRequest, endpoint
from pciops.api.errors import ApiError
from pciops.api.views import limit


@endpoint("GET")
def exemptions(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/exemptions?status=&limit=&marker=`; `limit` counts accounts looked at."""
    status = request.GET.get("status", "")
    if status and status not in Status.values:
        allowed = ", ".join(Status.values)
        raise ApiError(400, f"status: there is no status {status!r}; they are {allowed}.")
    marker = request.GET.get("marker", "")
    if "\0" in marker or len(marker) > 64:
        raise ApiError(400, "marker: not of this list; take it from links.next.")
    found = register.batch(
        scope=request.operator.scope, now=timezone.now(), marker=marker, limit=limit(request)
    )
    this = request.build_absolute_uri(reverse("api-exemptions"))
    following = {**request.GET.dict(), "marker": found.next}
    entries = [entry for entry in found.entries if status in {"", entry.status}]
    return JsonResponse(
        {
            "exemptions": [register.as_dict(entry) for entry in entries],
            "links": {
                "self": request.build_absolute_uri(),
                "next": f"{this}?{urlencode(following)}" if found.next else None,
            },
        }
    )
