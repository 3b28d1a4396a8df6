"""The one page of all acts on an account: its form, and the act."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from pciops.accounts import credentials, privileged
from pciops.accounts.privileged import AccountKind
from pciops.accounts.verdict import SigninVerdict
from pciops.actions import four_eyes, limits
from pciops.actions.act import Act, ActRequest, Conflict, Done, Waiting
from pciops.actions.patch import DISABLE
from pciops.actions.registry import BY_NAME
from pciops.actions.unlock import UNLOCK
from pciops.audit import selectors as audit
from pciops.audit.services import AuditLogError
from pciops.events.diagnosis import selectors as diagnoses
from pciops.keystone import client
from pciops.signin import sessions, typed
from pciops.web import rights
from pciops.web.account_page import account_context, verdict_of
from pciops.web.forms import ActForm
from pciops.web.requests import OperatorRequest, initiator, remember_identity, usual_identity

RECENT: Final = timedelta(days=30)  # an unlock of this time is worth a warning


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sessions.confirms_itself
def account_act(request: OperatorRequest, user_id: str, name: str) -> HttpResponse:
    """Show the form of an act with its side effects, or perform the act."""
    act = BY_NAME.get(name)
    if act is None:
        raise Http404("There is no such action.")
    rights.require(request, act.needs)
    verdict = verdict_of(request, user_id)
    if request.method != "POST":
        if why_not := act.why_not(verdict, request.user.authority):
            messages.info(request, why_not)
            return redirect("account", user_id)
        inputs = {"option": request.GET.get("option", ""), **typed.typed_in(request)}
        return _page(request, act, verdict, _fresh_form(request, act, verdict, inputs))
    form = ActForm(act, verdict, request.POST, **_limit(request, act, verdict))
    if not form.is_valid():
        return _page(request, act, verdict, form, status=400)
    remember_identity(request, form.cleaned_data.get("identity", ""))
    try:
        token_id = sessions.confirm(request)
    except sessions.EndedError:
        return rights.signed_out(request, then=request.path, action=act.action)
    except client.UnreachableError as error:
        form.add_error(None, rights.unconfirmed(error, unlock=act is UNLOCK))
        return _page(request, act, verdict, form, status=503)
    rights.require(request, act.needs)
    return _perform(request, act, verdict, form, token_id)


def _perform(
    request: OperatorRequest, act: Act, verdict: SigninVerdict, form: ActForm, token_id: str
) -> HttpResponse:
    act_request = ActRequest(
        initiator=initiator(request),
        authority=request.user.authority,
        token_id=token_id,
        **form.inputs,
    )
    account = verdict.account
    try:
        result = act.perform(verdict, act_request)
    except AuditLogError as error:
        form.add_error(None, str(error))
        return _page(request, act, verdict, form, status=503)
    match result:
        case Done():
            sentence = "<bdi>{}</bdi> (<bdi>{}</bdi>) {}"
            done = format_html(sentence, account.name, account.domain_name, act.did)
            messages.success(request, done)
        case Conflict(verdict=SigninVerdict() as changed, fits=True):
            retry = _fresh_form(request, act, changed, form.data)
            return _page(
                request, act, changed, retry, status=result.status, problem=result.sentence
            )
        case Conflict() | Waiting():  # the account page leads to the request
            messages.warning(request, result.sentence)
        case _:
            form.add_error(None, result.sentence)
            return _page(request, act, verdict, form, status=result.status)
    return redirect("account", account.id)


def _limit(request: OperatorRequest, act: Act, verdict: SigninVerdict) -> dict[str, Any]:
    """Return what the form needs to ask for an unlock beyond the limit."""
    authority, excess = request.user.authority, ""
    if act is UNLOCK or (act.unlocks(verdict) and authority.administers_cloud):
        excess = limits.excess(verdict.account.id, request.user.id, now=verdict.now)
    return {"authority": authority, "excess": excess}


def _fresh_form(
    request: OperatorRequest, act: Act, verdict: SigninVerdict, typed: Mapping[str, str]
) -> ActForm:
    """Return the form of the account as it is, with what was typed."""
    kept = {name: typed.get(name, "") for name in ("reason", "option", "owner", "ends_on")}
    service = AccountKind.SERVICE in verdict.account.kinds
    identity = usual_identity(request, service=service)
    initial = {**kept, "identity": identity, "seen": act.precondition(verdict)}
    return ActForm(act, verdict, initial=initial, **_limit(request, act, verdict))


def _cause(verdict: SigninVerdict, scope: str | None) -> dict[str, object]:
    """Return why it was locked, and whether the last unlock lasted."""
    account, now = verdict.account, verdict.now
    why = diagnoses.explain_lock(account, policy=verdict.policy, now=now, scope=scope)
    before = audit.last_unlock(account.id, since=now - RECENT)
    return {
        "why": why,
        "causes": {account.id: why},
        "before": before,
        "requests": four_eyes.waiting(scope=scope, now=now, target_id=account.id),
        "undone": diagnoses.locked_again(account, before),
    }


def _page(
    request: OperatorRequest,
    act: Act,
    verdict: SigninVerdict,
    form: ActForm,
    *,
    status: int = 200,
    problem: str = "",
) -> HttpResponse:
    stops = (
        credentials.list_credentials(verdict.account.id, scope=request.user.scope)
        if act is DISABLE
        else []
    )
    context = {
        **account_context(verdict),
        **(_cause(verdict, request.user.scope) if act is UNLOCK else {}),
        "act": act,
        "effects": act.effects(verdict),
        "warnings": act.warnings(verdict),
        "credentials": stops,
        "most": privileged.MAX_LISTED,
        "form": form,
        "problem": problem,
    }
    return render(request, "web/account_act.html", context, status=status)
