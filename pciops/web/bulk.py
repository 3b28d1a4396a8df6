"""The pages that unlock several accounts of the locked list at once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from pciops.accounts import policy as policies
from pciops.accounts import selectors
from pciops.accounts.account import Failures
from pciops.accounts.policy import Policy
from pciops.accounts.verdict import Verdict, judge
from pciops.actions.bulk import MOST, Choice, Outcome, Result, unlock_all
from pciops.audit.models import Event
from pciops.keystone import client
from pciops.lib import outages
from pciops.signin import sessions
from pciops.web import rights
from pciops.web.errors import KEYSTONE_DATABASE
from pciops.web.forms import ReasonForm
from pciops.web.requests import OperatorRequest, initiator
from pciops.web.views import listing

_KEY: Final = "unlocked"  # in the session: how the last acts ended


class SelectionError(Exception):
    """A selection that does not do; the text says what would."""


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """The selection, looked up."""

    verdicts: list[Verdict]  # in the order of the list
    seen: dict[str, Failures]  # by account id, of these and of those that are not there
    policy: Policy
    now: datetime

    @property
    def missing(self) -> int:
        """How many are not there, or of another domain: the operator learns no more of them."""
        return len(self.seen) - len(self.verdicts)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@rights.needs("unlock")
def accounts_unlock(request: OperatorRequest) -> HttpResponse:
    """The form for the selected rows, and the acts; the address has the filters of the list."""
    if request.method != "POST":
        return redirect(_list(request))
    try:
        seen = _selection(request.POST.getlist("account"))
    except SelectionError as error:
        return listing(request, refusal=str(error), status=400)
    chosen = _look_up(request, seen)
    if "reason" not in request.POST:
        return _fresh_page(request, chosen)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _form_page(request, chosen, form, status=400)
    try:
        request.user.rights = sessions.confirmed_rights(request)
    except sessions.EndedError:
        return rights.signed_out(request, then=request.get_full_path())
    except client.UnreachableError as error:
        form.add_error(None, rights.unconfirmed(error))
        return _form_page(request, chosen, form, status=503)
    return _unlock(request, chosen, form)


@never_cache
@require_safe
@rights.needs("unlock")
def accounts_unlocked(request: OperatorRequest) -> HttpResponse:
    """How the last selection of this session ended; it can be reloaded, nothing acts again."""
    kept = request.session.get(_KEY)
    if not kept:
        return redirect(_list(request))
    results = [Result(**{**fields, "outcome": Outcome(fields["outcome"])}) for fields in kept]
    return _results_page(request, results)


def _unlock(request: OperatorRequest, chosen: _Chosen, form: ReasonForm) -> HttpResponse:
    results = list(
        unlock_all(
            [Choice(account=it.account, seen=chosen.seen[it.account.id]) for it in chosen.verdicts],
            policy=chosen.policy,
            initiator=initiator(request),
            reason=form.cleaned_data["reason"],
            identity=Event.Identity(form.cleaned_data["identity"]),
            now=chosen.now,
        )
    )
    if chosen.missing:
        messages.warning(request, _missing(chosen.missing))
    if any(result.outcome is Outcome.FAILED for result in results):
        # Shown at once: the session lies in the database that may be what failed.
        return _results_page(request, results, status=503)
    request.session[_KEY] = [asdict(result) for result in results]
    return redirect(f"{reverse('accounts_unlocked')}?{request.GET.urlencode()}")


def _fresh_page(request: OperatorRequest, chosen: _Chosen) -> HttpResponse:
    if any(verdict.locked for verdict in chosen.verdicts):
        return _form_page(request, chosen, ReasonForm())
    messages.info(request, "No selected account is locked any more: there is nothing to unlock.")
    return redirect(_list(request))


def _form_page(
    request: OperatorRequest, chosen: _Chosen, form: ReasonForm, *, status: int = 200
) -> HttpResponse:
    """The form for those that are locked; what it shows of them is what it sends as seen."""
    context = {
        "section": "accounts",
        "form": form,
        "verdicts": [verdict for verdict in chosen.verdicts if verdict.locked],
        "others": [verdict for verdict in chosen.verdicts if not verdict.locked],
        "missing": _missing(chosen.missing) if chosen.missing else "",
        "list": _list(request),
        "now": chosen.now,
    }
    return render(request, "web/accounts_unlock.html", context, status=status)


def _results_page(
    request: OperatorRequest, results: list[Result], *, status: int = 200
) -> HttpResponse:
    context = {
        "section": "accounts",
        "results": results,
        "unlocked": sum(result.outcome is Outcome.UNLOCKED for result in results),
        "failed": any(result.outcome is Outcome.FAILED for result in results),
        "list": _list(request),
    }
    return render(request, "web/accounts_unlocked.html", context, status=status)


def _selection(values: list[str]) -> dict[str, Failures]:
    """The ids of the selected rows with the failures that each row showed.

    Raises:
        SelectionError
    """
    seen = {}
    for value in values:
        user_id, _, failures = value.rpartition(" ")
        try:
            seen[user_id] = Failures.parse(failures)
        except ValueError:
            raise SelectionError("The selection cannot be read: select the rows again.") from None
    if not seen:
        raise SelectionError("No row is selected: select the accounts to unlock.")
    if len(seen) > MOST:
        raise SelectionError(f"{len(seen)} accounts are selected: at most {MOST} at once.")
    return seen


def _look_up(request: OperatorRequest, seen: dict[str, Failures]) -> _Chosen:
    now, policy = timezone.now(), policies.current()
    accounts = selectors.these(seen, scope=request.user.scope)
    outages.answered(KEYSTONE_DATABASE, now)
    verdicts = [judge(account, policy, now) for account in accounts]
    return _Chosen(verdicts=verdicts, seen=seen, policy=policy, now=now)


def _missing(number: int) -> str:
    if number == 1:
        return "1 selected account does not exist any more."
    return f"{number} selected accounts do not exist any more."


def _list(request: OperatorRequest) -> str:
    return f"{reverse('accounts')}?{request.GET.urlencode() or 'state=locked'}"
