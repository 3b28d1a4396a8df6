"""The search of the list of accounts: first names that begin with the text, which is fast.

If no account has such a name, and on a link, any part of names and email addresses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from pciops.accounts import selectors
from pciops.accounts.policy.policy import Policy
from pciops.accounts.query import SORT_NAME, AccountQuery
from pciops.accounts.selectors import AccountPage

EXACT: Final = 10  # accounts at the top of a list because their name or id is the whole text


@dataclass(frozen=True, kw_only=True)
class FoundPage:
    """A page of a list, and the query that found it."""

    query: AccountQuery
    page: AccountPage
    widened: bool  # no name began with the text


def read(
    query: AccountQuery,
    *,
    chosen: bool,
    scope: str | None,
    policy: Policy,
    now: datetime,
    marker: str,
    limit: int,
    fresh: bool,
) -> FoundPage:
    """Return a page of the list.

    Args:
        chosen: whether the operator chose the way in which to search.

    Raises:
        MarkerError
    """
    within = partial(selectors.page, scope=scope, policy=policy, now=now, marker=marker)
    exact_first = query.begins and query.sorted_by == SORT_NAME and not marker
    page = within(query, limit=limit - EXACT if exact_first else limit, fresh=fresh)
    nothing = query.begins and not (chosen or marker or page.accounts)
    if nothing and not selectors.finds_any(query, scope=scope):
        query = replace(query, begins=False)
        return FoundPage(query=query, page=within(query, limit=limit, fresh=fresh), widened=True)
    if exact_first:
        page = _with_exact_first(page, query, scope=scope, policy=policy, now=now)
    return FoundPage(query=query, page=page, widened=False)


def _with_exact_first(
    page: AccountPage, query: AccountQuery, *, scope: str | None, policy: Policy, now: datetime
) -> AccountPage:
    """Return the first page of the list with the exact matches at its top, at most `EXACT` more."""
    if page.next:  # they may be on a later page
        exact = selectors.exact(query, scope=scope, policy=policy, now=now, limit=EXACT)
    else:
        text = query.text.casefold()
        exact = [one for one in page.accounts if text in {one.name.casefold(), one.id}]
    ids = {account.id for account in exact}
    others = [account for account in page.accounts if account.id not in ids]
    return replace(page, accounts=[*exact, *others])
