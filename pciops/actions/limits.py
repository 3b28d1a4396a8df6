"""The limits of unlocks in an hour, of one account and by one operator.

They are counted in the audit log, and include acts that end a lock besides, such as an exemption.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from pciops.accounts.account import Account
from pciops.accounts.privileged import AccountKind
from pciops.actions.authority import Authority
from pciops.audit import marks as audit_marks
from pciops.audit import selectors as audit
from pciops.audit.models import Event
from pciops.lib.numbers import counted

HOUR: Final = timedelta(hours=1)


def excess(target_id: str, operator_id: str, *, now: datetime, but: Event | None = None) -> str:
    """Return which limit one more unlock would exceed; "" if none.

    Args:
        but: the event of that unlock, if it has begun.
    """
    since = now - HOUR
    most = settings.UNLOCKS_PER_HOUR
    number = audit.count_unlocks(since=since, until=now, but=but, target_id=target_id)
    if number >= most:
        return (
            f"The account was unlocked {counted(number, 'time')} in the last hour; the limit is "
            f"{most}."
        )
    most = settings.OPERATOR_UNLOCKS_PER_HOUR
    number = audit.count_unlocks(since=since, until=now, but=but, initiator_id=operator_id)
    if number >= most:
        return (
            f"The operator did {counted(number, 'unlock')} in the last hour; the limit is {most}."
        )
    return ""


def excess_of_all(target_ids: Collection[str], operator_id: str, *, now: datetime) -> str:
    """Return which limit unlocks of all these accounts would exceed; "" if none."""
    since, most = now - HOUR, settings.OPERATOR_UNLOCKS_PER_HOUR
    number = audit.count_unlocks(since=since, until=now, initiator_id=operator_id)
    if number + len(target_ids) > most:
        return (
            f"With these, the operator would have done {number + len(target_ids)} unlocks in an "
            f"hour; the limit is {most}."
        )
    most = settings.UNLOCKS_PER_HOUR
    numbers = audit.unlock_counts(target_ids, since=since, until=now)
    if beyond := sum(number >= most for number in numbers.values()):
        were = counted(beyond, "of these accounts was", "of these accounts were")
        return f"{were} unlocked {counted(most, 'time')} in the last hour, which is the limit."
    return ""


def next_step(authority: Authority) -> str:
    """Return what the operator can do about an excess."""
    if authority.administers_cloud:
        return "Confirm that you unlock it beyond the limit: an alert is sent."
    return "A second operator has to confirm this unlock. Request it in the unlock form."


def marks(event: Event, account: Account | None) -> Iterator[str]:
    """Yield the marks that the remark of an act begins with once it is done."""
    if event.initiator_type == Event.InitiatorType.OS:
        yield audit_marks.BREAK_GLASS
    if not audit.is_unlock(event):
        return
    if account is not None and AccountKind.ADMINISTRATOR in account.kinds:
        yield audit_marks.ADMINISTRATOR
    if excess(event.target_id, event.initiator_id, now=event.event_time, but=event):
        yield audit_marks.BEYOND_LIMIT
