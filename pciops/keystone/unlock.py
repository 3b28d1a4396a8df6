"""The one statement that writes to Keystone's database."""

from __future__ import annotations

from datetime import datetime

from pciops.keystone import UNLOCK_ALIAS
from pciops.keystone.models import LocalUser


def clear_failures(
    user_id: str, *, failed_auth_count: int, failed_auth_at: datetime | None
) -> bool:
    """Set `failed_auth_count` to 0 and `failed_auth_at` to NULL, if both are still as given.

    Both columns change together: a count at the threshold without a time makes Keystone answer 400
    to every sign-in. A PATCH of the API would also set `last_active_at` to today (PCI DSS 8.2.6)
    and re-enable the account.

    Returns:
        Whether the row was changed; False if the columns have other values.

    Raises:
        django.db.DatabaseError: the row was not changed, or it is not known whether it was.
    """
    unchanged = LocalUser.objects.using(UNLOCK_ALIAS).filter(
        user_id=user_id, failed_auth_count=failed_auth_count, failed_auth_at=failed_auth_at
    )
    return unchanged.update(failed_auth_count=0, failed_auth_at=None) == 1
