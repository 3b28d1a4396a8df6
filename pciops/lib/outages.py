"""Records, for all processes, since when an external service has not answered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from pciops.lib import retries
from pciops.lib.models import ExternalService

# The accuracy of "it last answered at"; each process writes at most once in this time.
PRECISION: Final = timedelta(minutes=1)

_noted: dict[str, datetime] = {}  # only saves writes


def answered(name: str, now: datetime) -> None:
    """Record that the service has answered, which ends an outage."""
    if name in _noted and now - _noted[name] < PRECISION:
        return
    values = {"answered_at": now, "failing_since": None}
    retries.run(
        lambda: ExternalService.objects.update_or_create(name=name, defaults=values),
        idempotent=True,
    )
    _noted[name] = now


def failed(name: str, now: datetime) -> ExternalService:
    """Record that the service has not answered, which begins an outage unless there is one."""
    _noted.pop(name, None)
    source, _ = retries.run(
        lambda: ExternalService.objects.get_or_create(name=name), idempotent=True
    )
    if source.failing_since is None:
        ExternalService.objects.filter(name=name, failing_since=None).update(failing_since=now)
        source.refresh_from_db()
    return source
