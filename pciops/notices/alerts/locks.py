"""Locks of privileged accounts: administrators, service accounts, and machines of the settings.

The scan of the overview finds the locks (`accounts.failing`); accounts that were alerted to are
read by their ids. More than `MANY` locks at once share one more alert, so that an attack on all
service accounts does not send hundreds of emails.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from pciops.accounts import failing, machines, selectors
from pciops.accounts.account import Account
from pciops.accounts.machines import MachineReason, Named
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKind
from pciops.accounts.states import LOCK_LAPSED, LOCKED
from pciops.accounts.states.lock import locked_until
from pciops.audit import selectors as audit
from pciops.events.diagnosis import explanation
from pciops.events.diagnosis.selectors import explain_lock
from pciops.lib import times
from pciops.lib.addresses import defanged, quoted, storable
from pciops.lib.numbers import counted
from pciops.notices.alerts.lifecycle import Condition
from pciops.notices.alerts.message import AlertKind, AlertText, Section
from pciops.notices.models import Alert

MANY: Final = 10  # locks that have an alert of their own at a time
# A guess of pciops does not wake anybody.
_GUESSED: Final = MachineReason.CREDENTIALS
_LONGEST: Final = 400  # characters of a sentence about the cause


def conditions(policy: Policy, now: datetime) -> Iterator[Condition]:
    """Yield a condition for each lock that has an alert, for new ones, and for many at once.

    Raises:
        KeystoneDatabaseDownError
    """
    known = Alert.objects.filter(kind=AlertKind.ACCOUNT_LOCKED, resolved_at=None)
    told = [_user_id(alert) for alert in known.order_by("raised_at")]
    found = _locked(policy, now)
    new = [user_id for user_id in found if user_id not in told]
    accounts = selectors.get_many([*told, *new[:MANY]], scope=None) if told or new else []
    locked = [account for account in accounts if LOCKED.holds(account, policy, now)]
    for account in locked[:MANY]:
        yield _condition(account, policy, now)
    if len(found) > MANY:
        yield Condition(
            kind=AlertKind.MANY_LOCKED, subject="", began_at=now, describe=lambda: _many(len(found))
        )


def ending(alert: Alert, policy: Policy, now: datetime) -> str:
    """Return how the lock of an alert ended.

    Raises:
        KeystoneDatabaseDownError
    """
    if alert.kind == AlertKind.MANY_LOCKED:
        return f"At most {MANY} administrators, service accounts, and machines are locked."
    account = selectors.get(_user_id(alert), scope=None)
    if account is None:
        return "The account was deleted."
    unlock = audit.last_unlock(account.id, since=alert.began_at)
    if unlock is not None:
        by = quoted(unlock.initiator, 130)
        return f"Unlocked by {by} at {times.dated(unlock.settled_at or unlock.event_time)}."
    if LOCKED.holds(account, policy, now):
        return "The account was locked again: another alert is about that lock."
    until = locked_until(account, policy)
    if until is not None and LOCK_LAPSED.holds(account, policy, now):
        return f"The lock ended by itself at {times.dated(until)}."
    return "The account is no longer locked."


def _locked(policy: Policy, now: datetime) -> list[str]:
    """Return the ids of privileged accounts that are locked, the newest failure first."""
    seen = failing.read(scope=None, policy=policy, now=now, fresh=True).value
    locked = seen.locked(policy, now)
    named = (Named(one.user_id, one.name, one.domain_id) for one in locked)
    reasons = machines.reasons_of(named, seen.kinds)
    return [
        one.user_id
        for one in locked
        if one.user_id in seen.kinds or reasons.get(one.user_id, _GUESSED) is not _GUESSED
    ]


def _condition(account: Account, policy: Policy, now: datetime) -> Condition:
    return Condition(
        kind=AlertKind.ACCOUNT_LOCKED,
        subject=f"{account.id} {account.failures}",
        began_at=account.failed_auth_at or now,
        describe=lambda: describe(account, policy, now),
    )


def _user_id(alert: Alert) -> str:
    return alert.subject.partition(" ")[0]


def describe(account: Account, policy: Policy, now: datetime) -> AlertText:
    """Return cause, source and end of a lock."""
    until = locked_until(account, policy)
    ends = f"Locked until {times.dated(until)}" if until else "It does not end by itself"
    failures = counted(account.failed_auth_count, "failed sign-in")
    at = f" at {times.dated(account.failed_auth_at)}" if account.failed_auth_at else ""
    sections = [Section(lines=[f"Locked{at} after {failures}. {ends}, unless it is unlocked."])]
    why = explain_lock(account, policy=policy, now=now, scope=None)
    facts: dict[str, Any] = {}
    if why is not None:
        facts = explanation.as_dict(why)
        cause = [why.sentence, *([why.warning] if why.warning else [])]
        sections += [Section(title="Cause", lines=[defanged(line, _LONGEST) for line in cause])]
        sections += [
            Section(title="What to do", lines=[defanged(line, _LONGEST) for line in why.advice])
        ]
    return AlertText(
        summary=f"{_label(account)} locked: {quoted(account.name)} ({quoted(account.domain_name)})",
        sections=sections,
        path=f"/accounts/{account.id}/",
        expected_end=until,
        facts={
            "account": {
                "id": account.id,
                "name": storable(account.name),
                "domain_id": account.domain_id,
                "domain_name": storable(account.domain_name),
                "kinds": list(account.kinds),
                "machine": account.machine,
            },
            "failed_attempts": account.failed_auth_count,
            "locked_at": times.iso(account.failed_auth_at),
            "locked_until": times.iso(until),
            "diagnosis": facts or None,
        },
    )


def _label(account: Account) -> str:
    """Return `Administrator`, `Service account` or `Machine`."""
    if AccountKind.ADMINISTRATOR in account.kinds:
        return AccountKind.ADMINISTRATOR.label
    return AccountKind.SERVICE.label if account.kinds else "Machine"


def _many(number: int) -> AlertText:
    return AlertText(
        summary=f"{number} administrators, service accounts, and machines are locked",
        sections=[Section(lines=[f"Only {MANY} of them have alerts of their own at a time."])],
        path="/accounts/?state=locked&sort=privileged",
        facts={"accounts_locked": number},
    )
