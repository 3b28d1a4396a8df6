"""The acts on an account, one call each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.http import HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from pciops.actions import four_eyes
from pciops.actions.act import Act, ActRequest, Done, Waiting
from pciops.actions.inputs import OWNER_MAX, REASON_MAX, InputError, checked_inputs, is_text
from pciops.actions.unlock import UNLOCK
from pciops.api.accounts import EXEMPTION, verdict_of
from pciops.api.audit import EVENT, event_dict
from pciops.api.auth import ApiRequest, endpoint, initiator
from pciops.api.errors import ApiError
from pciops.api.operations import Operation
from pciops.api.schemas import DAY, FLAG, INSTANT, TEXT, Schema, about, one_of, record, text
from pciops.audit.models import Event
from pciops.lib import times

INPUTS: Final = {
    "reason": about(text(longest=REASON_MAX), "The reason, for the audit log."),
    "identity": about(
        one_of(value for value, _ in Event.Identity.for_operators()),
        "How the user's identity was confirmed (PCI DSS 8.3.4).",
    ),
    "option": EXEMPTION,
    "owner": about(text(longest=OWNER_MAX), "The person or team that owns the exemption."),
    "ends_on": about(DAY, "The last UTC day."),
    "beyond_limit": about(FLAG, "Unlock beyond the limit, or ask a second operator to confirm."),
}
DONE: Final = record({"event": EVENT})
ASKED: Final = record(
    {"event": EVENT, "unlock_request": record({"id": TEXT, "expires_at": INSTANT})}
)
WAITING: Final = {202: ("A second operator has to confirm it. Nothing was changed.", ASKED)}


def body_schema(act: Act, **more: Schema) -> Schema:
    """Return the schema of the inputs that an act asks for, and of more properties."""
    inputs = {name: INPUTS[name] for name in act.asks}
    return record({**more, **inputs}, optional=["beyond_limit"])


def _operation(act: Act) -> Operation:
    body = body_schema(act)
    if act is UNLOCK:
        asked = about(TEXT, "The ID of an unlock_request to confirm, instead of the other fields.")
        body["properties"]["confirms"] = asked
        body["anyOf"] = [{"required": body.pop("required")}, {"required": ["confirms"]}]
    return Operation(
        summary=" ".join((act.title[0], "an account", act.title[1])).strip(),
        needs=act.needs,
        body=body,
        answer=DONE,
        others=WAITING if act is UNLOCK else {},
        errors=(404, 409, 501, 502) if act.needs_token else (404, 409),
    )


def view_of(act: Act) -> Callable[..., HttpResponseBase]:
    """Return the view of an act: `POST /api/v1/accounts/<user_id>/<act>`."""

    @endpoint(POST=_operation(act))
    def account_act(request: ApiRequest, user_id: str) -> HttpResponse:
        return _perform(act, request, user_id)

    return account_act


def _perform(act: Act, request: ApiRequest, user_id: str) -> HttpResponse:
    token = request.operator.token
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
    body = request.fields
    if act is not UNLOCK or body.get("confirms") is None:
        return inputs_of(act, body)
    request_id, scope = body["confirms"], request.operator.scope
    asked = None
    if isinstance(request_id, str) and is_text(request_id):
        asked = four_eyes.find(request_id, scope=scope, now=timezone.now())
    if asked is None or asked.target_id != user_id:
        raise ApiError(400, "confirms: use the ID of a pending unlock_request of this account.")
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
