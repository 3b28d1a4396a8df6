"""The audit log over the API."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpResponse, JsonResponse
from django.utils import timezone

from pciops.actions.inputs import REASON_MAX, InputError, checked_reason
from pciops.api import paging
from pciops.api.auth import ApiRequest, endpoint, initiator
from pciops.api.errors import ApiError
from pciops.api.operations import Operation, Parameter
from pciops.api.schemas import (
    DAY,
    INSTANT,
    NUMBER,
    TEXT,
    WORDS,
    named,
    one_of,
    or_null,
    record,
    text,
)
from pciops.audit import chain, integrity, selectors, services
from pciops.audit.models import ChainCheck, Event
from pciops.lib import times

EVENT: Final = named(
    "Event",
    record(
        {
            "id": TEXT,
            "event_time": INSTANT,
            "settled_at": or_null(INSTANT),
            "observer": TEXT,
            "initiator": record(
                {
                    "type": one_of(Event.InitiatorType.values),
                    **dict.fromkeys(("id", "name", "domain_id", "domain_name"), TEXT),
                    **dict.fromkeys(("address", "agent", "scope"), TEXT),
                    "via": one_of(Event.Via.values),
                }
            ),
            "action": one_of(Event.Action.values),
            "target": record(dict.fromkeys(("id", "name", "domain_id", "domain_name"), TEXT)),
            "resource": TEXT,
            "outcome": one_of(Event.Outcome.values),
            "reason": TEXT,
            "identity": one_of(["", *Event.Identity.values]),
            "remark": TEXT,
            "position": or_null(NUMBER),
            "previous_hash": TEXT,
            "hash": TEXT,
        }
    ),
)
CHECK: Final = named(
    "IntegrityCheck",
    record(
        {
            "id": NUMBER,
            "checked_at": INSTANT,
            "rows": NUMBER,
            "position": NUMBER,
            "problem": or_null(TEXT),
            "acknowledged_at": or_null(INSTANT),
            "acknowledged_by": or_null(TEXT),
            "acknowledged_reason": or_null(TEXT),
        }
    ),
)


@endpoint(
    GET=Operation(
        summary="List the audit log, the newest row first",
        description="The audit log records each call.",
        query=(
            Parameter("action", one_of(selectors.ACTIONS), "What was done, or a group of actions."),
            Parameter("outcome", one_of(Event.Outcome.values), "The outcome."),
            Parameter("via", one_of(Event.Via.values), "The interface."),
            Parameter("operator", WORDS, "Part of the operator's name, or the operator's ID."),
            Parameter("account", WORDS, "Part of the account's name, or its ID."),
            Parameter("from", DAY, "The first UTC day."),
            Parameter("to", DAY, "The last UTC day."),
            *paging.PAGES,
        ),
        answer=paging.answer("events", EVENT),
    )
)
def audit(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/audit`."""
    query, scope = selectors.AuditQuery.parse(request.GET), request.operator.scope
    page = selectors.page(
        query,
        scope=scope,
        marker=request.GET.get("marker", ""),
        limit=paging.limit(request),
    )
    services.record_reading(
        initiator=initiator(request), filters=urlencode(query.parameters), now=timezone.now()
    )
    rows = [event_dict(event, chained=scope is None) for event in page.events]
    return paging.page(request, "events", rows, page.next)


@endpoint(
    GET=Operation(
        summary="Read the last integrity check of the audit log",
        whole_cloud=True,
        answer=record({"last": or_null(CHECK), "open": or_null(CHECK)}),
    )
)
def integrity_check(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/audit/integrity`: the last check, and a failed one that is still open."""
    last, failed = chain.last_check(), chain.open_failure()
    return JsonResponse({"last": check_dict(last), "open": check_dict(failed)})


@endpoint(
    POST=Operation(
        summary="Acknowledge a failed integrity check and earlier ones",
        whole_cloud=True,
        needs="administer",
        body=record({"check": NUMBER, "reason": text(longest=REASON_MAX)}),
        answer=record({"event": EVENT}),
        errors=(409,),
    )
)
def acknowledge(request: ApiRequest) -> HttpResponse:
    """`POST /api/v1/audit/integrity/acknowledge` with `{"check": 7, "reason": "…"}`."""
    check = request.fields.get("check")
    if type(check) is not int:
        raise ApiError(400, "check: use the ID of the failed check, a number.")
    try:
        reason = checked_reason(request.fields.get("reason"))
    except InputError as error:
        raise ApiError(400, f"{error.field}: {error}") from None
    try:
        event = integrity.acknowledge(
            check, initiator=initiator(request), reason=reason, now=timezone.now()
        )
    except integrity.NothingOpenError:
        problem = "This is not the open check. GET /api/v1/audit/integrity returns it."
        raise ApiError(409, problem) from None
    return JsonResponse({"event": event_dict(event, chained=True)})


def check_dict(check: ChainCheck | None) -> dict[str, Any] | None:
    """Return a check of the chain."""
    if check is None:
        return None
    return {
        "id": check.pk,
        "checked_at": times.iso(check.checked_at),
        "rows": check.rows,
        "position": check.position,
        "problem": check.problem or None,
        "acknowledged_at": times.iso(check.acknowledged_at),
        "acknowledged_by": check.acknowledged_by or None,
        "acknowledged_reason": check.acknowledged_reason or None,
    }


def event_dict(event: Event, *, chained: bool) -> dict[str, Any]:
    """Return a row of the audit log, with the names of CADF.

    Args:
        chained: with its place in the chain, which tells how much all operators do.
    """
    return {
        "id": event.id,
        "event_time": times.iso(event.event_time),
        "settled_at": times.iso(event.settled_at),
        "observer": event.observer,
        "initiator": {
            "type": event.initiator_type,
            "id": event.initiator_id,
            "name": event.initiator_name,
            "domain_id": event.initiator_domain_id,
            "domain_name": event.initiator_domain_name,
            "address": event.initiator_address,
            "agent": event.initiator_agent,
            "scope": event.initiator_scope,
            "via": event.via,
        },
        "action": event.action,
        "target": {
            "id": event.target_id,
            "name": event.target_name,
            "domain_id": event.target_domain_id,
            "domain_name": event.target_domain_name,
        },
        "resource": event.resource,
        "outcome": event.outcome,
        "reason": event.reason,
        "identity": event.identity,
        "remark": event.remark,
        "position": event.position if chained else None,
        "previous_hash": event.previous_hash if chained else "",
        "hash": event.hash if chained else "",
    }
