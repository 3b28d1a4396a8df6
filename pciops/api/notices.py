"""Notices to the owners of accounts over the API."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse
from django.utils import timezone

from pciops.api import paging
from pciops.api.auth import ApiRequest, endpoint
from pciops.api.operations import Operation, Parameter
from pciops.api.schemas import INSTANT, NUMBER, TEXT, WORDS, about, named, one_of, or_null, record
from pciops.lib import filters, times
from pciops.notices import selectors
from pciops.notices.models import Notice, NoticeKind, NoticeStatus

USUAL: Final = "waiting"
KIND: Final = one_of(NoticeKind.values)
NOTICE: Final = named(
    "Notice",
    record(
        {
            "id": TEXT,
            "kind": KIND,
            "status": one_of(NoticeStatus.values),
            **dict.fromkeys(("user_id", "user_name", "domain_id", "domain_name"), TEXT),
            "email": about(or_null(TEXT), "The address in Keystone when the notice was planned."),
            "fact_at": about(
                INSTANT, "For example when the password expires, or when the account was locked."
            ),
            "step": about(NUMBER, "Days before the event; 0: after it."),
            "planned_at": INSTANT,
            "attempts": NUMBER,
            "next_attempt_at": or_null(INSTANT),
            "settled_at": or_null(INSTANT),
            "answer": about(or_null(TEXT), "The mail server's reply, or the reason."),
            "message_id": TEXT,
        }
    ),
)


@endpoint(
    GET=Operation(
        summary="List the notices to owners of accounts, the newest first",
        description=f"The lists failed, sent, and canceled go back {selectors.RECENT.days} days.",
        query=(
            Parameter(
                "view", {**one_of(selectors.BY_NAME), "default": USUAL}, "The list of notices."
            ),
            Parameter("kind", KIND, "Only notices of this kind."),
            Parameter("account", WORDS, "Part of the account's name, or its ID."),
            *paging.PAGES,
        ),
        answer=paging.answer("notices", NOTICE),
    )
)
def notices(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/notices`."""
    name = filters.choice(request.GET, "view", selectors.BY_NAME) or USUAL
    page = selectors.page(
        selectors.BY_NAME[name],
        scope=request.operator.scope,
        now=timezone.now(),
        marker=request.GET.get("marker", ""),
        limit=paging.limit(request),
        kind=filters.choice(request.GET, "kind", NoticeKind.values),
        account=filters.text(request.GET, "account"),
    )
    return paging.page(request, "notices", [_notice(each) for each in page.notices], page.next)


def _notice(notice: Notice) -> dict[str, Any]:
    waits = notice.status == NoticeStatus.PLANNED
    return {
        "id": str(notice.pk),
        "kind": notice.kind,
        "status": notice.status,
        "user_id": notice.user_id,
        "user_name": notice.name,
        "domain_id": notice.domain_id,
        "domain_name": notice.domain_name,
        "email": notice.email or None,
        "fact_at": times.iso(notice.fact_at),
        "step": notice.step,
        "planned_at": times.iso(notice.planned_at),
        "attempts": notice.attempts,
        "next_attempt_at": times.iso(notice.next_attempt_at) if waits else None,
        "settled_at": times.iso(notice.settled_at),
        "answer": notice.answer or None,
        "message_id": notice.message_id,
    }
