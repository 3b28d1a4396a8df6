"""The audit log over the API."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.utils import timezone

from pciops.api import paging
from pciops.api.auth import ApiRequest, endpoint, initiator
from pciops.audit import selectors, services
from pciops.audit.models import Event
from pciops.lib import times


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
