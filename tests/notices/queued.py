"""Notices and alerts in the queue, and what they are about."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from pciops.events.models import Storm, StormAccount
from pciops.keystone.models import User
from pciops.notices import plan, rules, send
from pciops.notices.mail import queue
from pciops.notices.mail.queue import SendResult
from pciops.notices.models import Notice
from tests.factories import NOW, POLICY, PasswordRow, make_user

_numbers: Final = itertools.count(1)
ADDRESS: Final = "198.51.100.7"
SOURCE: Final = {"address": ADDRESS, "accounts": 12, "names": 0, "tries": 36, "shared": False}


def build_notice(**facts: Any) -> Notice:
    """Return a notice that is due and not stored, to an account that does not exist."""
    number = next(_numbers)
    usual = {
        "kind": "password_expiring",
        "fact_at": NOW + timedelta(days=2),
        "step": 3,
        "user_id": f"{number:032x}",
        "name": "ann",
        "domain_id": "default",
        "domain_name": "Default",
        "email": "ann@example.test",
        "planned_at": NOW,
        "good_until": NOW + timedelta(days=2),
        "next_attempt_at": NOW,
        "message_id": f"<{number}@cloud.example>",
    }
    return Notice(**{**usual, **facts})


def make_expiring(
    name: str = "ann", left: timedelta = timedelta(days=2), *, now: datetime = NOW, **facts: Any
) -> User:
    """Create a user whose password of 90 days expires in this time."""
    at = now + left
    password = PasswordRow(created_at=at - timedelta(days=90), expires_at=at)
    facts = {"email": f"{name}@example.test", "last_active_at": now.date(), **facts}
    return make_user(name, passwords=[password], **facts)


def make_due(*names: str) -> None:
    """Create users whose password expires in three days, each with a planned notice."""
    for name in names:
        make_expiring(name, timedelta(days=3))
    plan.by_date(policy=POLICY, book=rules.current(), now=NOW)


def send_all(now: datetime = NOW, pause: Callable[[float], object] = time.sleep) -> SendResult:
    """Send what is due at this time."""
    return send.send_due(policy=POLICY, book=rules.current(), clock=lambda: now, pause=pause)


def claim(limit: int = 10, now: datetime = NOW) -> list[Notice]:
    """Claim as another worker does."""
    return queue.claim(Notice, now, limit=limit, claimed_at=now)


def notice(name: str = "ann") -> Notice:
    """Return the notice of a user."""
    return Notice.objects.get(name=name)


def make_storm(*names: str, **facts: Any) -> Storm:
    """Create a storm that is going on and locked these accounts."""
    usual = {"began_at": NOW, "last_at": NOW, "few": True, "sources": [SOURCE]}
    storm = Storm.objects.create(**{**usual, "accounts": 12, "names": 0, "tries": 36, **facts})
    for name in names:
        StormAccount.objects.create(
            storm=storm,
            user_id=name,
            name=name,
            domain_id="payments",
            domain_name="Payments",
            locked_at=NOW,
        )
    return storm
