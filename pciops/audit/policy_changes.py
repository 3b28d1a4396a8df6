"""Records changes of Keystone's policy in the audit log."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from pciops.accounts.policy.policy import OptionValue, SourcedPolicy, display_value
from pciops.audit import chain
from pciops.audit.models import Event, KnownOption
from pciops.audit.services import PCIOPS, record
from pciops.lib import retries

RESOURCE: Final = "[security_compliance]"


@retries.repeated
def record_changes(sourced: SourcedPolicy, now: datetime) -> list[Event]:
    """Record each option that has changed since the last call, with both values.

    The first call records one row with every value. Concurrent calls wait for each other, so each
    change is recorded once.

    Raises:
        AuditLogError: nothing is recorded, and the next call finds the same changes.
    """
    chain.locked_head()
    previous = {row.name: row.value for row in KnownOption.objects.all()}
    values = {name: json.dumps(value) for name, value in sourced.values.items()}
    changed = [name for name, value in values.items() if previous.get(name) != value]
    if not previous:
        text = ", ".join(
            f"{name} {display_value(name, value)}" for name, value in sourced.values.items()
        )
        events = [_record("", f"first seen: {text}", now)]
    else:
        events = [
            _record(name, _change(name, previous.get(name), sourced), now) for name in changed
        ]
    for name in changed:
        KnownOption.objects.update_or_create(name=name, defaults={"value": values[name]})
    return events


def _change(name: str, before: str | None, sourced: SourcedPolicy) -> str:
    old = "first seen" if before is None else display_value(name, _decoded(before))
    new = display_value(name, sourced.values[name])
    return f"{old} → {new} (from {sourced.sources[name]})"


def _decoded(text: str) -> OptionValue:
    value = json.loads(text)
    return tuple(value) if isinstance(value, list) else value


def _record(name: str, remark: str, now: datetime) -> Event:
    return record(
        Event.Action.POLICY,
        Event.Outcome.SUCCESS,
        initiator=PCIOPS,
        resource=f"{RESOURCE} {name}".strip(),
        remark=remark,
        now=now,
    )
