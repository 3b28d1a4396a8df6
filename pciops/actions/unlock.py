"""Unlock: clear the failures of an account, if they are still those that the operator saw."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError, connection

from pciops.accounts.account import Failures
from pciops.accounts.states import LOCK_LAPSED, LOCKED
from pciops.accounts.verdict import SigninVerdict
from pciops.actions.act import MAY_UNLOCK, Act, ActRequest, Done, Refused, Unknown, account_now
from pciops.audit import selectors as audit
from pciops.audit.models import Event
from pciops.keystone import database
from pciops.keystone.unlock import clear_failures
from pciops.lib import galera, times


class Unlock(Act):
    """One guarded UPDATE in Keystone's database: the API cannot do it without side effects."""

    name = "unlock"
    action = Event.Action.UNLOCK
    label = "Unlock"
    title = ("Unlock", "")
    did = "is unlocked."
    unfit = "The account is not locked, so there is nothing to unlock."
    on_oneself = "You can't unlock your own account. Ask another operator."
    needs = MAY_UNLOCK
    asks = ("reason", "identity", "beyond_limit")

    def fits(self, verdict: SigninVerdict) -> bool:
        return verdict.locked

    def unlocks(self, verdict: SigninVerdict) -> bool:
        return True

    def effects(self, verdict: SigninVerdict) -> list[str]:
        return [
            f"Failed attempts go from {verdict.account.failed_auth_count} to 0. "
            "Nothing else changes.",
        ]

    def warnings(self, verdict: SigninVerdict) -> list[str]:
        if not verdict.blocking_after_unlock:
            return []
        states = ", ".join(state.label.lower() for state in verdict.blocking_after_unlock)
        return [f"Still can't sign in after the unlock: {states}."]

    def precondition(self, verdict: SigninVerdict) -> str:
        return str(verdict.account.failures)

    def parse_precondition(self, text: str) -> str:
        return str(Failures.parse(text))

    def carry_out(
        self, event: Event, verdict: SigninVerdict, request: ActRequest
    ) -> Done | Refused | Unknown | None:
        failures = verdict.account.failures
        try:
            cleared = clear_failures(event.target_id, **asdict(failures))
        except (DatabaseError, InterfaceError) as error:
            return _failed(event, failures, database.reason(error))
        return Done(event=event) if cleared else None

    def conflict_sentence(self, event: Event, verdict: SigninVerdict, request: ActRequest) -> str:
        if verdict.locked:
            return (
                "The account was locked again after you opened the form. Nothing was changed. "
                "Check the new failed attempts, then try again."
            )
        if LOCK_LAPSED in verdict.states:
            return "The lock has already ended. Nothing was changed."
        try:
            return f"The account is not locked. {_who_was_first(event, verdict.now)}"
        except (DatabaseError, InterfaceError):  # of the audit log: settling says so
            return "The account is not locked."

    def outcome_after_crash(
        self, event: Event, verdict: SigninVerdict
    ) -> tuple[Event.Outcome, str]:
        """Return the outcome; the UPDATE changes the row only from the precondition to none."""
        account, before = verdict.account, Failures.parse(event.precondition)
        if account.failures == before:
            return Event.Outcome.FAILURE, "not carried out, Keystone's row is unchanged"
        other = audit.unlock_of(event.target_id, precondition=event.precondition, but=event)
        if other and other.outcome == Event.Outcome.SUCCESS:
            return Event.Outcome.FAILURE, (
                f"not carried out, {other.initiator} unlocked the account"
            )
        if other:
            return Event.Outcome.UNKNOWN, f"the account may have been unlocked by {other.initiator}"
        if account.failures != Failures(failed_auth_count=0, failed_auth_at=None):
            return Event.Outcome.UNKNOWN, "Keystone's row has other failures by now"
        if not LOCKED.holds(account._replace(**asdict(before)), verdict.policy, verdict.now):
            return Event.Outcome.UNKNOWN, (
                "Keystone's row shows no failures, but the lock has run out since, and a sign-in "
                "may have cleared them"
            )
        return Event.Outcome.SUCCESS, "Keystone's row shows that it was unlocked"


UNLOCK = Unlock()


def _failed(event: Event, failures: Failures, reason: str) -> Refused | Unknown:
    """Return what the row shows after an error: unchanged is a refusal, all else is unknown."""
    try:
        account = account_now(event)
        unchanged = account is not None and account.failures == failures
    except database.KeystoneDatabaseDownError:
        unchanged = False
    if unchanged:
        sentence = f"Keystone's database refused: {reason}. Nothing was changed."
        return Refused(event=event, sentence=sentence, remark=reason)
    sentence = (
        f"Keystone's database did not answer: {reason}. pciops doesn't know whether the account "
        "was unlocked. Check it again."
    )
    return Unknown(event=event, sentence=sentence, remark=reason)


def _who_was_first(event: Event, now: datetime) -> str:
    """Return who ended the lock that the operator saw, as far as the audit log can tell."""
    before = Failures.parse(event.precondition)
    galera.wait_for_writes(connection)
    act = None
    for _ in range(10):  # between its UPDATE and its row an unlock needs milliseconds
        if not before.failed_auth_count:  # there was no lock, so no other unlock has ended one
            break
        act = audit.unlock_of(event.target_id, precondition=event.precondition, but=event)
        if act is None or act.outcome == Event.Outcome.SUCCESS:
            break
        time.sleep(0.05)
    if act and act.outcome == Event.Outcome.PENDING:
        at = times.dated(act.event_time)
        return f"{act.initiator} started to unlock it on {at}; the outcome is not recorded yet."
    # An unlock of other failures, then: since those of the precondition, or else within a day.
    since = before.failed_auth_at or now - timedelta(days=1)
    if act := act or audit.last_unlock(event.target_id, since=since):
        return f"{act.initiator} unlocked it on {times.dated(act.event_time)}."
    return "A sign-in or another tool has cleared its failed attempts."
