"""The accounts over the API: the list, and each account with its diagnosis."""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse
from django.utils import timezone

from pciops.accounts import credentials, filters, selectors
from pciops.accounts.policy import policy as policies
from pciops.accounts.verdict import SigninVerdict, as_dict, judge
from pciops.api import paging
from pciops.api.auth import ApiRequest, endpoint
from pciops.api.errors import ApiError
from pciops.events.diagnosis import explanation
from pciops.events.diagnosis import selectors as diagnoses


@endpoint("GET")
def accounts(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/accounts?state=&kind=&machine=&domain_id=&q=&sort=&limit=&marker=`."""
    now, policy = timezone.now(), policies.current()
    page = selectors.page(
        _query(request),
        scope=request.operator.scope,
        policy=policy,
        now=now,
        marker=request.GET.get("marker", ""),
        limit=paging.limit(request),
    )
    rows = [as_dict(judge(account, policy, now)) for account in page.accounts]
    return paging.page(request, "accounts", rows, page.next)


@endpoint("GET")
def account(request: ApiRequest, user_id: str) -> HttpResponse:
    """`GET /api/v1/accounts/<user_id>`."""
    verdict = verdict_of(request, user_id)
    why = diagnoses.explain_lock(
        verdict.account, policy=verdict.policy, now=verdict.now, scope=request.operator.scope
    )
    diagnosis = explanation.as_dict(why) if why else None
    content = {**as_dict(verdict), "ec2_credentials": credentials.count_ec2(user_id)}
    return JsonResponse({"account": content, "diagnosis": diagnosis})


def verdict_of(request: ApiRequest, user_id: str) -> SigninVerdict:
    """Return the account in the operator's scope.

    Raises:
        ApiError: it does not exist for them.
    """
    account = selectors.get(user_id, scope=request.operator.scope)
    if account is None:
        raise ApiError(404, f"Could not find account: {user_id}.")
    return judge(account, policies.current(), timezone.now())


def _query(request: ApiRequest) -> selectors.AccountQuery:
    by_domain = "domain_id" in request.GET
    domains = selectors.domains(scope=request.operator.scope) if by_domain else []
    return filters.query(request.GET.dict(), domains=domains, domain_filter="domain_id")
