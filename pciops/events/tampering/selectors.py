"""Reads changes outside pciops, with the account that made each, as far as it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pciops.events import liveness
from pciops.events.models import Activity, Outcome, OutOfBandChange
from pciops.events.tampering.detection import LATE, SLACK
from pciops.lib import times
from pciops.lib.addresses import plain

_ACTIONS: Final = (
    Activity.Action.UPDATED,
    Activity.Action.ENABLED,
    Activity.Action.PASSWORD,
)


@dataclass(frozen=True, kw_only=True)
class DescribedChange:
    """A change in words."""

    change: OutOfBandChange
    summary: str  # state before and after
    attribution: str  # the account that did it, or why it is unknown


def changes_of(user_id: str, *, now: datetime, limit: int) -> list[DescribedChange]:
    """Return the changes of one account, newest first."""
    rows = OutOfBandChange.objects.filter(user_id=user_id).order_by("-found_at", "-pk")
    return describe(list(rows[:limit]), now=now)


def newest_changes(
    *, since: datetime, scope: str | None, now: datetime, limit: int
) -> list[DescribedChange]:
    """Return the changes since then, newest first.

    Args:
        scope: the only domain that the operator sees; None for all.
    """
    rows = OutOfBandChange.objects.filter(found_at__gte=since)
    if scope is not None:
        rows = rows.filter(domain_id=scope)
    return describe(list(rows.order_by("-found_at", "-pk")[:limit]), now=now)


def describe(changes: Sequence[OutOfBandChange], *, now: datetime) -> list[DescribedChange]:
    """Return the changes in words."""
    if not changes:
        return []
    acts = list(
        Activity.objects.filter(
            user_id__in={change.user_id for change in changes},
            action__in=_ACTIONS,
            outcome=Outcome.SUCCESS,
            at__gte=min(change.checked_at for change in changes) - SLACK,
            at__lte=max(change.found_at for change in changes) + SLACK,
        ).order_by("at", "pk")
    )
    return [
        DescribedChange(
            change=change,
            summary=(
                f"{change.before} at the earlier check, {times.instant(change.checked_at, now)}; "
                f"{change.after} at {times.instant(change.found_at, now)}"
            ),
            attribution=_attribution(change, acts, now),
        )
        for change in changes
    ]


def _attribution(change: OutOfBandChange, acts: Sequence[Activity], now: datetime) -> str:
    begins, ends = change.checked_at - SLACK, change.found_at + SLACK
    matching = [act for act in acts if act.user_id == change.user_id and begins <= act.at <= ends]
    if matching:
        act = matching[-1]
        doer = plain(act.doer_name or act.doer_id) or "somebody"
        domain = f" ({plain(act.doer_domain_name)})" if act.doer_domain_name else ""
        return (
            f"{doer}{domain} changed the account through Keystone's API at "
            f"{times.instant(act.at, now)}, which also has this effect."
        )
    if any(True for _ in liveness.gaps(begins, min(ends, now))):
        return "The actor is unknown: no consumer was connected to RabbitMQ at that time."
    if now - change.found_at < LATE:
        return "No notification about it has arrived yet."
    return "Keystone sent no notification about it. Most likely its tables were changed directly."
