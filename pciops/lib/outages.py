"""Remembers, for all processes, since when a service outside has not answered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from pciops.lib.models import Source

# How exactly "it last answered at" is known; a write a minute and process is what it costs.
PRECISION: Final = timedelta(minutes=1)

_noted: dict[str, datetime] = {}  # saves the write above; nothing is wrong where it is lost


def answered(name: str, now: datetime) -> None:
    """The service has answered; ends an outage."""
    if name in _noted and now - _noted[name] < PRECISION:
        return
    Source.objects.update_or_create(name=name, defaults={"answered_at": now, "failing_since": None})
    _noted[name] = now


def failed(name: str, now: datetime) -> Source:
    """The service has not answered; begins an outage unless one is known."""
    _noted.pop(name, None)
    source, _ = Source.objects.get_or_create(name=name)
    if source.failing_since is None:
        Source.objects.filter(name=name, failing_since=None).update(failing_since=now)
        source.refresh_from_db()
    return source
