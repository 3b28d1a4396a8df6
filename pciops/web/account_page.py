"""The page of one account."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.accounts import credentials, privileged, selectors
from pciops.accounts.policy import policy as policies
from pciops.accounts.verdict import SigninVerdict, judge
from pciops.actions import four_eyes, register
from pciops.actions.act import MAY_UNLOCK, Act
from pciops.actions.end_sessions import END_SESSIONS
from pciops.actions.registry import RESTORING, fitting
from pciops.audit import selectors as audit
from pciops.events import liveness, search, timeline
from pciops.events.diagnosis import selectors as diagnoses
from pciops.events.tampering import selectors as tampering
from pciops.lib import filters, outages
from pciops.notices import history as emails
from pciops.notices.models import Notice
from pciops.web.errors import KEYSTONE_DATABASE
from pciops.web.requests import OperatorRequest
from pciops.web.trend import trend

TIMELINE_LINES: Final = 30
# The kinds of events that the history may be limited to: name in the URL, and label.
HISTORIES: Final = (
    ("", "All"),
    ("sign-ins", "Sign-ins"),
    ("changes", "Changes"),
    ("emails", "Emails"),
)
OUT_OF_BAND: Final = 5  # changes


@never_cache
@require_safe
def account_detail(request: OperatorRequest, user_id: str) -> HttpResponse:
    """Show whether the user can sign in, why not, and the history of the account."""
    verdict = verdict_of(request, user_id)
    scope = request.user.scope
    acts = _offered_acts(request, verdict)
    may_act = request.user.may(MAY_UNLOCK)
    history = filters.choice(request.GET, "history", [name for name, _ in HISTORIES if name])
    kept = {"history": history} if history else {}
    page = account_timeline(user_id, history=history, marker=request.GET.get("marker", ""))
    why = diagnoses.explain_lock(
        verdict.account, policy=verdict.policy, now=verdict.now, scope=scope
    )
    context = {
        **account_context(verdict),
        "live": "marker" not in request.GET,
        "lines": page.lines,
        "history": history,
        "histories": HISTORIES,
        "first": f"?{urlencode(kept)}" if request.GET.get("marker") else "",
        "next": f"?{urlencode({**kept, 'marker': page.next})}" if page.next else "",
        "silence": liveness.silence(verdict.now),
        "acts": acts,
        "requests": four_eyes.waiting(scope=scope, now=verdict.now, target_id=user_id),
        "beyond": "" if acts or not may_act else request.user.authority.why_not(user_id),
        "ends_sessions": END_SESSIONS in acts,
        "primary": next((act for act in acts if act in RESTORING), None),
        "exemptions": register.of_account(verdict.account, verdict.now),
        "held": privileged.roles_of(user_id, scope=scope) if verdict.account.kinds else [],
        "credentials": credentials.list_credentials(user_id, scope=scope),
        "ec2": credentials.count_ec2(user_id),
        "most": privileged.MAX_LISTED,
        "out_of_band": tampering.changes_of(user_id, now=verdict.now, limit=OUT_OF_BAND),
        "why": why,
        "trend": trend(why.diagnosis.history.attempts, verdict.now) if why else None,
    }
    return render(request, "web/account_detail.html", context)


def account_timeline(user_id: str, *, history: str, marker: str) -> timeline.TimelinePage:
    """Return a page of sign-ins, changes, acts, and emails, newest first, or raise MarkerError."""
    changes, sign_ins = search.of_account(user_id)
    sources = {
        "sign-ins": [sign_ins],
        "changes": [audit.account_source(user_id), changes],
        "emails": [emails.source(user_id)],
    }
    return timeline.page(
        sources.get(history, [source for group in sources.values() for source in group]),
        marker=marker,
        limit=TIMELINE_LINES,
        unknown_names=False,
        within=user_id,
        others={Notice: emails.line},
    )


def account_context(verdict: SigninVerdict) -> dict[str, object]:
    """Return the template context that every page of an account needs."""
    return {
        "section": "accounts",
        "verdict": verdict,
        "account": verdict.account,
        "policy": verdict.policy,
        "now": verdict.now,
    }


def verdict_of(request: OperatorRequest, user_id: str) -> SigninVerdict:
    """Return the verdict on an account in the operator's scope.

    Raises:
        Http404: also for an account of another domain.
    """
    now = timezone.now()
    account = selectors.get(user_id, scope=request.user.scope)
    outages.answered(KEYSTONE_DATABASE, now)
    if account is None:
        raise Http404("There is no account with this ID. Search for its name.")
    return judge(account, policies.current(), now)


def _offered_acts(request: OperatorRequest, verdict: SigninVerdict) -> list[Act]:
    """Return the acts that fit the account and that the operator may perform."""
    return [act for act in fitting(verdict, request.user.authority) if request.user.may(act.needs)]
