"""A whole list of accounts as rows, for files and the command line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from pciops.accounts import whole
from pciops.accounts.policy.policy import Policy
from pciops.accounts.query import AccountQuery
from pciops.accounts.verdict import as_dict, judge
from pciops.lib.threads import read_ahead

COLUMNS: Final = (
    *("id", "name", "domain_id", "domain_name", "email", "enabled", "states", "kinds"),
    *("failed_auth_count", "failed_auth_at", "locked_until", "last_active_at", "inactive_on"),
    *("password_created_at", "password_expires_at", "exemptions"),
    *("second_factor", "second_factor_explanation", "created_at", "machine"),
)
BATCH: Final = 5000  # accounts in memory at a time


def rows(
    query: AccountQuery, *, scope: str | None, policy: Policy, now: datetime
) -> Iterator[dict[str, Any]]:
    """Yield every account of the list as the API has it, judged at one time.

    The list is read in chunks: a single statement would hold a connection for as long as the
    reader takes, and MySQL drivers keep its whole result in memory.

    Raises:
        KeystoneDatabaseDownError: possibly after the first rows; the file is then incomplete.
    """
    chunks = whole.chunks(query, scope=scope, policy=policy, now=now, size=BATCH)
    for accounts in read_ahead(chunks):
        yield from (as_dict(judge(account, policy, now)) for account in accounts)
