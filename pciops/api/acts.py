"""The acts on an account, one call each."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpResponse, JsonResponse
from django.utils import timezone

from pciops.actions.act import Act, ActRequest, Done
from pciops.actions.inputs import InputError, checked_inputs
from pciops.actions.registry import BY_NAME
from pciops.api.accounts import verdict_of
from pciops.api.audit import event_dict
from pciops.api.auth import ApiRequest, endpoint, initiator
from pciops.api.errors import ApiError, DeniedError, not_found


@endpoint("POST")
def account_act(request: ApiRequest, user_id: str, name: str) -> HttpResponse:
    """`POST /api/v1/accounts/<user_id>/<act>` with `{"reason": "…", …}`."""
    act = BY_NAME.get(name)
    if act is None:
        return not_found(request)
    rights, token = request.operator.rights, request.operator.token
    if rights is None or not rights.may(act.needs):
        raise DeniedError(403, rights.refusal(act.needs) if rights else "You may not do this.")
    verdict = verdict_of(request, user_id)
    act_request = ActRequest(
        initiator=initiator(request),
        precondition=act.precondition(verdict),
        token_id=token.id if token else "",
        **inputs_of(act, body_of(request)),
    )
    result = act.perform(verdict, act_request)
    if not isinstance(result, Done):
        raise ApiError(result.status, result.sentence)
    return JsonResponse({"event": event_dict(result.event, chained=request.operator.scope is None)})


def body_of(request: ApiRequest) -> dict[str, Any]:
    """Return the body of an act, which is an object, or raise ApiError."""
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        raise ApiError(400, 'The body is not JSON: {"reason": "…", "identity": "…"}.') from None
    except RequestDataTooBig:
        raise ApiError(413, "The body is too large.") from None
    if not isinstance(body, dict):
        raise ApiError(400, 'The body is no object: {"reason": "…", "identity": "…"}.')
    return body


def inputs_of(act: Act, body: dict[str, Any]) -> dict[str, Any]:
    """Return the inputs that the act asks for, as fields of an ActRequest.

    Raises:
        ApiError: names the field.
    """
    try:
        return checked_inputs(act, body, timezone.now())
    except InputError as error:
        raise ApiError(400, f"{error.field}: {error}") from None
