"""The page on which several accounts of the locked list are chosen and unlocked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from pciops.accounts import selectors
from pciops.accounts.account import Failures
from pciops.accounts.policy import policy as policies
from pciops.accounts.privileged import AccountKind
from pciops.accounts.states import LOCKED
from pciops.accounts.verdict import SigninVerdict, judge
from pciops.actions import batches, limits
from pciops.actions.batches import MOST
from pciops.audit.models import Event
from pciops.events.diagnosis import selectors as diagnoses
from pciops.events.diagnosis.explanation import Explanation
from pciops.keystone import client
from pciops.lib import outages
from pciops.lib.numbers import counted
from pciops.signin import sessions, typed
from pciops.web import rights
from pciops.web.account_list import listing, query_of
from pciops.web.errors import KEYSTONE_DATABASE
from pciops.web.forms import ReasonForm
from pciops.web.requests import OperatorRequest, remember_identity, usual_identity

ATTACKERS: Final = 3  # addresses that the warning names


class SelectionError(Exception):
    """A selection that cannot be unlocked; the text says why."""


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """The selected accounts, looked up."""

    verdicts: list[SigninVerdict]  # in the order of the list
    preconditions: dict[str, Failures]  # by account id, also of missing accounts
    now: datetime

    @property
    def missing(self) -> int:
        """Return how many do not exist for this operator: they were deleted, or out of scope."""
        return len(self.preconditions) - len(self.verdicts)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@rights.needs("unlock")
@sessions.confirms_itself
def accounts_unlock(request: OperatorRequest) -> HttpResponse:
    """Show the form for the selected rows, or begin the batch; the URL has the list's filters."""
    if request.method != "POST":
        return redirect(_list(request))
    try:
        if "all" in request.POST:
            preconditions, more = _whole_list(request)
        else:
            preconditions, more = _selection(request.POST.getlist("account")), False
    except SelectionError as error:
        return listing(request, refusal=str(error), status=400)
    chosen = _look_up(request, preconditions)
    if "leave_out" in request.POST:
        return _without_attacked(request, chosen)
    if "reason" not in request.POST:
        return _fresh_page(request, chosen, more=more)
    form = ReasonForm(request.POST, **_limit(request, chosen))
    if not form.is_valid():
        return _form_page(request, chosen, form, status=400)
    remember_identity(request, form.cleaned_data["identity"])
    try:
        sessions.confirm(request)
    except sessions.EndedError:
        return rights.signed_out(request, then=request.get_full_path())
    except client.UnreachableError as error:
        form.add_error(None, rights.unconfirmed(error))
        return _form_page(request, chosen, form, status=503)
    return _begin(request, chosen, form)


def _begin(request: OperatorRequest, chosen: _Chosen, form: ReasonForm) -> HttpResponse:
    if chosen.missing:
        messages.warning(request, _missing(chosen.missing))
    if not chosen.verdicts:
        return redirect(_list(request))
    batch = batches.begin(
        [
            (verdict.account, chosen.preconditions[verdict.account.id])
            for verdict in chosen.verdicts
        ],
        operator_id=request.user.id,
        reason=form.cleaned_data["reason"],
        identity=Event.Identity(form.cleaned_data["identity"]),
        beyond_limit=form.cleaned_data.get("beyond_limit", False),
        query=request.GET.urlencode(),
        now=chosen.now,
    )
    return redirect("unlocks", batch.pk)


def _limit(request: OperatorRequest, chosen: _Chosen) -> dict[str, Any]:
    """Return what the form needs to ask for unlocks beyond the limit.

    Only administrators of the whole cloud can confirm that for several accounts at once.
    """
    authority, excess = request.user.authority, ""
    if authority.administers_cloud:
        locked = [verdict.account.id for verdict in chosen.verdicts if verdict.locked]
        excess = limits.excess_of_all(locked, request.user.id, now=chosen.now)
    return {"authority": authority, "excess": excess}


def _fresh_page(request: OperatorRequest, chosen: _Chosen, *, more: bool) -> HttpResponse:
    if any(verdict.locked for verdict in chosen.verdicts):
        service = all(AccountKind.SERVICE in one.account.kinds for one in chosen.verdicts)
        initial = {"identity": usual_identity(request, service=service)}
        form = ReasonForm(initial=initial, **_limit(request, chosen))
        return _form_page(request, chosen, form, more=more)
    messages.info(
        request, "The selected accounts are no longer locked, so there is nothing to unlock."
    )
    return redirect(_list(request))


