"""Unlock: clear an account's failures, if they still are what the operator saw."""

from __future__ import annotations

import time
import unicodedata
from datetime import datetime, timedelta
from typing import Final

from django.db import DatabaseError, InterfaceError

from pciops.accounts import selectors
from pciops.accounts.account import Account, Failures
from pciops.accounts.policy import Policy
from pciops.accounts.states import LOCK_LAPSED, LOCKED
from pciops.audit import selectors as trail
from pciops.audit import services
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.keystone import database
from pciops.keystone.unlock import clear_failures
from pciops.lib import times

REASON_MAX: Final = 1000  # characters


class ReasonError(ValueError):
    """A reason that does not do; the text says what would."""


def checked_reason(value: object) -> str:
    """The reason of an act, as form, API and command take it.

    Raises:
        ReasonError
    """
    reason = value.strip() if isinstance(value, str) else ""
    if not reason:
        raise ReasonError("say why, for whoever reads the trail.")
    if len(reason) > REASON_MAX:
        raise ReasonError(f"at most {REASON_MAX} characters; this has {len(reason)}.")
    # Cc: control characters; Cs: half a surrogate pair, which no database takes.
    if any(unicodedata.category(c) in {"Cc", "Cs"} and c not in "\t\r\n" for c in reason):
        raise ReasonError("text only, without control characters.")
    return reason


class ConflictError(Exception):
    """The account was not unlocked by this act, which is in the trail as a failure."""

    def __init__(self, sentence: str, event: Event, account: Account | None, *, locked: bool):
        super().__init__(sentence)
        self.event = event
        self.account = account  # as it is now; None: it is gone
        self.locked = locked  # with other failures than the operator saw


class UnlockFailedError(Exception):
    """Keystone's database refused or lost the UPDATE; the text says which, for operators."""


def unlock(
    account: Account,
    *,
    seen: Failures,
    policy: Policy,
    initiator: Initiator,
    reason: str,
    identity: Event.Identity,
    now: datetime,
) -> Event:
    """Clear the failures that the operator saw; one row in the trail however it ends.

    Args:
        account: as it is now.
        seen: what the operator looked at when they decided.

    Returns:
        The settled event.

    Raises:
        ConflictError: it is not locked any more, or locked anew; nothing was changed.
        UnlockFailedError: the database did not do it, or its answer was lost.
        KeystoneDatabaseDownError: nothing was changed, and why cannot be looked up.
        TrailError: the trail cannot be written; the text says whether the act was done.
    """
    event = services.open_event(
        Event.Action.UNLOCK,
        account,
        seen=seen,
        initiator=initiator,
        reason=reason,
        identity=identity,
        now=now,
    )
    as_seen = LOCKED.holds(account, policy, now) and account.failures == seen
    if as_seen and _cleared(event, seen):
        return services.settle(event, Event.Outcome.SUCCESS)
    raise _conflict(event, policy, now)


def _cleared(event: Event, seen: Failures) -> bool:
    try:
        return clear_failures(
            event.target_id,
            failed_auth_count=seen.failed_auth_count,
            failed_auth_at=seen.failed_auth_at,
        )
    except (DatabaseError, InterfaceError) as error:
        raise _failed(event, seen, database.reason(error)) from error


def _failed(event: Event, seen: Failures, reason: str) -> UnlockFailedError:
    """Settle by what the row shows: unchanged is a failure, anything else nobody can know."""
    try:
        account = selectors.get(event.target_id, scope=None)
        unchanged = account is not None and account.failures == seen
    except database.KeystoneDatabaseDownError:
        unchanged = False
    if unchanged:
        services.settle(event, Event.Outcome.FAILURE, reason)
        return UnlockFailedError(f"Keystone's database refused: {reason}. Nothing was changed.")
    services.settle(event, Event.Outcome.UNKNOWN, reason)
    return UnlockFailedError(
        f"Keystone's database did not answer: {reason}. Whether the account was unlocked is not "
        "known; look at it again."
    )


def _conflict(event: Event, policy: Policy, now: datetime) -> ConflictError:
    """Say why there was nothing to clear, from the account as it is at this moment.

    Raises:
        KeystoneDatabaseDownError: it cannot be read; the act is settled as a failure all the same.
    """
    try:
        account = selectors.get(event.target_id, scope=None)
    except database.KeystoneDatabaseDownError as error:
        services.settle(event, Event.Outcome.FAILURE, str(error))
        raise
    locked = account is not None and LOCKED.holds(account, policy, now)
    if account is None:
        sentence = "The account was deleted in Keystone."
    elif locked:
        sentence = (
            "The account was locked again after you opened the form. Nothing was changed: look at "
            "the new failures and decide again."
        )
    elif LOCK_LAPSED.holds(account, policy, now):
        sentence = "The lock has run out by itself. Nothing was changed."
    else:
        try:
            sentence = f"The account is not locked. {_who_was_first(event, now)}"
        except (DatabaseError, InterfaceError):  # the trail's: settling says so
            sentence = "The account is not locked."
    services.settle(event, Event.Outcome.FAILURE, sentence)
    return ConflictError(sentence, event, account, locked=locked)


def _who_was_first(event: Event, now: datetime) -> str:
    """Who ended the lock that the operator saw, as far as the trail can tell."""
    seen = Failures.parse(event.seen)
    act = None
    for _ in range(10):  # between its UPDATE and its row an unlock needs milliseconds
        if not seen.failed_auth_count:  # no lock was seen, and others in vain at it ended none
            break
        act = trail.unlock_of(event.target_id, seen=event.seen, but=event)
        if act is None or act.outcome == Event.Outcome.SUCCESS:
            break
        time.sleep(0.05)
    if act and act.outcome == Event.Outcome.PENDING:
        at = times.dated(act.event_time)
        return f"{act.initiator} began to unlock it on {at}; how that ended is not recorded yet."
    # Not of this lock, then: one since the failures that were seen, or else within a day.
    since = seen.failed_auth_at or now - timedelta(days=1)
    if act := act or trail.last_unlock(event.target_id, since=since):
        return f"{act.initiator} unlocked it on {times.dated(act.event_time)}."
    return "A sign-in or another tool has cleared its failures."
