"""Unlock: clear an account's failures, if they still are what the operator saw."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError

from pciops.accounts import selectors
from pciops.accounts.account import Account, Failures
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import LOCK_LAPSED, LOCKED
from pciops.accounts.verdict import SigninVerdict
from pciops.actions.act import MAY_UNLOCK, Act, ActFailedError, ActRequest, ConflictError, Ending
from pciops.audit import selectors as trail
from pciops.audit import services
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.keystone import database
from pciops.keystone.unlock import clear_failures
from pciops.lib import times


class Unlock(Act):
    """One guarded UPDATE in Keystone's database: the API cannot do it without side effects."""

    name = "unlock"
    action = Event.Action.UNLOCK
    label = "Unlock"
    title = ("Unlock", "?")
    did = "is unlocked."
    unfit = "The account is not locked: there is nothing to unlock."
    needs = MAY_UNLOCK
    asks = ("reason", "identity")

    def fits(self, verdict: SigninVerdict) -> bool:
        return verdict.locked

    def effects(self, verdict: SigninVerdict) -> list[str]:
        return [
            "Sets the failure count to zero. Nothing else changes: the account stays enabled or "
            "disabled as it is, its last activity stays.",
            "Tokens and application credentials were never stopped by the lock.",
        ]

    def warnings(self, verdict: SigninVerdict) -> list[str]:
        if not verdict.blocking_after_unlock:
            return []
        states = ", ".join(state.label.lower() for state in verdict.blocking_after_unlock)
        return [f"An unlock alone will not let the user in: {states}."]

    def seen(self, verdict: SigninVerdict) -> str:
        return str(verdict.account.failures)

    def parse_seen(self, text: str) -> str:
        return str(Failures.parse(text))

    def carry_out(self, event: Event, verdict: SigninVerdict, order: ActRequest) -> str | None:
        return "" if _cleared(event, verdict.account.failures) else None

    def conflict(self, event: Event, order: ActRequest) -> ConflictError:
        return _conflict(event, order.policy, order.now)

    def ending(self, event: Event, verdict: SigninVerdict) -> Ending:
        return _ending(event, verdict)


UNLOCK = Unlock()


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

    Raises:
        ConflictError, ActFailedError, KeystoneDatabaseDownError, AuditLogError: as `Act.perform`.
    """
    order = ActRequest(
        initiator=initiator,
        reason=reason,
        identity=identity,
        seen=str(seen),
        policy=policy,
        now=now,
    )
    return UNLOCK.perform(account, order)


def _cleared(event: Event, seen: Failures) -> bool:
    try:
        return clear_failures(
            event.target_id,
            failed_auth_count=seen.failed_auth_count,
            failed_auth_at=seen.failed_auth_at,
        )
    except (DatabaseError, InterfaceError) as error:
        raise _failed(event, seen, database.reason(error)) from error


def _failed(event: Event, seen: Failures, reason: str) -> ActFailedError:
    """Settle by what the row shows: unchanged is a failure, anything else nobody can know."""
    try:
        account = selectors.get(event.target_id, scope=None)
        unchanged = account is not None and account.failures == seen
    except database.KeystoneDatabaseDownError:
        unchanged = False
    if unchanged:
        services.settle(event, Event.Outcome.FAILURE, reason)
        return ActFailedError(f"Keystone's database refused: {reason}. Nothing was changed.")
    services.settle(event, Event.Outcome.UNKNOWN, reason)
    return ActFailedError(
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
    return ConflictError(sentence, event, account, fits=locked)


def _who_was_first(event: Event, now: datetime) -> str:
    """Who ended the lock that the operator saw, as far as the trail can tell."""
    seen = Failures.parse(event.precondition)
    act = None
    for _ in range(10):  # between its UPDATE and its row an unlock needs milliseconds
        if not seen.failed_auth_count:  # no lock was seen, and others in vain at it ended none
            break
        act = trail.unlock_of(event.target_id, precondition=event.precondition, but=event)
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


def _ending(event: Event, verdict: SigninVerdict) -> Ending:
    """The UPDATE changes the row only from what was seen to no failures at all."""
    account, seen = verdict.account, Failures.parse(event.precondition)
    if account.failures == seen:
        return Event.Outcome.FAILURE, "not carried out, Keystone's row is unchanged"
    other = trail.unlock_of(event.target_id, precondition=event.precondition, but=event)
    if other and other.outcome == Event.Outcome.SUCCESS:
        return Event.Outcome.FAILURE, f"not carried out, {other.initiator} unlocked the account"
    if other:
        return Event.Outcome.UNKNOWN, f"the account may have been unlocked by {other.initiator}"
    if account.failures != Failures(failed_auth_count=0, failed_auth_at=None):
        return Event.Outcome.UNKNOWN, "Keystone's row has other failures by now"
    if not LOCKED.holds(replace(account, **asdict(seen)), verdict.policy, verdict.now):
        return Event.Outcome.UNKNOWN, (
            "Keystone's row shows no failures, but the lock has run out since, and a sign-in may "
            "have cleared them"
        )
    return Event.Outcome.SUCCESS, "Keystone's row shows that it was unlocked"
