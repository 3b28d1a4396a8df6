"""Whether `last_active_at` can be taken at its word: what Keystone recorded, and what was reset.

Two things make the column say something else than the last sign-in:
- Before a fix of 2023.1 Keystone writes it only while `disable_user_account_days_inactive` is set.
- `keystone-manage reset_last_active` sets today for each user that has no day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db.models import Count

from pciops.keystone import database
from pciops.keystone.models import User

# Operators of pciops sign in with a password, so a Keystone that records has a recent day.
RECENT: Final = timedelta(days=7)
# A reset is told from a busy day by its share of all accounts, and only after those who work on
# most days have signed in again.
SHARE: Final = 0.2
LEAST: Final = 10  # accounts


@dataclass(frozen=True, kw_only=True)
class ActivityRecord:
    """The recorded activity of all accounts of a domain or of the whole cloud."""

    newest: date | None  # None: no sign-in was ever recorded
    recent: bool  # a sign-in of the last `RECENT` is recorded
    reset_on: date | None = None  # a day that very many accounts have: perhaps no sign-in
    reset: int = 0  # the accounts that have it


@database.reading()
def read(*, scope: str | None, now: datetime) -> ActivityRecord:
    """Return the record by one scan of the users."""
    users = User.objects.order_by()
    if scope is not None:
        users = users.filter(domain_id=scope)
    counts = dict(users.values_list("last_active_at").annotate(number=Count("pk")))
    total = sum(counts.values())
    counts.pop(None, None)
    recent = now.astimezone(UTC).date() - RECENT
    old = [(number, day) for day, number in counts.items() if day < recent]
    number, day = max(old, default=(0, None))
    newest = max(counts, default=None)
    is_reset = number >= max(LEAST, SHARE * total)
    return ActivityRecord(
        newest=newest,
        recent=newest is not None and newest >= recent,
        reset_on=day if is_reset else None,
        reset=number if is_reset else 0,
    )
