"""The pages on which a second operator confirms unlocks beyond the limit."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from pciops.accounts.verdict import SigninVerdict
from pciops.actions import four_eyes, limits
from pciops.actions.act import ActRequest, Done
from pciops.actions.models import UnlockRequest
from pciops.actions.unlock import UNLOCK
from pciops.audit.services import AuditLogError
from pciops.keystone import client
from pciops.signin import sessions
from pciops.web import rights
from pciops.web.account_page import account_context, verdict_of
from pciops.web.requests import OperatorRequest, initiator


@never_cache
@require_safe
@rights.needs("unlock")
def unlock_requests(request: OperatorRequest) -> HttpResponse:
    """Show the requests that wait, in the operator's scope."""
    now = timezone.now()
    rows = four_eyes.waiting(scope=request.user.scope, now=now)
    context = {"section": "accounts", "requests": rows, "now": now}
    return render(request, "web/unlock_requests.html", context)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@rights.needs("unlock")
def unlock_request(request: OperatorRequest, request_id: str) -> HttpResponse:
    """Show a request with the account as it is, or confirm it and unlock the account."""
    asked = four_eyes.find(request_id, scope=request.user.scope, now=timezone.now())
    if asked is None:
        raise Http404("There is no such request. It has ended, or another operator confirmed it.")
    verdict = verdict_of(request, asked.target_id)
    if request.method != "POST":
        return _page(request, asked, verdict)
    try:
        precondition = UNLOCK.parse_precondition(request.POST.get("seen", ""))
    except ValueError:
        return _page(request, asked, verdict, problem="Check the account again.", status=400)
    try:
        sessions.confirm(request)
    except sessions.EndedError:
        return rights.signed_out(request, then=request.path)
    except client.UnreachableError as error:
        return _page(request, asked, verdict, problem=rights.unconfirmed(error), status=503)
    rights.require(request, "unlock")
    return _confirm(request, asked, verdict, precondition)


def _confirm(
    request: OperatorRequest, asked: UnlockRequest, verdict: SigninVerdict, precondition: str
) -> HttpResponse:
    act_request = ActRequest(
        initiator=initiator(request),
        authority=request.user.authority,
        reason=asked.reason,
        identity=asked.identity,
        precondition=precondition,
        confirms=asked,
    )
    try:
        result = UNLOCK.perform(verdict, act_request)
    except AuditLogError as error:
        return _page(request, asked, verdict, problem=str(error), status=503)
    if not isinstance(result, Done):
        verdict = verdict_of(request, asked.target_id)
        return _page(request, asked, verdict, problem=result.sentence, status=result.status)
    account = verdict.account
    done = "<bdi>{}</bdi> (<bdi>{}</bdi>) {}"
    messages.success(request, format_html(done, account.name, account.domain_name, UNLOCK.did))
    return redirect("account", account.id)


def _page(
    request: OperatorRequest,
    asked: UnlockRequest,
    verdict: SigninVerdict,
    *,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    by_oneself = four_eyes.OWN if asked.asked_by_id == request.user.id else ""
    context = {
        **account_context(verdict),
        "asked": asked,
        "seen": UNLOCK.precondition(verdict),
        "effects": UNLOCK.effects(verdict),
        "excess": limits.excess(asked.target_id, asked.asked_by_id, now=verdict.now),
        "refusal": by_oneself or UNLOCK.why_not(verdict, request.user.authority),
        "problem": problem,
    }
    return render(request, "web/unlock_request.html", context, status=status)
