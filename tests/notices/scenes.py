"""Notices as they lie in the table."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any, Final

from pciops.notices.models import Notice
from tests.factories import NOW

_numbers: Final = itertools.count(1)


def a_notice(**facts: Any) -> Notice:
    """A notice that is due, of nobody who exists, and not kept."""
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
