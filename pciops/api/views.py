"""The JSON API, in Keystone's dialect: plural keys, `limit`, `marker`, `links.next`."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from pciops.accounts import filters, selectors
from pciops.accounts.policy import policy as policies
from pciops.accounts.verdict import SigninVerdict, as_dict, judge
from pciops.actions.inputs import ReasonError, checked_reason
from pciops.api.auth import ApiRequest, endpoint
from pciops.api.errors import ApiError
from pciops.audit.models import Event
from pciops.events.diagnosis import answers, explanation
from pciops.lib import times
from pciops.lib.keyset import MarkerError

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1000


@endpoint("GET")
def accounts(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/accounts?state=&kind=&domain_id=&q=&sort=&limit=&marker=`."""
    now, policy = timezone.now(), policies.current()
    query, most = _query(request), limit(request)
    try:
        page = selectors.page(
            query,
            scope=request.operator.scope,
            policy=policy,
            now=now,
            marker=request.GET.get("marker", ""),
            limit=most,
        )
    except MarkerError:
        raise ApiError(400, "marker: not of this list; take it from links.next.") from None
    this = request.build_absolute_uri(reverse("api-accounts"))
    following = {**request.GET.dict(), "marker": page.next}
    return JsonResponse(
        {
            "accounts": [as_dict(judge(account, policy, now)) for account in page.accounts],
            "links": {
                "self": request.build_absolute_uri(),
                "next": f"{this}?{urlencode(following)}" if page.next else None,
            },
        }
    )


@endpoint("GET")
def account(request: ApiRequest, user_id: str) -> HttpResponse:
    """`GET /api/v1/accounts/<user_id>`."""
    verdict = verdict_of(request, user_id)
    why = answers.why(
        verdict.account, policy=verdict.policy, now=verdict.now, scope=request.operator.scope
    )
    diagnosis = explanation.as_dict(why) if why else None
    return JsonResponse({"account": as_dict(verdict), "diagnosis": diagnosis})


@csrf_exempt
@login_not_required
def not_found(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Every other address under the API."""
    return ApiError(
        404, "There is no such resource; the API is described in docs/api.md."
    ).response()


def event_dict(event: Event) -> dict[str, Any]:
    """An act of the trail in CADF's words."""
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
        "position": event.position,
        "previous_hash": event.previous_hash,
        "hash": event.hash,
    }


def verdict_of(request: ApiRequest, user_id: str) -> SigninVerdict:
    found = selectors.get(user_id, scope=request.operator.scope)
    if found is None:
        raise ApiError(404, f"Could not find account: {user_id}.")
    return judge(found, policies.current(), timezone.now())


def _query(request: ApiRequest) -> selectors.AccountQuery:
    asked = "domain_id" in request.GET
    domains = selectors.domains(scope=request.operator.scope) if asked else []
    try:
        return filters.query(request.GET.dict(), domains=domains, domain_filter="domain_id")
    except filters.FilterError as error:
        raise ApiError(400, str(error)) from None


def limit(request: ApiRequest) -> int:
    """How many rows a page has.

    Raises:
        ApiError
    """
    text = request.GET.get("limit", str(DEFAULT_LIMIT))
    plain = text.isascii() and text.isdigit() and len(text) < 10
    if not plain or not 1 <= int(text) <= MAX_LIMIT:
        raise ApiError(400, f"limit: a whole number from 1 to {MAX_LIMIT}.")
    return int(text)


def body_of(request: ApiRequest) -> dict[str, Any]:
    """The body of an act: an object.

    Raises:
        ApiError
    """
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        raise ApiError(400, 'The body is not JSON: {"reason": "…", "identity": "…"}.') from None
    except RequestDataTooBig:
        raise ApiError(413, "The body is too large.") from None
    if not isinstance(body, dict):
        raise ApiError(400, 'The body is no object: {"reason": "…", "identity": "…"}.')
    return body


def why(body: dict[str, Any]) -> tuple[str, Event.Identity]:
    """Reason and identity check from the body of an unlock.

    Raises:
        ApiError: names the field.
    """
    return reason_of(body), identity_of(body)


def reason_of(body: dict[str, Any]) -> str:
    """The reason from the body of an act.

    Raises:
        ApiError
    """
    try:
        return checked_reason(body.get("reason"))
    except ReasonError as error:
        raise ApiError(400, f"reason: {error}") from None


def identity_of(body: dict[str, Any]) -> Event.Identity:
    """The identity check from the body of an act.

    Raises:
        ApiError
    """
    identity = body.get("identity")
    allowed = dict(Event.Identity.for_operators())
    if not isinstance(identity, str) or identity not in allowed:
        choices = ", ".join(allowed)
        raise ApiError(400, f"identity: how it was confirmed (PCI DSS 8.3.4), one of {choices}.")
    return Event.Identity(identity)
