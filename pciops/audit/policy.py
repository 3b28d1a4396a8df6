"""Notices that Keystone's policy has changed since it was looked at last."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from django.db import transaction

from pciops.accounts.policy.policy import SourcedPolicy, Value, said
from pciops.audit import chain
from pciops.audit.models import Event, SeenOption
from pciops.audit.services import PCIOPS, record

RESOURCE: Final = "[security_compliance]"


@transaction.atomic
def compare(found: SourcedPolicy, now: datetime) -> list[Event]:
    """Write a row for each option that has another value than last time, with both values.

    The first look of all writes one row with every value, so that the trail has them from the
    first day. Whoever compares at the same moment waits, and finds nothing more to write.

    Raises:
        AuditLogError: nothing is written, and the next look finds the same changes.
    """
    chain.locked_head()
    seen = {row.name: row.value for row in SeenOption.objects.all()}
    values = {name: json.dumps(value) for name, value in found.values.items()}
    changed = [name for name, value in values.items() if seen.get(name) != value]
    if not seen:
        text = ", ".join(f"{name} {said(name, value)}" for name, value in found.values.items())
        events = [_row("", f"first seen: {text}", now)]
    else:
        events = [_row(name, _change(name, seen.get(name), found), now) for name in changed]
    for name in changed:
        SeenOption.objects.update_or_create(name=name, defaults={"value": values[name]})
    return events


def _change(name: str, before: str | None, found: SourcedPolicy) -> str:
    old = "first seen" if before is None else said(name, _value(before))
    return f"{old} → {said(name, found.values[name])} (from {found.sources[name]})"


def _value(text: str) -> Value:
    value = json.loads(text)
    return tuple(value) if isinstance(value, list) else value


def _row(name: str, remark: str, now: datetime) -> Event:
    return record(
        Event.Action.POLICY,
        Event.Outcome.SUCCESS,
        initiator=PCIOPS,
        resource=f"{RESOURCE} {name}".strip(),
        remark=remark,
        now=now,
    )
