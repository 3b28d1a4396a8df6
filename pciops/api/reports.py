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
from pciops.reports.lookup import ParameterError, ReportNotFoundError
from pciops.reports.models import StoredReport
from pciops.reports.render.formats import download


@endpoint("GET")
def reports(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/reports?domain_id=&limit=`."""
    most = limit(request)
    listed = store.listed(_domain_id(request), limit=most)
    return JsonResponse(
        {
            "reports": [_summary(stored) for stored in listed],
            "links": {"self": request.build_absolute_uri(), "next": None},
        }
    )


@endpoint("GET")
def report(request: ApiRequest, week: str) -> StreamingHttpResponse:
    """`GET /api/v1/reports/<week>?format=&revision=&domain_id=`."""
    try:
        format_ = lookup.format_of(request.GET.get("format", "json"))
        stored = lookup.find(
            week,
            _domain_id(request),
            revision=request.GET.get("revision", ""),
            now=timezone.now(),
        )
    except ParameterError as error:
        raise ApiError(400, str(error)) from None
    except ReportNotFoundError as error:
        raise ApiError(404, str(error)) from None
    try:
        return download(stored, format_, initiator=initiator(request), now=timezone.now())
    except AuditLogError as error:
        raise ApiError(503, str(error)) from None


def _domain_id(request: ApiRequest) -> str:
    try:
        return lookup.domain_of(request.GET.get("domain_id", ""), scope=request.operator.scope)
    except ReportNotFoundError as error:
        raise ApiError(404, str(error)) from None


def _summary(stored: StoredReport) -> dict[str, Any]:
    return {
        "week": stored.week,
        "revision": stored.revision,
        "domain_id": stored.domain_id or None,
        "generated_at": times.iso(stored.generated_at),
        "sha256": stored.hash,
        "figures": stored.main_figures,
        "sign_offs": [
            {"by": signed.by, "at": times.iso(signed.at), "remark": signed.remark}
            for signed in stored.sign_offs.all()
        ],
    }