def _form_page(
    request: OperatorRequest,
    chosen: _Chosen,
    form: ReasonForm,
    *,
    more: bool = False,
    status: int = 200,
) -> HttpResponse:
    """Show the form for those that are locked; their failures on it are the preconditions.

    Accounts under attack come first, then those that would be locked again.
    """
    why = _explanations(request, chosen)
    verdicts = [verdict for verdict in chosen.verdicts if verdict.locked]
    verdicts.sort(key=lambda verdict: _urgency(why.get(verdict.account.id)))
    attacked = [one for one in why.values() if one.cause.attack]
    context = {
        "section": "accounts",
        "form": form,
        "verdicts": verdicts,
        "why": why,
        "attacked": len(attacked),
        "attackers": _main_addresses(attacked)[:ATTACKERS],
        "relocking": sum(bool(one.warning) and not one.cause.attack for one in why.values()),
        "others": [verdict for verdict in chosen.verdicts if not verdict.locked],
        "missing": _missing(chosen.missing) if chosen.missing else "",
        "most": MOST if more else 0,
        "list": _list(request),
        "now": chosen.now,
    }
    return render(request, "web/accounts_unlock.html", context, status=status)


def _without_attacked(request: OperatorRequest, chosen: _Chosen) -> HttpResponse:
    """Show the form again without the accounts under attack, with what was typed."""
    why = _explanations(request, chosen)
    attacked = {user_id for user_id, one in why.items() if one.cause.attack}
    kept = replace(
        chosen,
        verdicts=[one for one in chosen.verdicts if one.account.id not in attacked],
        preconditions={
            user_id: failures
            for user_id, failures in chosen.preconditions.items()
            if user_id not in attacked
        },
    )
    if not any(verdict.locked for verdict in kept.verdicts):
        messages.info(request, "Every selected account is under attack, so none was unlocked.")
        return redirect(_list(request))
    initial = {name: request.POST.get(name, "") for name in ("reason", "identity")}
    return _form_page(request, kept, ReasonForm(initial=initial))


def _explanations(request: OperatorRequest, chosen: _Chosen) -> dict[str, Explanation]:
    """Return why each of the locked accounts is locked, by account id."""
    return diagnoses.explain_locks(
        [verdict.account for verdict in chosen.verdicts if verdict.locked],
        policy=policies.current(),
        now=chosen.now,
        scope=request.user.scope,
    )


def _main_addresses(explanations: list[Explanation]) -> list[str]:
    """Return the addresses that most attempts come from, as Keystone reports them."""
    sources = (one.diagnosis.sources[:1] for one in explanations)
    return list(dict.fromkeys(main.address for [main] in filter(None, sources) if main.address))


def _urgency(why: Explanation | None) -> int:
    if why is None:
        return 2
    return 0 if why.cause.attack else 1 if why.warning else 2


def _selection(values: list[str]) -> dict[str, Failures]:
    """Return the failures that each selected row showed, by id, or raise SelectionError."""
    preconditions = {}
    for value in values:
        user_id, _, failures = value.rpartition(" ")
        try:
            preconditions[user_id] = Failures.parse(failures)
        except ValueError:
            raise SelectionError("The selection is invalid. Select the rows again.") from None
    if not preconditions:
        raise SelectionError("No row is selected. Select the accounts to unlock.")
    if len(preconditions) > MOST:
        number = len(preconditions)
        raise SelectionError(f"{number} accounts are selected. Select at most {MOST}.")
    return preconditions


def _whole_list(request: OperatorRequest) -> tuple[dict[str, Failures], bool]:
    """Return ids and failures of the list's first rows, as many as a batch takes.

    Returns:
        The ids with the failures, and whether the list has more rows.

    Raises:
        SelectionError
    """
    now, scope = timezone.now(), request.user.scope
    query = replace(query_of(request, selectors.domains(scope=scope)), state=LOCKED)
    page = selectors.page(
        query, scope=scope, policy=policies.current(), now=now, marker="", limit=MOST
    )
    if not page.accounts:
        raise SelectionError("The accounts of this list are no longer locked.")
    return {account.id: account.failures for account in page.accounts}, bool(page.next)


def _look_up(request: OperatorRequest, preconditions: dict[str, Failures]) -> _Chosen:
    now, policy = timezone.now(), policies.current()
    accounts = selectors.get_many(preconditions, scope=request.user.scope)
    outages.answered(KEYSTONE_DATABASE, now)
    verdicts = [judge(account, policy, now) for account in accounts]
    return _Chosen(verdicts=verdicts, preconditions=preconditions, now=now)


def _missing(number: int) -> str:
    gone = counted(number, "selected account no longer exists", "selected accounts no longer exist")
    return f"{gone}."


def _list(request: OperatorRequest) -> str:
    filters = request.GET.copy()
    filters.pop(typed.PARAMETER, None)  # of a form whose session has ended
    return f"{reverse('accounts')}?{filters.urlencode() or 'state=locked'}"
