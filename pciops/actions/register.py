"""The exemption register: each `ignore_…` option in Keystone's database beside what we recorded.

Keystone stores neither an owner nor an end of an exemption. An exemption is a finding if it is not
recorded, or if its last day is over.
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
from pciops.actions.models import Exemption
from pciops.audit.models import Event
from pciops.keystone import database
from pciops.lib import times

BATCH: Final = 1000  # accounts in memory at a time
COLUMNS: Final = (
    *("status", "option", "user_id", "user_name", "domain_id", "domain_name", "kinds"),
    *("owner", "reason", "starts_on", "ends_on", "recorded_by", "event_id"),
)
_GRANT: Final = re.compile(r"(?P<option>\w+) until (?P<ends_on>[\d-]+), owner: (?P<owner>.+)")


@dataclass(frozen=True, kw_only=True)
class Grant:
    """An exemption with its owner and last day, as the audit log's `resource` has it."""

    option: str
    owner: str
    ends_on: date

    def __str__(self) -> str:
        """Return `ignore_password_expiry until 2027-01-31, owner: network team`."""
        return f"{self.option} until {self.ends_on}, owner: {self.owner}"

    @classmethod
    def parse(cls, resource: str) -> Grant:
        """Return the grant that `str` wrote, or raise ValueError."""
        match = _GRANT.fullmatch(resource)
        if match is None:
            raise ValueError(resource)
        return cls(
            option=match["option"],
            owner=match["owner"],
            ends_on=date.fromisoformat(match["ends_on"]),
        )


def option_of(event: Event) -> str:
    """Return the option that an act was about, or "" if it was about none."""
    if event.action in {Event.Action.EXEMPT, Event.Action.RECORD}:
        return Grant.parse(event.resource).option
    return event.resource


class ExemptionStatus(TextChoices):
    """The status of an exemption, as URLs and the API name it; the findings first."""

    UNRECORDED = "unrecorded", "Not recorded"
    OVERDUE = "overdue", "Overdue"
    RECORDED = "recorded", "Recorded"
    GONE = "gone", "No longer set"

    @property
    def is_finding(self) -> bool:
        """Return whether an operator has to act on it."""
        return self in {ExemptionStatus.UNRECORDED, ExemptionStatus.OVERDUE}


@dataclass(frozen=True, kw_only=True)
class ExemptionEntry:
    """One option of one account: Keystone's value, and what is recorded of it."""

    status: ExemptionStatus
    option: str
    account: Account | None  # None: deleted in Keystone
    record: Exemption | None  # None: not recorded

    @property
    def user_id(self) -> str:
        return self.account.id if self.account else self._recorded("user_id")

    @property
    def user_name(self) -> str:
        """Return the name of the account, or of a deleted one the name that was recorded."""
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
class RegisterPage:
    """The entries of some accounts, in the order of their ids; `next` is "" after the last."""

    entries: list[ExemptionEntry]
    next: str


def page(*, scope: str | None, now: datetime, marker: str = "", limit: int = BATCH) -> RegisterPage:
    """Return the entries of the next accounts.

    Args:
        scope: the one domain that the operator sees, None for the whole cloud.
        marker: the id of the last account of the page before.
        limit: of accounts, not of entries.
    """
    exempt = _exempt_ids(scope, marker, limit)
    records = Exemption.objects.filter(lifted_at=None, user_id__gt=marker)
    if scope is not None:
        records = records.filter(domain_id=scope)
    recorded = records.order_by("user_id").values_list("user_id", flat=True).distinct()
    ids = sorted({*exempt, *recorded[: limit + 1]})
    here = ids[:limit]
    accounts = {account.id: account for account in selectors.get_many(here, scope=scope)}
    open_records: dict[str, dict[str, Exemption]] = defaultdict(dict)
    for record in records.filter(user_id__in=here).order_by("pk"):
        open_records[record.user_id][record.option] = record
    entries = [
        entry
        for user_id in here
        for entry in _entries(accounts.get(user_id), open_records[user_id], now)
    ]
    return RegisterPage(entries=entries, next=here[-1] if len(ids) > limit else "")


def entries(*, scope: str | None, now: datetime) -> Iterator[ExemptionEntry]:
    """Yield all entries, in the order of account ids, in constant memory.

    Raises:
        KeystoneDatabaseDownError: also after the first entries.
    """
    following = page(scope=scope, now=now)
    yield from following.entries
    while following.next:
        following = page(scope=scope, now=now, marker=following.next)
        yield from following.entries


def of_account(account: Account, now: datetime) -> list[ExemptionEntry]:
    """Return the entries of one account."""
    records = Exemption.objects.filter(user_id=account.id, lifted_at=None).order_by("pk")
    return _entries(account, {record.option: record for record in records}, now)


def as_dict(entry: ExemptionEntry) -> dict[str, Any]:
    """Return an entry as the API and the files give it."""
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


def record(event: Event) -> Exemption:
    """Record what an act has granted, and close what was recorded of the option before."""
    grant = Grant.parse(event.resource)
    close(event)
    return Exemption.objects.create(
        user_id=event.target_id,
        user_name=event.target_name,
        domain_id=event.target_domain_id,
        domain_name=event.target_domain_name,
        option=grant.option,
        owner=grant.owner,
        reason=event.reason,
        starts_on=event.event_time.date(),
        ends_on=grant.ends_on,
        recorded_by=event.initiator,
        event_id=event.id,
    )


def close(event: Event) -> int:
    """Close what is recorded of the act's option: it was lifted, or is recorded anew."""
    records = Exemption.objects.filter(
        user_id=event.target_id, option=option_of(event), lifted_at=None
    )
    return records.update(lifted_at=event.settled_at, lifted_by=event.initiator)


@database.reading()
def _exempt_ids(scope: str | None, marker: str, limit: int) -> list[str]:
    """Return one id more than `limit`, which tells whether there is a next page."""
    rows = EXEMPTIONS.filter(user_id__gt=marker)
    if scope is not None:
        rows = rows.filter(user__domain_id=scope)
    ids = rows.order_by("user_id").values_list("user_id", flat=True).distinct()
    return list(ids[: limit + 1])


def _entries(
    account: Account | None, records: dict[str, Exemption], now: datetime
) -> list[ExemptionEntry]:
    held = account.exemptions if account else []
    statuses = {option: _status(records.get(option), now) for option in held}
    statuses |= {option: ExemptionStatus.GONE for option in records if option not in held}
    return [
        ExemptionEntry(status=status, option=option, account=account, record=records.get(option))
        for option, status in statuses.items()
    ]


def _status(record: Exemption | None, now: datetime) -> ExemptionStatus:
    if record is None:
        return ExemptionStatus.UNRECORDED
    overdue = record.ends_on < now.date()
    return ExemptionStatus.OVERDUE if overdue else ExemptionStatus.RECORDED
