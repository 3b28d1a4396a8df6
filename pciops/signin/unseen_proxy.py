"""Detects a proxy in front that `PCIOPS_PROXIES` does not count.

All clients then have the proxy's address: anyone who fails to sign in makes everyone wait, and the
audit log has no true address.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest

from pciops.lib import outages
from pciops.lib.models import ExternalService

NAME: Final = "unseen_proxy"  # of the row that says when it was last seen
CURRENT: Final = timedelta(days=1)
SENTENCE: Final = (
    "Requests arrive with X-Forwarded-For, but PCIOPS_PROXIES is 0. All clients count as one "
    "address, so failed sign-ins of one client delay all others."
)
REMEDY: Final = (
    "Set PCIOPS_PROXIES to the number of proxies in front. If there is none, a client sent the "
    "header itself, and you can ignore this."
)

LOGGED_EVERY: Final = 3600  # seconds, in each process
log = logging.getLogger(__name__)


def look(request: HttpRequest, now: datetime) -> None:
    """Note and log a request that came through a proxy that is not counted."""
    if settings.PROXIES or "X-Forwarded-For" not in request.headers:
        return
    if cache.add("unseen-proxy", value=True, timeout=LOGGED_EVERY):
        log.warning("%s %s", SENTENCE, REMEDY)
    try:
        outages.answered(NAME, now)
    except (DatabaseError, InterfaceError):
        return  # the pages report that


def last_seen(now: datetime) -> datetime | None:
    """Return when such a request last arrived, if that is not long ago."""
    row = ExternalService.objects.filter(name=NAME, answered_at__gt=now - CURRENT).first()
    return row.answered_at if row and not settings.PROXIES else None
