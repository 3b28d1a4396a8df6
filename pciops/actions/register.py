"""The exemption register: each `ignore_…` option in Keystone's database beside what we recorded.

Keystone knows neither an owner nor an end of an exemption; a finding is one that nobody has
recorded, or whose last day has gone by.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.db.models import TextChoices

from pciops.accounts import selectors
from pciops.accounts.account import Account
from pciops.accounts.states import EXEMPTIONS
from pciops.actions.act import ActRequest
from pciops.actions.models import Exemption
from pciops.audit.models import Event
from pciops.keystone import database
from pciops.lib import times

BATCH: Final = 1000  # accounts in memory at a time
COLUMNS: Final = (
    *("status", "option", "user_id", "user_name", "domain_id", "domain_name", "kinds"),
    *("owner", "reason", "starts_on", "ends_on", "recorded_by", "event_id"),
)


# What `granted` writes.
GRANTED: Final = re.compile(r"(?P<option>\w+) until (?P<ends_on>[\d-]+), owner: (?P<owner>.+)")


class Status(TextChoices):
    """How an exemption stands, as URLs and the API name it; the findings first."""

    UNRECORDED = "unrecorded", "Not recorded"
    OVERDUE = "overdue", "Overdue"
    RECORDED = "recorded", "Recorded"
    GONE = "gone", "Not set any more"

    @property
    def is_finding(self) -> bool:
        """Whether somebody has to do something."""
        return self in {Status.UNRECORDED, Status.OVERDUE}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One option of one account: what Keystone has, and what we recorded."""

    status: Status
    option: str
    account: Account | None  # None: deleted in Keystone
    record: Exemption | None  # None: nobody has recorded it

    @property
    def user_id(self) -> str:
        return self.account.id if self.account else self._recorded("user_id")

    @property
    def user_name(self) -> str:
        """As it is called now, or else as it was when it was recorded."""
        return self.account.name if self.account else self._recorded("user_name")

    @property
    def domain_id(self) -> str:
        return self.account.domain_id if self.account else self._recorded("domain_id")

    @property
    def domain_name(self) -> str:
        return self.account.domain_name if self.account else self._recorded("domain_name")

    def _recorded(self, name: str) -> str:
        return str(getattr(self.record, name, ""))


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The entries of some accounts, in the order of their ids; `next` is "" behind the last."""

    entries: list[Entry]
    next: str


def batch(*, scope: str | None, now: datetime, marker: str = "", limit: int = BATCH) -> Batch:
    """The entries of the next accounts.

    Args:
        scope: the one domain that the operator sees, None for the whole cloud.
        marker: the account id to go on behind.
        limit: of accounts, not of entries.

    Raises:
        KeystoneDatabaseDownError
    """
    exempt = _exempt_ids(scope, marker, limit)
    records = Exemption.objects.filter(lifted_at=None, user_id__gt=marker)
    if scope is not None:
        records = records.filter(domain_id=scope)
    recorded = records.order_by("user_id").values_list("user_id", flat=True).distinct()
    ids = sorted({*exempt, *recorded[: limit + 1]})
    here = ids[:limit]
    accounts = {found.id: found for found in selectors.get_many(here, scope=scope)}
    open_records: dict[str, dict[str, Exemption]] = defaultdict(dict)
    for record in records.filter(user_id__in=here).order_by("pk"):
        open_records[record.user_id][record.option] = record
    entries = [
        entry
        for user_id in here
        for entry in _entries(accounts.get(user_id), open_records[user_id], now)
    ]
    return Batch(entries=entries, next=here[-1] if len(ids) > limit else "")


def entries(*, scope: str | None, now: datetime) -> Iterator[Entry]:
    """All of it, in the order of account ids, in constant memory.

    Raises:
        KeystoneDatabaseDownError: also in the midst of it.
    """
    marker = ""
    while True:
        found = batch(scope=scope, now=now, marker=marker)
        yield from found.entries
        marker = found.next
        if not marker:
            return


def of_account(account: Account, now: datetime) -> list[Entry]:
    """The entries of one account."""
    records = Exemption.objects.filter(user_id=account.id, lifted_at=None).order_by("pk")
    return _entries(account, {record.option: record for record in records}, now)


def as_dict(entry: Entry) -> dict[str, Any]:
    """An entry as the API and the files give it."""
    record = entry.record
    return {
        "status": entry.status.value,
        "option": entry.option,
        "user_id": entry.user_id,
        "user_name": entry.user_name,
        "domain_id": entry.domain_id,
        "domain_name": entry.domain_name,
        "kinds": [kind.value for kind in entry.account.kinds] if entry.account else [],
        "owner": record.owner if record else None,
        "reason": record.reason if record else None,
        "starts_on": times.iso(record.starts_on) if record else None,
        "ends_on": times.iso(record.ends_on) if record else None,
        "recorded_by": record.recorded_by if record else None,
        "event_id": record.event_id if record else None,
    }


def granted(order: ActRequest) -> str:
    """`ignore_password_expiry until 2027-01-31, owner: network team`: in the trail."""
    return f"{order.option} until {order.ends_on}, owner: {order.owner}"


def record(event: Event) -> Exemption:
    """Keep what an act of the trail has granted; what was recorded before is closed."""
    found = GRANTED.fullmatch(event.resource)
    if found is None:
        raise ValueError(event.resource)
    close(event, found["option"])
    return Exemption.objects.create(
        user_id=event.target_id,
        user_name=event.target_name,
        domain_id=event.target_domain_id,
        domain_name=event.target_domain_name,
        option=found["option"],
        owner=found["owner"],
        reason=event.reason,
        starts_on=event.event_time.date(),
        ends_on=date.fromisoformat(found["ends_on"]),
        recorded_by=event.initiator,
        event_id=event.id,
    )


def close(event: Event, option: str) -> int:
    """Close what is recorded of an option: it was lifted, or is recorded anew."""
    records = Exemption.objects.filter(user_id=event.target_id, option=option, lifted_at=None)
    return records.update(lifted_at=event.settled_at, lifted_by=event.initiator)


@database.reading()
def _exempt_ids(scope: str | None, marker: str, limit: int) -> list[str]:
    """One more than `limit`, so that it is known whether there are more."""
    rows = EXEMPTIONS.filter(user_id__gt=marker)
    if scope is not None:
        rows = rows.filter(user__domain_id=scope)
    ids = rows.order_by("user_id").values_list("user_id", flat=True).distinct()
    return list(ids[: limit + 1])


def _entries(account: Account | None, records: dict[str, Exemption], now: datetime) -> list[Entry]:
    held = account.exemptions if account else []
    found = [
        Entry(
            status=_status(records.get(option), now),
            option=option,
            account=account,
            record=records.get(option),
        )
        for option in held
    ]
    found += [
        Entry(status=Status.GONE, option=option, account=account, record=record)
        for option, record in records.items()
        if option not in held
    ]
    return found


def _status(record: Exemption | None, now: datetime) -> Status:
    if record is None:
        return Status.UNRECORDED
    return Status.OVERDUE if record.ends_on < now.date() else Status.RECORDED
