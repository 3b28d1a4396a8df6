"""The pages that unlock several accounts of the locked list: the selection, and the progress."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from pciops.accounts import selectors
from pciops.accounts.account import Failures
from pciops.accounts.policy import policy as policies
from pciops.accounts.states import LOCKED
from pciops.accounts.verdict import SigninVerdict, judge
from pciops.actions import batches
from pciops.actions.batches import MOST
from pciops.actions.bulk import BulkOutcome
from pciops.actions.models import Batch
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.keystone import client
from pciops.lib import outages
from pciops.lib.numbers import counted
from pciops.signin import sessions
from pciops.web import rights
from pciops.web.account_list import listing, query_of
from pciops.web.errors import KEYSTONE_DATABASE
from pciops.web.forms import ReasonForm
from pciops.web.requests import OperatorRequest, initiator


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
    if "reason" not in request.POST:
        return _fresh_page(request, chosen, more=more)
    form = ReasonForm(request.POST)
    if not form.is_valid():
        return _form_page(request, chosen, form, status=400)
    try:
        sessions.confirm(request)
    except sessions.EndedError:
        return rights.signed_out(request, then=request.get_full_path())
    except client.UnreachableError as error:
        form.add_error(None, rights.unconfirmed(error))
        return _form_page(request, chosen, form, status=503)
    return _begin(request, chosen, form)


@never_cache
@require_safe
@rights.needs("unlock")
def unlocks(request: OperatorRequest, batch_id: str) -> HttpResponse:
    """Unlock the next accounts of a batch, and show its progress; the page reloads until the end.

    A GET continues only what the form has begun: without JavaScript, only a GET can be repeated
    automatically. HEAD unlocks nothing.
    """
    batch = _batch(request, batch_id)
    status = 200
    if request.method == "GET" and batches.progress(batch).running:
        try:
            batches.run_step(batch, confirm=partial(_confirmed, request), policy=policies.current())
        except sessions.EndedError:
            batches.stop(batch, "Keystone no longer accepted your token.", timezone.now())
            return rights.signed_out(request, then=request.path)
        except client.UnreachableError as error:
            batches.stop(batch, rights.unconfirmed(error), timezone.now())
            status = 503
    progress = batches.progress(batch)
    if any(item.outcome == BulkOutcome.FAILED for item in progress.items):
        status = 503
    context = {
        "section": "accounts",
        "progress": progress,
        "batch": progress.batch,
        "tone": "warning" if progress.batch.stopped_by_operator else "error",
        "rows": progress.others if progress.running else progress.items,
        "list": f"{reverse('accounts')}?{batch.query or 'state=locked'}",
    }
    response = render(request, "web/unlocks.html", context, status=status)
    if progress.running:
        response["Refresh"] = "1"
    return response


@never_cache
@require_POST
@rights.needs("unlock")
def unlocks_stop(request: OperatorRequest, batch_id: str) -> HttpResponse:
    """Stop a batch. An unlock that has begun is finished."""
    batch = _batch(request, batch_id)
    batches.stop(batch, "You stopped it.", timezone.now(), by_operator=True)
    return redirect("unlocks", batch_id)


def _batch(request: OperatorRequest, batch_id: str) -> Batch:
    batch = batches.find(batch_id, operator_id=request.user.id)
    if batch is None:
        raise Http404(
            "There are no such unlocks. They are kept here for a day, in the trail longer."
        )
    return batch


def _confirmed(request: OperatorRequest) -> tuple[Initiator, str | None]:
    """Return the initiator and their scope, as Keystone confirms them at this moment."""
    sessions.confirm(request)
    return initiator(request), request.user.scope


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
        query=request.GET.urlencode(),
        now=chosen.now,
    )
    return redirect("unlocks", batch.pk)


def _fresh_page(request: OperatorRequest, chosen: _Chosen, *, more: bool) -> HttpResponse:
    if any(verdict.locked for verdict in chosen.verdicts):
        return _form_page(request, chosen, ReasonForm(), more=more)
    messages.info(request, "No selected account is locked any more: there is nothing to unlock.")
    return redirect(_list(request))


def _form_page(
    request: OperatorRequest,
    chosen: _Chosen,
    form: ReasonForm,
    *,
    more: bool = False,
    status: int = 200,
) -> HttpResponse:
    """Show the form for those that are locked; their failures on it are the preconditions."""
    context = {
        "section": "accounts",
        "form": form,
        "verdicts": [verdict for verdict in chosen.verdicts if verdict.locked],
        "others": [verdict for verdict in chosen.verdicts if not verdict.locked],
        "missing": _missing(chosen.missing) if chosen.missing else "",
        "most": MOST if more else 0,
        "list": _list(request),
        "now": chosen.now,
    }
    return render(request, "web/accounts_unlock.html", context, status=status)


def _selection(values: list[str]) -> dict[str, Failures]:
    """Return the failures that each selected row showed, by id, or raise SelectionError."""
    preconditions = {}
    for value in values:
        user_id, _, failures = value.rpartition(" ")
        try:
            preconditions[user_id] = Failures.parse(failures)
        except ValueError:
            raise SelectionError("The selection cannot be read: select the rows again.") from None
    if not preconditions:
        raise SelectionError("No row is selected: select the accounts to unlock.")
    if len(preconditions) > MOST:
        number = len(preconditions)
        raise SelectionError(f"{number} accounts are selected: at most {MOST} at once.")
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
        raise SelectionError("No account of this list is locked any more.")
    return {account.id: account.failures for account in page.accounts}, bool(page.next)


def _look_up(request: OperatorRequest, preconditions: dict[str, Failures]) -> _Chosen:
    now, policy = timezone.now(), policies.current()
    accounts = selectors.get_many(preconditions, scope=request.user.scope)
    outages.answered(KEYSTONE_DATABASE, now)
    verdicts = [judge(account, policy, now) for account in accounts]
    return _Chosen(verdicts=verdicts, preconditions=preconditions, now=now)


def _missing(number: int) -> str:
    does = counted(number, "selected account does", "selected accounts do")
    return f"{does} not exist any more."


def _list(request: OperatorRequest) -> str:
    return f"{reverse('accounts')}?{request.GET.urlencode() or 'state=locked'}"
