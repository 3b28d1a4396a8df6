"""The accounts over the API: the list, and each account with its diagnosis."""

from __future__ import annotations

from typing import Final

from django.http import HttpResponse, JsonResponse
from django.utils import timezone

from pciops.accounts import credentials, filters, selectors
from pciops.accounts.by_date import MAX_DAYS
from pciops.accounts.machines import MachineReason
from pciops.accounts.policy import policy as policies
from pciops.accounts.privileged import AccountKind
from pciops.accounts.query import SORTS, AccountQuery
from pciops.accounts.second_factor import FactorVerdict
from pciops.accounts.states import BY_NAME
from pciops.accounts.verdict import SigninVerdict, as_dict, judge
from pciops.api import paging
from pciops.api.auth import ApiRequest, endpoint
from pciops.api.errors import ApiError
from pciops.api.operations import Operation, Parameter
from pciops.api.schemas import (
    DAY,
    FLAG,
    INSTANT,
    NUMBER,
    TEXT,
    WORDS,
    about,
    many,
    named,
    one_of,
    or_null,
    record,
    whole,
)
from pciops.events.diagnosis import explanation
from pciops.events.diagnosis import selectors as diagnoses
from pciops.events.diagnosis.rules import Cause, Confidence
from pciops.keystone.options import EXEMPTIONS
from pciops.lib import shared

STATE: Final = one_of(BY_NAME)
KIND: Final = one_of(AccountKind.values)
EXEMPTION: Final = one_of(EXEMPTIONS.values())
FIELDS: Final = {
    "id": TEXT,
    "name": TEXT,
    "domain_id": TEXT,
    "domain_name": TEXT,
    "email": or_null(TEXT),
    "enabled": or_null(FLAG),
    "states": about(many(STATE), "In the order in which Keystone checks them."),
    "kinds": about(many(KIND), "Why the account is privileged."),
    "failed_auth_count": NUMBER,
    "failed_auth_at": or_null(INSTANT),
    "locked_until": about(or_null(INSTANT), "Null without a lock, or if only an unlock ends it."),
    "last_active_at": or_null(DAY),
    "inactive_on": or_null(DAY),
    "password_created_at": or_null(INSTANT),
    "password_expires_at": or_null(INSTANT),
    "exemptions": many(EXEMPTION),
    "second_factor": one_of(FactorVerdict),
    "second_factor_explanation": TEXT,
    "created_at": or_null(INSTANT),
    "machine": about(
        or_null(one_of(MachineReason.values)), "Why it counts as a machine; null for people."
    ),
}
SOURCE: Final = record(
    {
        "reported_address": TEXT,
        "reported_agent": or_null(TEXT),
        "tries": NUMBER,
        "first_at": INSTANT,
        "last_at": INSTANT,
        "every_seconds": or_null({"type": "number"}),
        "probably_a_proxy": FLAG,
        "other_accounts_signed_in": NUMBER,
    }
)
DIAGNOSIS: Final = named(
    "Diagnosis",
    record(
        {
            "cause": one_of(Cause),
            "confidence": one_of(Confidence),
            "sentence": TEXT,
            "locks_again_at": or_null(INSTANT),
            "evidence": many(TEXT),
            "advice": many(TEXT),
            "sources": many(SOURCE),
            "caveat": or_null(TEXT),
            "keystone_conf": many(TEXT),
        }
    ),
)


@endpoint(
    GET=Operation(
        summary="List accounts",
        query=(
            Parameter("state", STATE, "Only accounts in this state; without it, all local ones."),
            Parameter("kind", KIND, "Only privileged accounts of this kind."),
            Parameter("machine", one_of(filters.MACHINE), "yes: only machines; no: only people."),
            Parameter("domain_id", WORDS, "Only accounts of this domain."),
            Parameter("q", WORDS, "Part of the name or email address, or the whole ID."),
            Parameter(
                "match",
                one_of(filters.MATCH),
                "begins: only names that begin with q, or the whole ID, which is much faster.",
            ),
            Parameter("sort", one_of(SORTS), "The order. Each list has its own orders."),
            Parameter(
                "within",
                whole(1, MAX_DAYS),
                "For expiring and inactive_soon: days from today, including today.",
            ),
            Parameter("on", DAY, "For expiring and inactive_soon: one UTC day."),
            *paging.PAGES,
        ),
        answer=paging.answer("accounts", named("Account", record(FIELDS))),
    )
)
def accounts(request: ApiRequest) -> HttpResponse:
    """`GET /api/v1/accounts`."""
    now, policy = timezone.now(), policies.current()
    page = selectors.page(
        _query(request),
        scope=request.operator.scope,
        policy=policy,
        now=now,
        marker=request.GET.get("marker", ""),
        limit=paging.limit(request),
        fresh=shared.bypassed(request),
    )
    rows = [as_dict(judge(account, policy, now)) for account in page.accounts]
    return paging.page(request, "accounts", rows, page.next)


@endpoint(
    GET=Operation(
        summary="Read an account, and the cause of its failed attempts",
        answer=record(
            {
                "account": record({**FIELDS, "ec2_credentials": NUMBER}),
                "diagnosis": or_null(DIAGNOSIS),
            }
        ),
        errors=(404,),
    )
)
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


def _query(request: ApiRequest) -> AccountQuery:
    by_domain = "domain_id" in request.GET
    domains = selectors.domains(scope=request.operator.scope) if by_domain else []
    return filters.query(request.GET.dict(), domains=domains, domain_filter="domain_id")
