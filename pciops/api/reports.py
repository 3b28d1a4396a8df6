"""Reports over the API: the list of weeks, and a report in each of its forms."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.utils import timezone

from pciops.actions.inputs import is_text
from pciops.api.auth import ApiRequest, endpoint, initiator
from pciops.api.errors import ApiError
from pciops.api.operations import Operation, Parameter
from pciops.api.paging import LIMIT, answer, limit
from pciops.api.schemas import (
    FLAG,
    INSTANT,
    NUMBER,
    TEXT,
    WORDS,
    about,
    many,
    named,
    one_of,
    or_null,
    record,
    whole,
)
from pciops.lib import times
from pciops.reports import lookup
from pciops.reports.archive import store
from pciops.reports.lookup import ParameterError, ReportNotFoundError
from pciops.reports.models import StoredReport
from pciops.reports.render.formats import FORMATS, download

DOMAIN: Final = Parameter("domain_id", WORDS, "For this domain; without it, for the entire cloud.")
REVISION: Final = Parameter(
    "revision", whole(0, 99_999), "An older revision; without it, the newest."
)
FIGURE: Final = record({"key": TEXT, "label": TEXT, "number": or_null(NUMBER), "finding": FLAG})
SIGN_OFF: Final = record({"by": TEXT, "at": INSTANT, "remark": TEXT})
SUMMARY: Final = named(
    "Report",
    record(
        {
            "week": TEXT,
            "revision": NUMBER,
            "domain_id": or_null(TEXT),
            "generated_at": INSTANT,
            "sha256": TEXT,
            "figures": many(FIGURE),
            "sign_offs": many(SIGN_OFF),
        }
    ),
)


@endpoint(
    GET=Operation(
        summary="List the weekly compliance reports, the newest week first",
        query=(DOMAIN, LIMIT),
        answer=answer("reports", SUMMARY),
        errors=(404,),
    )
)
def reports(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/reports`."""
    most = limit(request)
    listed = store.listed(_domain_id(request), limit=most)
    return JsonResponse(
        {
            "reports": [_summary(stored) for stored in listed],
            "links": {"self": request.build_absolute_uri(), "next": None},
        }
    )


@endpoint(
    GET=Operation(
        summary="Download the report of a week",
        description="The audit log records each download.",
        query=(
            Parameter("format", {**one_of(FORMATS), "default": "json"}, "The file format."),
            REVISION,
            DOMAIN,
        ),
        answer=about({"type": "object"}, "docs/report.schema.json is its schema."),
        files=tuple(form.content_type for name, form in FORMATS.items() if name != "json"),
        errors=(404,),
    )
)
def report(request: ApiRequest, week: str) -> StreamingHttpResponse:
    """`GET /api/v1/reports/<week>`."""
    try:
        format_ = lookup.format_of(request.GET.get("format", "json"))
    except ParameterError as error:
        raise ApiError(400, str(error)) from None
    stored = _requested(request, week)
    return download(stored, format_, initiator=initiator(request), now=timezone.now())


@endpoint(
    GET=Operation(
        summary="List the sign-offs of a report",
        query=(REVISION, DOMAIN),
        answer=SUMMARY,
        errors=(404,),
    ),
    POST=Operation(
        summary="Sign off a report (PCI DSS 7.2.4)",
        needs="sign_off",
        query=(REVISION, DOMAIN),
        body=record(
            {
                "sha256": about(TEXT, "The hash of the report that you read."),
                "remark": {"type": "string", "maxLength": store.LONGEST_REMARK},
            },
            optional=["remark"],
        ),
        answer=SUMMARY,
        errors=(404, 409),
    ),
)
def sign_off(request: ApiRequest, week: str) -> HttpResponse:
    """`GET` or `POST /api/v1/reports/<week>/sign-off`: the report, with its sign-offs."""
    stored = _requested(request, week)
    if request.method == "POST":
        remark = _remark(request.fields.get("remark"))
        if request.fields.get("sha256") != stored.hash:
            problem = "sha256: this is the hash of another report or revision. Nothing was signed."
            raise ApiError(409, problem)
        store.sign_off(
            stored,
            initiator=initiator(request),
            remark=remark,
            now=timezone.now(),
            as_management=True,  # others may not sign off
        )
    return JsonResponse(_summary(stored))


def _remark(value: object) -> str:
    remark = value.strip() if isinstance(value, str) else value or ""
    if not isinstance(remark, str) or len(remark) > store.LONGEST_REMARK:
        raise ApiError(400, f"remark: send text of at most {store.LONGEST_REMARK} characters.")
    if not is_text(remark, allowed="\t\r\n"):
        raise ApiError(400, "remark: send only text, without control characters.")
    return remark


def _requested(request: ApiRequest, week: str) -> StoredReport:
    domain_id, revision = _domain_id(request), request.GET.get("revision", "")
    try:
        return lookup.find(week, domain_id, revision=revision, now=timezone.now())
    except ParameterError as error:
        raise ApiError(400, str(error)) from None
    except ReportNotFoundError as error:
        raise ApiError(404, str(error)) from None


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
