"""The acts on an account, one call each."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, JsonResponse

from pciops.accounts.verdict import SigninVerdict
from pciops.actions.act import Act, ActFailedError, ActRequest, ConflictError
from pciops.actions.inputs import InputError, checked_end, checked_owner
from pciops.actions.registry import BY_NAME
from pciops.api.auth import ApiRequest, endpoint, initiator
from pciops.api.errors import ApiError, DeniedError
from pciops.api.views import (
    body_of,
    event_dict,
    identity_of,
    not_found,
    reason_of,
    verdict_of,
)
from pciops.audit.services import AuditLogError
from pciops.keystone import options


@endpoint("POST")
def account_act(request: ApiRequest, user_id: str, name: str) -> HttpResponse:
    """`POST /api/v1/accounts/<user_id>/<act>` with `{"reason": "…", …}`."""
    act = BY_NAME.get(name)
    if act is None:
        return not_found(request)
    held = request.operator.rights
    if held is None or not held.may(act.needs):
        raise DeniedError(403, held.refusal(act.needs) if held else "You may not do this.")
    verdict = verdict_of(request, user_id)
    order = _order(request, act, verdict)
    try:
        event = act.perform(verdict.account, order)
    except ConflictError as error:
        raise ApiError(409, str(error)) from None
    except ActFailedError as error:
        raise ApiError(error.status, str(error)) from None
    except AuditLogError as error:
        raise ApiError(503, str(error)) from None
    return JsonResponse({"event": event_dict(event)})


def _order(request: ApiRequest, act: Act, verdict: SigninVerdict) -> ActRequest:
    """What the body asks for; what the caller saw is the account as it is.

    Raises:
        ApiError: names the field.
    """
    body, inputs = body_of(request), dict[str, Any]()
    inputs["reason"] = reason_of(body)
    inputs["identity"] = identity_of(body) if "identity" in act.asks else ""
    try:
        if "option" in act.asks:
            inputs["option"] = _option(body)
        field = "owner"
        if "owner" in act.asks:
            inputs["owner"] = checked_owner(body.get("owner"))
        field = "ends_on"
        if "ends_on" in act.asks:
            inputs["ends_on"] = checked_end(body.get("ends_on"), verdict.now)
    except InputError as error:
        raise ApiError(400, f"{field}: {error}") from None
    token = request.operator.token
    return ActRequest(
        initiator=initiator(request),
        seen=act.seen(verdict),
        policy=verdict.policy,
        now=verdict.now,
        token_id=token.id if token else "",
        **inputs,
    )


def _option(body: dict[str, Any]) -> str:
    option = body.get("option")
    if not isinstance(option, str) or option not in options.EXEMPTIONS.values():
        raise ApiError(400, f"option: one of {', '.join(options.EXEMPTIONS.values())}.")
    return option
