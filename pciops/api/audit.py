"""The trail over the API."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpResponse, JsonResponse
from django.urls import reverse

from pciops.api.auth import ApiRequest, endpoint
from pciops.api.errors import ApiError
from pciops.api.views import event_dict, limit
from pciops.audit import selectors
from pciops.lib.keyset import MarkerError


@endpoint("GET")
def audit(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/audit?action=&outcome=&via=&operator=&account=&from=&to=&limit=&marker=`."""
    try:
        query = selectors.AuditQuery.parse(request.GET)
        page = selectors.page(
            query,
            scope=request.operator.scope,
            marker=request.GET.get("marker", ""),
            limit=limit(request),
        )
    except selectors.FilterError as error:
        raise ApiError(400, str(error)) from None
    except MarkerError:
        raise ApiError(400, "marker: not of this list; take it from links.next.") from None
    this = request.build_absolute_uri(reverse("api-audit"))
    following = {**request.GET.dict(), "marker": page.next}
    return JsonResponse(
        {
            "events": [event_dict(event) for event in page.events],
            "links": {
                "self": request.build_absolute_uri(),
                "next": f"{this}?{urlencode(following)}" if page.next else None,
            },
        }
    )
