"""Reports over the API: the list of weeks, and a report in each of its forms."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.utils import timezone

from pciops.api.auth import ApiRequest, endpoint, initiator
from pciops.api.errors import ApiError
from pciops.api.paging import limit
from pciops.audit.services import AuditLogError
from pciops.lib import times
from pciops.reports import lookup
from pciops.reports.archive import store
from pciops.reports.lookup import AskedError, NoReportError
from pciops.reports.models import StoredReport
from pciops.reports.render import download


@endpoint("GET")
def reports(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/reports?domain_id=&limit=`."""
    most = limit(request)
    found = store.listed(_whose(request), limit=most)
    return JsonResponse(
        {
            "reports": [_summary(stored) for stored in found],
            "links": {"self": request.build_absolute_uri(), "next": None},
        }
    )


@endpoint("GET")
def report(request: ApiRequest, week: str) -> StreamingHttpResponse:
    """`GET /api/v1/reports/<week>?format=&revision=&domain_id=`."""
    try:
        form = lookup.form(request.GET.get("format", "json"))
        stored = lookup.stored(
            week,
            _whose(request),
            revision=request.GET.get("revision", ""),
            now=timezone.now(),
        )
    except AskedError as error:
        raise ApiError(400, str(error)) from None
    except NoReportError as error:
        raise ApiError(404, str(error)) from None
    try:
        name = download.recorded(stored, form, initiator=initiator(request), now=timezone.now())
    except AuditLogError as error:
        raise ApiError(503, str(error)) from None
    response = StreamingHttpResponse(download.blocks(stored, form), content_type=form.content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _whose(request: ApiRequest) -> str:
    try:
        return lookup.whose(request.GET.get("domain_id", ""), scope=request.operator.scope)
    except NoReportError as error:
        raise ApiError(404, str(error)) from None


def _summary(stored: StoredReport) -> dict[str, Any]:
    return {
        "week": stored.week,
        "revision": stored.revision,
        "domain_id": stored.domain_id or None,
        "generated_at": times.iso(stored.generated_at),
        "sha256": stored.hash,
        "figures": stored.main,
        "sign_offs": [
            {"by": signed.by, "at": times.iso(signed.at), "remark": signed.remark}
            for signed in stored.sign_offs.all()
        ],
    }
