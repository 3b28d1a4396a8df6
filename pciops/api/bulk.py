"""Several unlocks in one call."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse, JsonResponse
from django.utils import timezone

from pciops.accounts import selectors
from pciops.accounts.policy import policy as policies
from pciops.accounts.verdict import judge
from pciops.actions.act import ActRequest
from pciops.actions.bulk import MOST, BulkOutcome, BulkResult, perform_all
from pciops.actions.inputs import is_text
from pciops.actions.unlock import UNLOCK
from pciops.api.acts import body_schema, inputs_of
from pciops.api.auth import ApiRequest, endpoint, initiator
from pciops.api.errors import ApiError
from pciops.api.operations import Operation
from pciops.api.schemas import NAMED, TEXT, many, one_of, or_null, record

ID_MAX: Final = 64  # characters of an id in Keystone


IDS: Final = {
    "type": "array",
    "minItems": 1,
    "maxItems": MOST,
    "items": {
        "type": "object",
        "properties": {"id": {"type": "string", "maxLength": ID_MAX}},
        "required": ["id"],
    },
}
RESULTS: Final = many(
    record(
        {
            **dict.fromkeys(("id", "name", "domain_name"), TEXT),
            "outcome": one_of(BulkOutcome),
            "message": TEXT,
            "event_id": or_null(TEXT),
        }
    )
)


@endpoint(
    POST=Operation(
        summary=f"Unlock up to {MOST} accounts with one reason",
        needs="unlock",
        body=body_schema(UNLOCK, accounts=IDS),
        answer=record({"results": RESULTS}),
        others={
            503: (
                "The audit log or Keystone's database failed. The remaining accounts were not "
                "attempted.",
                record({**NAMED["Error"]["properties"], "results": RESULTS}, optional=["results"]),
            )
        },
        errors=(404,),
    )
)
def accounts_unlock(request: ApiRequest) -> HttpResponse:
    """`POST /api/v1/accounts/unlock` with `{"accounts": [{"id"}], "reason", "identity"}`."""
    user_ids = _user_ids(request.fields.get("accounts"))
    inputs = inputs_of(UNLOCK, request.fields)
    accounts = selectors.get_many(user_ids, scope=request.operator.scope)
    missing = user_ids.keys() - {account.id for account in accounts}
    if missing:
        first = next(user_id for user_id in user_ids if user_id in missing)
        raise ApiError(404, f"Could not find account: {first}. Nothing was changed.")
    policy, now, by = policies.current(), timezone.now(), initiator(request)
    authority = request.operator.authority
    requests = [
        (
            judge(account, policy, now),
            ActRequest(
                initiator=by, authority=authority, precondition=str(account.failures), **inputs
            ),
        )
        for account in accounts
    ]
    results = list(perform_all(UNLOCK, requests))
    answer: dict[str, Any] = {"results": [_result_dict(result) for result in results]}
    failed = [result for result in results if result.outcome is BulkOutcome.FAILED]
    if failed:
        error = {"code": 503, "title": "Service Unavailable", "message": failed[0].sentence}
        return JsonResponse({"error": error, **answer}, status=503)
    return JsonResponse(answer)


def _user_ids(value: object) -> dict[str, None]:
    """Return the ids of `accounts`, each once, in their order, or raise ApiError."""
    items = value if isinstance(value, list) else []
    user_ids = [item.get("id") for item in items if isinstance(item, dict)]
    texts = [user_id for user_id in user_ids if isinstance(user_id, str)]
    if not all(is_text(user_id) and len(user_id) <= ID_MAX for user_id in texts):
        raise ApiError(400, f"accounts: each ID is text of at most {ID_MAX} characters.")
    if not 0 < len(texts) == len(items) <= MOST:
        raise ApiError(400, f'accounts: send a list of 1 to {MOST} objects, each {{"id": "…"}}.')
    return dict.fromkeys(texts)


def _result_dict(result: BulkResult) -> dict[str, Any]:
    return {
        "id": result.account.id,
        "name": result.account.name,
        "domain_name": result.account.domain_name,
        "outcome": result.outcome,
        "message": result.sentence,
        "event_id": result.event_id or None,
    }
