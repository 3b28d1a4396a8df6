"""The one page of all acts on an account: its form, and the act."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from pciops.accounts import credentials, privileged
from pciops.accounts.verdict import SigninVerdict, judge
from pciops.actions.act import Act, ActFailedError, ActRequest, ConflictError
from pciops.actions.enabling import DISABLE
from pciops.actions.registry import BY_NAME
from pciops.actions.unlock import UNLOCK
from pciops.audit import selectors as trail
from pciops.audit.services import AuditLogError
from pciops.events.diagnosis import answers
from pciops.keystone import client
from pciops.signin import sessions
from pciops.web import rights
from pciops.web.account_page import account_context, verdict_of
from pciops.web.forms import ActForm
from pciops.web.requests import OperatorRequest, initiator

UNLOCKED_BEFORE: Final = timedelta(days=30)  # so long an unlock is worth a word


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def account_act(request: OperatorRequest, user_id: str, name: str) -> HttpResponse:
    """The form of an act with its side effects, and the act."""
    act = BY_NAME.get(name)
    if act is None:
        raise Http404("There is no such act.")
    rights.require(request, act.needs)
    verdict = verdict_of(request, user_id)
    if request.method != "POST":
        if act.fits(verdict):
            why_not = act.refusal(verdict, request.user.id)
        else:
            why_not = act.why_unfit(verdict)
        if why_not:
            messages.info(request, why_not)
            return redirect("account", user_id)
        asked = {"option": request.GET.get("option", "")}
        return _page(request, act, verdict, _fresh_form(act, verdict, asked))
    form = ActForm(act, verdict, request.POST)
    if not form.is_valid():
        return _page(request, act, verdict, form, status=400)
    try:
        request.user.rights = sessions.confirmed_rights(request)
        token_id = sessions.token_id(request)
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
    account = verdict.account
    order = ActRequest(
        initiator=initiator(request),
        policy=verdict.policy,
        now=verdict.now,
        token_id=token_id,
        **form.inputs,
    )
    try:
        act.perform(account, order)
    except ConflictError as error:
        if error.account is not None and error.fits:
            again = judge(error.account, verdict.policy, verdict.now)
            retry = _fresh_form(act, again, form.data)
            return _page(request, act, again, retry, status=409, sentence=str(error))
        messages.warning(request, str(error))
    except ActFailedError as error:
        form.add_error(None, str(error))
        return _page(request, act, verdict, form, status=error.status)
    except AuditLogError as error:
        form.add_error(None, str(error))
        return _page(request, act, verdict, form, status=503)
    else:
        sentence = "<bdi>{}</bdi> (<bdi>{}</bdi>) {}"
        messages.success(request, format_html(sentence, account.name, account.domain_name, act.did))
    return redirect("account", account.id)


def _fresh_form(act: Act, verdict: SigninVerdict, typed: Mapping[str, str]) -> ActForm:
    """The form of the account as it is; with what was typed, apart from the identity check."""
    kept = {name: typed.get(name, "") for name in ("reason", "option", "owner", "ends_on")}
    return ActForm(act, verdict, initial={**kept, "seen": act.seen(verdict)})


def _cause(verdict: SigninVerdict, scope: str | None) -> dict[str, object]:
    """Why it was locked, whether an unlock would last, and whether the last one did."""
    account, now = verdict.account, verdict.now
    before = trail.last_unlock(account.id, since=now - UNLOCKED_BEFORE)
    return {
        "why": answers.why(account, policy=verdict.policy, now=now, scope=scope),
        "before": before,
        "undone": answers.undone(account, before),
    }


def _page(
    request: OperatorRequest,
    act: Act,
    verdict: SigninVerdict,
    form: ActForm,
    *,
    status: int = 200,
    sentence: str = "",
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
        "sentence": sentence,
    }
    return render(request, "web/account_act.html", context, status=status)
