"""A whole list as rows, however long: for files and for the command line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from pciops.accounts import privileged, selectors
from pciops.accounts.policy.policy import Policy
from pciops.accounts.verdict import as_dict, judge

COLUMNS: Final = (
    *("id", "name", "domain_id", "domain_name", "email", "enabled", "states", "kinds"),
    *("failed_auth_count", "failed_auth_at", "locked_until", "last_active_at", "inactive_on"),
    *("password_created_at", "password_expires_at", "exemptions"),
)
BATCH: Final = 5000  # accounts in memory at a time


def rows(
    query: selectors.Query, *, scope: str | None, policy: Policy, now: datetime
) -> Iterator[dict[str, Any]]:
    """Every account that fits, as the API gives it, judged at one instant.

    Read in keyset chunks: one statement over all would hold a connection for as long as the
    reader takes, and MySQL drivers keep its whole result in memory.

    Raises:
        KeystoneDatabaseDownError: also in the midst of it; whoever writes must not end cleanly.
    """
    marker, known = "", None
    while True:
        page = selectors.page(
            query, scope=scope, policy=policy, now=now, marker=marker, limit=BATCH, known=known
        )
        yield from (as_dict(judge(account, policy, now)) for account in page.accounts)
        marker = page.next
        if not marker:
            return
        if known is None:  # of a long list: read once who matters, not anew for each chunk
            known = privileged.everyone()
