"""Changes past pciops, in words: what changed, when, and by whom as far as that was heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pciops.events import selectors
from pciops.events.models import Activity, HiddenChange, Outcome
from pciops.events.tampering.out_of_band import LATE, SLACK
from pciops.lib import times
from pciops.lib.addresses import plain

_CHANGES: Final = (
    Activity.Action.UPDATED,
    Activity.Action.ENABLED,
    Activity.Action.PASSWORD,
)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A change and what is known of it."""

    change: HiddenChange
    words: str  # what it was and is
    how: str  # who did it, or why nobody knows


def of_account(user_id: str, *, now: datetime, limit: int) -> list[Shown]:
    """The changes of one account past pciops, the newest first."""
    rows = HiddenChange.objects.filter(user_id=user_id).order_by("-found_at", "-pk")
    return shown(list(rows[:limit]), now=now)


def newest(*, since: datetime, scope: str | None, now: datetime, limit: int) -> list[Shown]:
    """Those of all accounts since then, the newest first.

    Args:
        scope: the one domain that the operator sees; None: all.
    """
    rows = HiddenChange.objects.filter(found_at__gte=since)
    if scope is not None:
        rows = rows.filter(domain_id=scope)
    return shown(list(rows.order_by("-found_at", "-pk")[:limit]), now=now)


def shown(changes: Sequence[HiddenChange], *, now: datetime) -> list[Shown]:
    """These, with who did each as far as it was heard."""
    if not changes:
        return []
    since, until = min(one.seen_at for one in changes), max(one.found_at for one in changes)
    acts = list(
        Activity.objects.filter(
            user_id__in={one.user_id for one in changes},
            action__in=_CHANGES,
            outcome=Outcome.SUCCESS,
            at__gte=since - SLACK,
            at__lte=until + SLACK,
        ).order_by("at", "pk")
    )
    return [
        Shown(
            change=one,
            words=(
                f"{one.before} when it was looked at before, at {times.instant(one.seen_at, now)};"
                f" {one.after} at {times.instant(one.found_at, now)}"
            ),
            how=_how(one, acts, now),
        )
        for one in changes
    ]


def _how(change: HiddenChange, acts: Sequence[Activity], now: datetime) -> str:
    begins, ends = change.seen_at - SLACK, change.found_at + SLACK
    of_it = [act for act in acts if act.user_id == change.user_id and begins <= act.at <= ends]
    if of_it:
        act = of_it[-1]
        who = plain(act.doer_name or act.doer_id) or "somebody"
        domain = f" ({plain(act.doer_domain_name)})" if act.doer_domain_name else ""
        return (
            f"{who}{domain} changed the account through Keystone's API at"
            f" {times.instant(act.at, now)}, which does this besides."
        )
    if any(True for _ in selectors.gaps(begins, min(ends, now))):
        return "Who did it is not known: in this time no consumer was connected to RabbitMQ."
    if now - change.found_at < LATE:
        return "No notification has told of it so far."
    return "Keystone has told nothing of it: most likely its tables were changed directly."
