"""Several unlocks in one call."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.utils import timezone

from pciops.accounts import selectors
from pciops.accounts.policy import policy as policies
from pciops.actions.bulk import MOST, Choice, Outcome, Result, unlock_all
from pciops.api.auth import ApiRequest, endpoint, initiator
from pciops.api.errors import ApiError
from pciops.api.views import body_of, why


@endpoint("POST", needs="unlock")
def accounts_unlock(request: ApiRequest) -> HttpResponse:
    """`POST /api/v1/accounts/unlock` with `{"accounts": [{"id"}], "reason", "identity"}`."""
    body = body_of(request)
    user_ids = _user_ids(body.get("accounts"))
    reason, identity = why(body)
    accounts = selectors.get_many(user_ids, scope=request.operator.scope)
    missing = user_ids.keys() - {account.id for account in accounts}
    if missing:
        first = next(user_id for user_id in user_ids if user_id in missing)
        raise ApiError(404, f"Could not find account: {first}. Nothing was changed.")
    results = list(
        unlock_all(
            [Choice(account=account, seen=account.failures) for account in accounts],
            policy=policies.current(),
            initiator=initiator(request),
            reason=reason,
            identity=identity,
            now=timezone.now(),
        )
    )
    answer: dict[str, Any] = {"results": [_result_dict(result) for result in results]}
    failed = [result for result in results if result.outcome is Outcome.FAILED]
    if failed:
        error = {"code": 503, "title": "Service Unavailable", "message": failed[0].sentence}
        return JsonResponse({"error": error, **answer}, status=503)
    return JsonResponse(answer)


def _user_ids(value: object) -> dict[str, None]:
    """The ids of `accounts`, each once, in their order.

    Raises:
        ApiError: it is no list of them.
    """
    items = value if isinstance(value, list) else []
    user_ids = [item.get("id") for item in items if isinstance(item, dict)]
    texts = [user_id for user_id in user_ids if isinstance(user_id, str)]
    if not 0 < len(texts) == len(items) <= MOST:
        raise ApiError(400, f'accounts: a list of 1 to {MOST} objects, each {{"id": "…"}}.')
    return dict.fromkeys(texts)


def _result_dict(result: Result) -> dict[str, Any]:
    return {
        "id": result.account_id,
        "name": result.name,
        "domain_name": result.domain_name,
        "outcome": result.outcome,
        "message": result.sentence,
        "event_id": result.event_id or None,
    }
