"""Rows as the consumer keeps them."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from pciops.events.intake.aggregate import window_of
from pciops.events.models import Activity, Attempts, KnownName, Outcome
from tests.factories import NOW

_numbers: Final = itertools.count(1)
REASON: Final = Attempts.Reason


def attempts(
    count: int = 1, *, at: datetime = NOW, until: datetime | None = None, **facts: Any
) -> Attempts:
    """Wrong passwords of j.doe (corp) from 10.2.3.4, apart from the facts given; not saved."""
    facts.setdefault("reason", REASON.WRONG_PASSWORD)
    signed_in = facts["reason"] == REASON.NONE
    usual = {
        "dedup_key": UUID(int=next(_numbers)),
        "window": window_of(at),
        "user_id": "d0e",
        "name": "j.doe",
        "domain_id": "corp",
        "domain_name": "corp",
        "outcome": Outcome.SUCCESS if signed_in else Outcome.FAILURE,
        "address": "10.2.3.4",
        "agent": "keystoneauth1/5.18.0 python-requests/2.34",
        "first_at": at,
        "last_at": until or at,
        "count": count,
    }
    return Attempts(**{**usual, **facts})


def activity(
    action: str = Activity.Action.DISABLED, *, at: datetime = NOW, **facts: Any
) -> Activity:
    """Done by admin (Default) to j.doe (corp), apart from the facts given; not saved."""
    usual = {
        "event_id": f"event-{next(_numbers)}",
        "outcome": Outcome.SUCCESS,
        "user_id": "d0e",
        "name": "j.doe",
        "domain_id": "corp",
        "domain_name": "corp",
        "doer_id": "adm1n",
        "doer_name": "admin",
        "doer_domain_id": "default",
        "doer_domain_name": "Default",
        "address": "10.2.3.4",
        "agent": "openstacksdk/4.0 keystoneauth1/5.18.0",
    }
    return Activity(action=action, at=at, **{**usual, **facts})


def known(user_id: str, name: str, *, at: datetime = NOW) -> None:
    """The consumer has heard of this account."""
    KnownName.objects.create(user_id=user_id, name=name, at=at)
