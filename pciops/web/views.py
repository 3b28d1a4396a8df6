"""The pages about accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.accounts import credentials, exports, filters, privileged, selectors
from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import LOCKED
from pciops.accounts.verdict import SigninVerdict, judge
from pciops.actions import batches, bulk, register
from pciops.actions.act import Act
from pciops.actions.registry import HELPS, fitting
from pciops.actions.unlock import UNLOCK
from pciops.audit import selectors as trail
from pciops.events import liveness, search, timeline
from pciops.events.diagnosis import answers
from pciops.events.diagnosis.diagnosis import Cause
from pciops.events.tampering import words
from pciops.lib import outages, tables
from pciops.lib.keyset import MarkerError
from pciops.notices import selectors as notices
from pciops.web import lists, tabs
from pciops.web.errors import KEYSTONE_DATABASE, BadRequestError
from pciops.web.requests import OperatorRequest, recorded_export

PAGE: Final = bulk.MOST  # accounts on a page of a list
EXPORTS: Final = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
LINES: Final = 30  # of what happened, on an account page
NOTICES: Final = 20
HIDDEN: Final = 5  # changes past pciops on an account page


@never_cache
@require_safe
def account_list(request: OperatorRequest) -> HttpResponse:
    """Accounts of a state, of a domain, or found by name, e-mail or id; every filter in the URL."""
    return listing(request)


def listing(request: OperatorRequest, *, refusal: str = "", status: int = 200) -> HttpResponse:
    """The list of the filters in the URL; `refusal` says why a selection in it does not do."""
    now, policy = timezone.now(), policies.current()
    scope = request.user.scope
    domains = selectors.domains(scope=scope)
    query = query_of(request, domains)
    marker = request.GET.get("marker", "")
    try:
        page = selectors.page(query, scope=scope, policy=policy, now=now, marker=marker, limit=PAGE)
    except MarkerError:
        raise BadRequestError(
            "marker: this is no place in this list. Leave it out to begin at the first page."
        ) from None
    whole = None if marker or page.next else len(page.accounts)
    strip = tabs.strip(query, scope=scope, policy=policy, now=now, whole=whole)
    outages.answered(KEYSTONE_DATABASE, now)
    unlocking = query.state is LOCKED and request.user.may(UNLOCK.needs)
    context = {
        "section": "accounts",
        "refusal": refusal,
        "under_way": batches.under_way(request.user.id, now) if unlocking else None,
        "query": query,
        "verdicts": [judge(account, policy, now) for account in page.accounts],
        "policy": policy,
        "now": now,
        "strip": strip,
        "sorts": {sort: lists.address(lists.sorted_by(query, sort)) for sort in query.sorts},
        "LOCKED": LOCKED,
        "causes": _causes(page, query, scope, policy, now),
        "kinds": privileged.AccountKind,
        "domains": domains,
        "others": lists.address(lists.of_state(query, None)).removeprefix("?"),
        "export": lists.address(query).removeprefix("?"),
        "here": lists.address(query, marker=marker),
        "first": lists.address(query) if marker else "",
        "next": lists.address(query, marker=page.next) if page.next else "",
    }
    return render(request, "web/account_list.html", context, status=status)


@never_cache
@require_safe
def account_export(request: OperatorRequest) -> StreamingHttpResponse:
    """The whole of a list as a file, streamed: `?format=csv` or `json`, with the list's filters."""
    now, scope = timezone.now(), request.user.scope
    form = request.GET.get("format", "")
    if form not in EXPORTS:
        raise BadRequestError(f"format: {form!r} is no format of a file; csv and json are.")
    query = query_of(request, selectors.domains(scope=scope))
    recorded_export(request, f"accounts.{form}", now)
    rows = exports.rows(query, scope=scope, policy=policies.current(), now=now)
    lines = (
        tables.csv_lines(exports.COLUMNS, rows)
        if form == "csv"
        else tables.json_lines("accounts", rows)
    )
    response = StreamingHttpResponse(lines, content_type=EXPORTS[form])
    name = f"accounts-{query.state.name if query.state else 'all'}-{now:%Y%m%dT%H%M%SZ}.{form}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@never_cache
@require_safe
def account_detail(request: OperatorRequest, user_id: str) -> HttpResponse:
    """Whether the user can sign in, why not, why it matters, and what was done to the account."""
    verdict = verdict_of(request, user_id)
    scope = request.user.scope
    acts = offered(request, verdict)
    page = _happened(request, verdict)
    context = {
        **about(verdict),
        "lines": page.lines,
        "first": "?" if request.GET.get("marker") else "",
        "next": f"?{urlencode({'marker': page.next})}" if page.next else "",
        "silence": liveness.silence(verdict.now),
        "acts": acts,
        "primary": next((act for act in acts if act in HELPS), None),
        "exemptions": register.of_account(verdict.account, verdict.now),
        "held": privileged.roles_of(user_id, scope=scope) if verdict.account.kinds else [],
        "credentials": credentials.list_credentials(user_id, scope=scope),
        "most": privileged.MAX_LISTED,
        "notices": notices.of_account(user_id, limit=NOTICES),
        "hidden": words.of_account(user_id, now=verdict.now, limit=HIDDEN),
        "why": answers.why(verdict.account, policy=verdict.policy, now=verdict.now, scope=scope),
    }
    return render(request, "web/account_detail.html", context)


def _happened(request: OperatorRequest, verdict: SigninVerdict) -> timeline.Page:
    """What was done through pciops and what Keystone notified, the newest first."""
    user_id = verdict.account.id
    try:
        return timeline.page(
            [trail.account_source(user_id), *search.of_account(user_id)],
            marker=request.GET.get("marker", ""),
            limit=LINES,
            unknown_names=False,
            within=user_id,
        )
    except MarkerError:
        raise BadRequestError(
            "marker: this is no place in this list. Leave it out to begin at the newest."
        ) from None


def offered(request: OperatorRequest, verdict: SigninVerdict) -> list[Act]:
    """The acts that fit the account, and that this operator may do."""
    return [act for act in fitting(verdict, request.user.id) if request.user.may(act.needs)]


def about(verdict: SigninVerdict) -> dict[str, object]:
    """What every page of an account shows."""
    return {
        "section": "accounts",
        "verdict": verdict,
        "account": verdict.account,
        "policy": verdict.policy,
        "now": verdict.now,
    }


def verdict_of(request: OperatorRequest, user_id: str) -> SigninVerdict:
    """The account in the operator's scope; one of another domain does not exist for them."""
    now = timezone.now()
    account = selectors.get(user_id, scope=request.user.scope)
    outages.answered(KEYSTONE_DATABASE, now)
    if account is None:
        raise Http404("There is no account with this id. Look for it by name.")
    return judge(account, policies.current(), now)


def _causes(
    page: selectors.AccountPage,
    query: selectors.AccountQuery,
    scope: str | None,
    policy: Policy,
    now: datetime,
) -> dict[str, Cause]:
    """Why the accounts of a page were locked, where that is what the list is about."""
    if query.state is not LOCKED or not page.accounts:
        return {}
    ids = [account.id for account in page.accounts]
    return answers.causes(ids, policy=policy, now=now, scope=scope)


def query_of(request: OperatorRequest, domains: list[selectors.Domain]) -> selectors.AccountQuery:
    """The filters in the URL.

    Raises:
        BadRequestError: names the filter and the values that would do.
    """
    try:
        return filters.query(request.GET.dict(), domains=domains)
    except filters.FilterError as error:
        raise BadRequestError(str(error)) from None
