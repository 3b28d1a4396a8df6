"""The audit log over the API."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, JsonResponse
from django.utils import timezone

from pciops.actions.inputs import InputError, checked_reason
from pciops.api import paging
from pciops.api.auth import ApiRequest, endpoint, initiator
from pciops.api.bodies import body_of
from pciops.api.errors import ApiError, DeniedError
from pciops.audit import chain, integrity, selectors, services
from pciops.audit.models import ChainCheck, Event
from pciops.lib import times
from pciops.signin.rights import keystone_roles


@endpoint("GET")
def audit(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/audit?action=&outcome=&via=&operator=&account=&from=&to=&limit=&marker=`."""
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


@endpoint("GET")
def integrity_check(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/audit/integrity`: the last check, and a failed one that is still open."""
    _require_whole_cloud(request)
    last, failed = chain.last_check(), chain.open_failure()
    return JsonResponse({"last": check_dict(last), "open": check_dict(failed)})


@endpoint("POST", needs="administer")
def acknowledge(request: ApiRequest) -> HttpResponse:
    """`POST /api/v1/audit/integrity/acknowledge` with `{"check": 7, "reason": "…"}`."""
    _require_whole_cloud(request)
    body = body_of(request)
    check = body.get("check")
    if type(check) is not int:
        raise ApiError(400, "check: the id of the failed check, a number.")
    try:
        reason = checked_reason(body.get("reason"))
    except InputError as error:
        raise ApiError(400, f"{error.field}: {error}") from None
    try:
        event = integrity.acknowledge(
            check, initiator=initiator(request), reason=reason, now=timezone.now()
        )
    except integrity.NothingOpenError:
        problem = "This check is not the open one: GET /api/v1/audit/integrity has it."
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


def _require_whole_cloud(request: ApiRequest) -> None:
    if request.operator.scope is not None:
        names = " or ".join(keystone_roles("see"))
        raise DeniedError(403, f"The integrity check takes the role {names} on the system.")


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
