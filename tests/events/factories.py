"""Rows of events, and histories of sign-ins for diagnoses."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pciops.events.diagnosis.cadence import AttemptRow
from pciops.events.diagnosis.rules import AddressActivity, Coverage, History
from pciops.events.intake.aggregate import window_of
from pciops.events.models import Activity, Attempts, ConsumerSession, KnownName, Outcome
from tests.factories import NOW

REASON: Final = Attempts.Reason
SCRIPT: Final = "keystoneauth1/5.18.0 python-requests/2.34 CPython/3.11"
BROWSER: Final = "openstack_auth keystoneauth1/5.9.1 python-requests/2.31.0 CPython/3.11.2"
CLIENT: Final = "python-openstackclient keystoneauth1/5.9.1 python-requests/2.31.0 CPython/3.11.2"
_numbers: Final = itertools.count(1)


# --- Rows ---------------------------------------------------------------------------------------
def attempts(
    count: int = 1, *, at: datetime = NOW, until: datetime | None = None, **fields: Any
) -> Attempts:
    """Return an unsaved row, by default of wrong passwords of j.doe (corp) from 10.2.3.4."""
    fields.setdefault("reason", REASON.WRONG_PASSWORD)
    signed_in = fields["reason"] == REASON.NONE
    defaults = {
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
    return Attempts(**{**defaults, **fields})


def activity(
    action: str = Activity.Action.DISABLED, *, at: datetime = NOW, **fields: Any
) -> Activity:
    """Return an unsaved row, by default of admin (Default), who changed j.doe (corp)."""
    defaults = {
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
    return Activity(action=action, at=at, **{**defaults, **fields})


def save_name(user_id: str, name: str, *, at: datetime = NOW) -> None:
    """Save the last known name of an account."""
    KnownName.objects.create(user_id=user_id, name=name, at=at)


def save_attempts(user_id: str, rows: Iterable[AttemptRow], *, name: str = "") -> None:
    """Save a history as rows of this account, whose domain is unknown."""
    Attempts.objects.bulk_create(
        attempts(
            at=row.first_at,
            domain_id="",
            domain_name="",
            **{**asdict(row), "user_id": user_id, "name": name},
        )
        for row in rows
    )


def save_unknown_names(names: Iterable[str], *, address: str, ago: float = 60) -> None:
    """Save attempts with unknown usernames, a second apart."""
    for number, name in enumerate(names):
        row = failure(ago - number, "", address=address, agent="curl/8.5")
        save_attempts("", [replace(row, reason=REASON.UNKNOWN_NAME)], name=name)


def save_session(*, ago: timedelta = timedelta(days=3), until: timedelta = timedelta(0)) -> None:
    """Save the session of a consumer that was connected for this time."""
    ConsumerSession.objects.create(
        consumer="node 1", connected=True, since=NOW - ago, until=NOW - until
    )


# --- Histories ----------------------------------------------------------------------------------
def failure(
    ago: float,
    password: str = "",
    *,
    address: str = "10.2.3.4",
    agent: str = SCRIPT,
    count: int = 1,
    over: float = 0.0,
) -> AttemptRow:
    """Return a wrong password, or, without one, an attempt on the locked account.

    Args:
        ago, over: seconds before now, and from the first to the last.
    """
    first = NOW - timedelta(seconds=ago)
    return AttemptRow(
        user_id="",
        name="",
        first_at=first,
        last_at=first + timedelta(seconds=over),
        count=count,
        outcome=Outcome.FAILURE,
        reason=REASON.WRONG_PASSWORD if password else REASON.LOCKED,
        address=address,
        agent=agent,
        partial_hash=password,
    )


def success(ago: float, *, address: str = "10.2.3.4", agent: str = SCRIPT) -> AttemptRow:
    row = failure(ago, address=address, agent=agent)
    return replace(row, outcome=Outcome.SUCCESS, reason=REASON.NONE)


def unhashed(row: AttemptRow) -> AttemptRow:
    """Return the row as if Keystone did not report hashes."""
    return replace(row, partial_hash="")


def stale_script(
    *, every: float = 300.0, times: int = 20, last: float = 100.0, agent: str = SCRIPT
) -> list[AttemptRow]:
    """Return attempts with one password at a cadence; six of nine hit the locked account."""
    return [
        failure(last + every * number, "Ab3x" if (times - number) % 9 < 3 else "", agent=agent)
        for number in range(times)
    ]


def history(
    rows: Sequence[AttemptRow],
    addresses: Mapping[str, AddressActivity] | None = None,
    *,
    events: bool = True,
    successes: bool = True,
) -> History:
    """Return a history of a day without gaps."""
    return History(
        attempts=rows,
        coverage=Coverage(since=NOW - timedelta(days=1), events=events, successes=successes),
        addresses=addresses or {},
    )
