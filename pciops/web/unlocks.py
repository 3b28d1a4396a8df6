"""The pages of several unlocks under way: the progress, the result, and the result as a file."""

from __future__ import annotations

from functools import partial
from typing import Final

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.accounts import selectors
from pciops.accounts.policy import policy as policies
from pciops.accounts.verdict import SigninVerdict, judge
from pciops.actions import batches
from pciops.actions.authority import Authority
from pciops.actions.bulk import BulkOutcome
from pciops.actions.models import Batch, BatchItem
from pciops.audit.services import Initiator
from pciops.keystone import client
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.signin import sessions
from pciops.web import rights
from pciops.web.exports import export
from pciops.web.requests import OperatorRequest, initiator, post_only

# What did not work comes first.
ORDER: Final = (
    BulkOutcome.FAILED,
    BatchItem.UNCLEAR,
    BulkOutcome.CONFLICT,
    BulkOutcome.REFUSED,
    BulkOutcome.REQUESTED,
    BatchItem.TRYING,
    BatchItem.WAITING,
    BulkOutcome.UNLOCKED,
)
COLUMNS: Final = ("account_id", "name", "domain_name", "outcome", "sentence")


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
    blocked = {} if progress.running else _still_blocked(request, progress.items)
    rows = progress.others if progress.running else progress.items
    context = {
        "section": "accounts",
        "now": timezone.now(),
        "progress": progress,
        "batch": progress.batch,
        "tone": "soon" if progress.batch.stopped_by_operator else "bad",
        "rows": sorted(rows, key=lambda item: (_place(item), item.account_id not in blocked)),
        "failed": len(progress.items) - progress.unlocked,
        "blocked": blocked,
        "list": f"{reverse('accounts')}?{batch.query or 'state=locked'}",
    }
    response = render(request, "web/unlocks.html", context, status=status)
    if progress.running:
        response["Refresh"] = "1"
    return response


@never_cache
@post_only(lambda batch_id: reverse("unlocks", args=(batch_id,)))
@rights.needs("unlock")
def unlocks_stop(request: OperatorRequest, batch_id: str) -> HttpResponse:
    """Stop a batch. An unlock that has begun is finished."""
    batch = _batch(request, batch_id)
    batches.stop(batch, "You stopped it.", timezone.now(), by_operator=True)
    return redirect("unlocks", batch_id)


@never_cache
@require_safe
def unlocks_export(request: OperatorRequest, batch_id: str) -> StreamingHttpResponse:
    """Stream the result of a batch as a file, what did not work first."""
    rights.require(request, "unlock")
    items = sorted(batches.progress(_batch(request, batch_id)).items, key=_place)
    rows = ({name: getattr(item, name) for name in COLUMNS} for item in items)
    return export(request, "unlocks", COLUMNS, rows, now=timezone.now())


def _batch(request: OperatorRequest, batch_id: str) -> Batch:
    batch = batches.find(batch_id, operator_id=request.user.id)
    if batch is None:
        raise Http404(
            "There are no such unlocks. This page keeps them for a day; the audit log keeps them "
            "longer."
        )
    return batch


def _confirmed(request: OperatorRequest) -> tuple[Initiator, Authority]:
    """Return the initiator and their authority, as Keystone confirms them at this moment."""
    sessions.confirm(request)
    return initiator(request), request.user.authority


def _still_blocked(request: OperatorRequest, items: list[BatchItem]) -> dict[str, SigninVerdict]:
    """Return the unlocked accounts that can't sign in all the same, as they are now, by id."""
    unlocked = [item.account_id for item in items if item.outcome == BulkOutcome.UNLOCKED]
    try:
        accounts = selectors.get_many(unlocked, scope=request.user.scope)
    except KeystoneDatabaseDownError:
        return {}  # the outcomes are known without it
    policy, now = policies.current(), timezone.now()
    verdicts = [judge(account, policy, now) for account in accounts]
    return {verdict.account.id: verdict for verdict in verdicts if verdict.blocking}


def _place(item: BatchItem) -> int:
    return ORDER.index(item.outcome)
