"""The acts on an account, one call each."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.utils import timezone

from pciops.actions import four_eyes
from pciops.actions.act import Act, ActRequest, Done, Waiting
from pciops.actions.inputs import InputError, checked_inputs, is_text
from pciops.actions.registry import BY_NAME
from pciops.actions.unlock import UNLOCK
from pciops.api.accounts import verdict_of
from pciops.api.audit import event_dict
from pciops.api.auth import ApiRequest, endpoint, initiator
from pciops.api.bodies import body_of
from pciops.api.errors import ApiError, DeniedError, not_found
from pciops.lib import times


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
        authority=request.operator.authority,
        precondition=act.precondition(verdict),
        token_id=token.id if token else "",
        **_inputs(request, act, user_id),
    )
    result = act.perform(verdict, act_request)
    chained = request.operator.scope is None
    if isinstance(result, Waiting):
        asked = {"id": result.asked.pk, "expires_at": times.iso(result.asked.expires_at)}
        answer = {"event": event_dict(result.event, chained=chained), "unlock_request": asked}
        return JsonResponse(answer, status=result.status)
    if not isinstance(result, Done):
        raise ApiError(result.status, result.sentence)
    return JsonResponse({"event": event_dict(result.event, chained=chained)})


def _inputs(request: ApiRequest, act: Act, user_id: str) -> dict[str, Any]:
    """Return the inputs; of a confirmation those of the operator who asked for the unlock.

    Raises:
        ApiError: names the field.
    """
    body = body_of(request)
    if act is not UNLOCK or body.get("confirms") is None:
        return inputs_of(act, body)
    request_id, scope = body["confirms"], request.operator.scope
    asked = None
    if isinstance(request_id, str) and is_text(request_id):
        asked = four_eyes.find(request_id, scope=scope, now=timezone.now())
    if asked is None or asked.target_id != user_id:
        raise ApiError(400, "confirms: the id of an unlock_request of this account that waits.")
    return {"reason": asked.reason, "identity": asked.identity, "confirms": asked}


def inputs_of(act: Act, body: dict[str, Any]) -> dict[str, Any]:
    """Return the inputs that the act asks for, as fields of an ActRequest.

    Raises:
        ApiError: names the field.
    """
    try:
        return checked_inputs(act, body, timezone.now())
    except InputError as error:
        raise ApiError(400, f"{error.field}: {error}") from None
