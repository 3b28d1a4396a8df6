"""Making notices due, and sending them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from pciops.notices import plan, rules, send
from pciops.notices.models import Notice
from tests.factories import NOW, POLICY, PasswordRow, make_user


def make_due(*names: str) -> None:
    """Users whose password expires in three days, each with the notice planned."""
    row = PasswordRow(created_at=NOW - timedelta(days=80), expires_at=NOW + timedelta(hours=72))
    for name in names:
        make_user(name, passwords=[row], email=f"{name}@example.test", last_active_at=NOW.date())
    plan.by_date(policy=POLICY, book=rules.current(), now=NOW)


def send_all(now: datetime = NOW, pause: Callable[[float], object] = time.sleep) -> send.Sent:
    """Send what is due at this instant."""
    return send.send_due(policy=POLICY, book=rules.current(), clock=lambda: now, pause=pause)


def notice(name: str = "ann") -> Notice:
    """The notice of a user."""
    return Notice.objects.get(name=name)


def journals() -> list[Path]:
    """The journals that there are."""
    return sorted((Path(settings.VAR) / "notices").glob("*"))
