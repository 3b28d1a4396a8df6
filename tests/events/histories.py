"""Histories of sign-ins, recorded or made up, in few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from pciops.events.diagnosis.cadence import AttemptRow
from pciops.events.diagnosis.rules import AddressActivity, Coverage, History
from pciops.events.models import Attempts, Outcome
from tests.factories import NOW

Reason = Attempts.Reason

SCRIPT = "keystoneauth1/5.18.0 python-requests/2.34 CPython/3.11"
BROWSER = "openstack_auth keystoneauth1/5.9.1 python-requests/2.31.0 CPython/3.11.2"
CLIENT = "python-openstackclient keystoneauth1/5.9.1 python-requests/2.31.0 CPython/3.11.2"


def tried(
    ago: float,
    password: str = "",
    *,
    address: str = "10.2.3.4",
    agent: str = SCRIPT,
    count: int = 1,
    over: float = 0.0,
) -> AttemptRow:
    """A wrong password so many seconds ago; one without a hash is one on the locked account.

    Args:
        over: seconds from the first to the last of them.
    """
    first = NOW - timedelta(seconds=ago)
    return AttemptRow(
        user_id="",
        name="",
        first_at=first,
        last_at=first + timedelta(seconds=over),
        count=count,
        outcome=Outcome.FAILURE,
        reason=Reason.WRONG_PASSWORD if password else Reason.LOCKED,
        address=address,
        agent=agent,
        partial_hash=password,
    )


def signed_in(ago: float, *, address: str = "10.2.3.4", agent: str = SCRIPT) -> AttemptRow:
    """The right password."""
    return replace(
        tried(ago, address=address, agent=agent), outcome=Outcome.SUCCESS, reason=Reason.NONE
    )


def unhashed(row: AttemptRow) -> AttemptRow:
    """As Keystone sends it where it is not told to report hashes."""
    return replace(row, partial_hash="")


def history(
    tries: Sequence[AttemptRow],
    elsewhere: Mapping[str, AddressActivity] | None = None,
    *,
    events: bool = True,
    successes: bool = True,
) -> History:
    """What was heard, without gaps."""
    return History(
        attempts=tries,
        coverage=Coverage(since=NOW - timedelta(days=1), events=events, successes=successes),
        addresses=elsewhere or {},
    )


def stale_script(
    *, every: float = 300.0, times: int = 20, last: float = 100.0, agent: str = SCRIPT
) -> list[AttemptRow]:
    """Three tries, six on the locked account, three tries: always the same password."""
    return [
        tried(last + every * number, "Ab3x" if (times - number) % 9 < 3 else "", agent=agent)
        for number in range(times)
    ]
