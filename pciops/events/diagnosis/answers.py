"""What pages, the API and mails ask: why is this account locked, and will it be again?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pciops.accounts.account import Account
from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.policy import Policy
from pciops.audit.models import Event
from pciops.events.diagnosis.diagnosis import Cause
from pciops.events.diagnosis.explanation import Explained, explain
from pciops.events.diagnosis.histories import diagnoses


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The source of one account's failures, as Keystone reported it."""

    address: str  # reported: a proxy's, or forged where Keystone can be reached directly
    agent: str
    words: str  # one sentence, such as "the same wrong password every 300 s from 10.2.3.4"


AGAIN: Final = timedelta(hours=24)  # a lock so soon after an unlock has the same cause


def why(account: Account, *, policy: Policy, now: datetime, scope: str | None) -> Explained | None:
    """Why Keystone counts failures of this account; None where it counts none.

    Args:
        scope: the one domain that the operator sees; None: all.
    """
    if not account.covered or not account.failed_auth_count:
        return None
    found = diagnoses([account.id], policy=policy, now=now, scope=scope)
    return explain(found[account.id], now=now)


def causes(
    user_ids: Sequence[str], *, policy: Policy, now: datetime, scope: str | None
) -> dict[str, Cause]:
    """The verdicts on a page of accounts; none at all where nothing is heard from Keystone."""
    found = diagnoses(user_ids, policy=policy, now=now, scope=scope)
    if not any(one.history.heard.events for one in found.values()):
        return {}
    return {user_id: one.cause for user_id, one in found.items()}


def undone(account: Account, unlock: Event | None) -> bool:
    """Whether the lock of this account has undone this unlock within a day.

    Tries on a locked account leave its row alone, so the last failure is the one that locked it.
    """
    at = account.failed_auth_at
    if unlock is None or at is None:
        return False
    return unlock.event_time <= at <= unlock.event_time + AGAIN


def origins(user_ids: Sequence[str], now: datetime) -> Mapping[str, Origin]:
    """Return the origin of the newest failures of each account; unknown ones are left out."""
    found = diagnoses(user_ids, policy=policies.current(), now=now)
    return {
        user_id: Origin(
            address=one.sources[0].address,
            agent=one.sources[0].agent,
            words=explain(one, now=now).sentence,
        )
        for user_id, one in found.items()
        if one.sources
    }
