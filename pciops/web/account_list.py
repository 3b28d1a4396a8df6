"""The list of accounts: the page with its tabs, and the list as a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.accounts import exports, filters, privileged, selectors
from pciops.accounts.census import census
from pciops.accounts.census.census import STALE, CensusCounts
from pciops.accounts.census.counting import EVERY
from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.policy import Policy
from pciops.accounts.query import AccountQuery
from pciops.accounts.selectors import Domain
from pciops.accounts.states import (
    ATTACKED_EXEMPT,
    DISABLED,
    EXEMPT,
    EXPIRED,
    EXPIRING,
    INACTIVE,
    INACTIVE_SOON,
    LOCK_LAPSED,
    LOCKED,
    MUST_CHANGE,
    NEAR_LOCKOUT,
    NEVER_SIGNED_IN,
    NO_EXPIRY,
    NO_PASSWORD,
    NOT_COVERED,
    SECOND_FACTOR_NOT_ENROLLED,
    UNREADABLE,
)
from pciops.accounts.states.state import State
from pciops.accounts.verdict import judge
from pciops.actions import batches, bulk, four_eyes
from pciops.actions.unlock import UNLOCK
from pciops.events.diagnosis import selectors as diagnoses
from pciops.events.diagnosis.rules import Cause
from pciops.lib import outages
from pciops.web import account_search
from pciops.web.errors import KEYSTONE_DATABASE
from pciops.web.exports import export
from pciops.web.requests import OperatorRequest, wants_fresh

PAGE_SIZE: Final = bulk.MOST
# Attacks and locks first, then accounts that stopped or will stop by a rule, then the rest.
TAB_ORDER: Final = (
    *(LOCKED, ATTACKED_EXEMPT, NEAR_LOCKOUT, INACTIVE, INACTIVE_SOON, EXPIRED, EXPIRING),
    *(MUST_CHANGE, DISABLED, NEVER_SIGNED_IN, EXEMPT, NO_EXPIRY, NO_PASSWORD, UNREADABLE),
    *(LOCK_LAPSED, SECOND_FACTOR_NOT_ENROLLED, NOT_COVERED),
)


@dataclass(frozen=True, kw_only=True)
class StateTab:
    """A link to the list of a state by the same filters."""

    label: str
    url: str
    number: int | None  # None: not counted
    current: bool


@dataclass(frozen=True, kw_only=True)
class StateTabs:
    """The tabs above a list, and the age of their numbers."""

    tabs: list[StateTab]
    counted_at: datetime | None  # None: no census yet, or a search, which no census counts
    uncounted: bool  # no census yet
    stale: bool  # the last census is older than it should be


@never_cache
@require_safe
def account_list(request: OperatorRequest) -> HttpResponse:
    """Show accounts by state, domain, and kind, or by name, email, or id."""
    return listing(request)


def listing(request: OperatorRequest, *, refusal: str = "", status: int = 200) -> HttpResponse:
    """Return the list page for the filters in the URL.

    Args:
        refusal: why the selected rows cannot be unlocked.
    """
    now, policy, scope = timezone.now(), policies.current(), request.user.scope
    fresh = wants_fresh(request)
    domains = selectors.shared_domains(scope=scope, now=now, fresh=fresh)
    asked = query_of(request, domains)
    marker = request.GET.get("marker", "")
    found = account_search.read(
        asked,
        chosen="match" in request.GET,
        scope=scope,
        policy=policy,
        now=now,
        marker=marker,
        limit=PAGE_SIZE,
        fresh=fresh,
    )
    query, page = found.query, found.page
    total = None if marker or page.next else len(page.accounts)
    tabs = build_tabs(query, scope=scope, policy=policy, now=now, total=total, fresh=fresh)
    outages.answered(KEYSTONE_DATABASE, now)
    unlocking = query.state is LOCKED and request.user.may(UNLOCK.needs)
    context = {
        "section": "accounts",
        "refusal": refusal,
        "requests": four_eyes.waiting(scope=scope, now=now) if unlocking else [],
        "under_way": batches.unfinished(request.user.id, now) if unlocking else None,
        "query": query,
        "widened": found.widened,
        "search_url": _search_url(replace(query, begins=not query.begins)),
        "verdicts": [judge(account, policy, now) for account in page.accounts],
        "policy": policy,
        "now": now,
        "read_at": page.read_at,
        "scanned_at": page.scanned_at,
        "tabs": tabs,
        "sorts": {sort: list_url(_sorted(query, sort)) for sort in query.sorts},
        "LOCKED": LOCKED,
        "causes": _causes(page, query, scope, policy, now),
        "kinds": privileged.AccountKind,
        "domains": domains,
        "days": query.days(now),
        "all_days": list_url(replace(query, within=None, on=None)),
        "others": list_url(_in_state(asked, None)).removeprefix("?"),
        "export": _search_url(query).removeprefix("?"),
        "here": list_url(query, marker=marker),
        "first": list_url(query) if marker else "",
        "next": list_url(query, marker=page.next) if page.next else "",
    }
    return render(request, "web/account_list.html", context, status=status)


@never_cache
@require_safe
def account_export(request: OperatorRequest) -> StreamingHttpResponse:
    """Stream the whole list as a file, by the filters of the API."""
    now, scope = timezone.now(), request.user.scope
    query = filters.query(request.GET.dict(), domains=selectors.domains(scope=scope))
    return export(
        request,
        "accounts",
        exports.COLUMNS,
        exports.rows(query, scope=scope, policy=policies.current(), now=now),
        now=now,
        file_name=f"accounts-{query.state.name if query.state else 'all'}",
    )


def query_of(request: OperatorRequest, domains: list[Domain]) -> AccountQuery:
    """Return the query for the filters in the URL; without `match`, by the beginning of names.

    Raises:
        FilterError
    """
    return filters.query({"match": "begins", **request.GET.dict()}, domains=domains)


def list_url(query: AccountQuery, *, marker: str = "") -> str:
    """Return the query string of a list, such as `?state=locked&domain=shops`."""
    parameters = {
        "state": query.state.name if query.state else "",
        "kind": query.kind.value if query.kind else "",
        "machine": "" if query.machine is None else "yes" if query.machine else "no",
        "domain": query.domain_id,
        "q": query.text,
        "match": "contains" if query.text and not query.begins else "",
        "sort": query.sort,
        "within": str(query.within or ""),
        "on": str(query.on or ""),
        "marker": marker,
    }
    return "?" + urlencode({name: value for name, value in parameters.items() if value})


def _search_url(query: AccountQuery) -> str:
    """Return the query string of a list with the way of its search, whatever it is elsewhere."""
    return list_url(query) + ("&match=begins" if query.begins else "")


def build_tabs(
    query: AccountQuery,
    *,
    scope: str | None,
    policy: Policy,
    now: datetime,
    total: int | None = None,
    fresh: bool = True,
) -> StateTabs:
    """Return the tabs above the list of this query.

    Locked accounts are counted now, all others by the last census. A census knows neither a
    search nor machines: with one only the open list of locked accounts has a number.

    Args:
        total: the number of accounts in the open list; None if it has several pages.
        fresh: False if locks and unlocks of the last seconds may be missing.
    """
    searched = bool(query.text) or query.machine is not None
    counted = None if searched else census.numbers(scope=query.domain_id or scope)
    locked = total if query.state is LOCKED else None
    if locked is None and (not searched or query.state is LOCKED):
        live = replace(query, state=LOCKED, sort="")
        locked = selectors.count(live, scope=scope, policy=policy, now=now, fresh=fresh).value
    return StateTabs(
        tabs=[
            StateTab(
                label=state.label if state else "All",
                url=list_url(_in_state(query, state)),
                number=locked if state is LOCKED else _census_number(counted, query, state),
                current=state is query.state,
            )
            for state in (*TAB_ORDER, None)
        ],
        counted_at=counted.counted_at if counted else None,
        uncounted=counted is None and not searched,
        stale=counted is not None and now - counted.counted_at > STALE,
    )


def _census_number(
    counted: CensusCounts | None, query: AccountQuery, state: State | None
) -> int | None:
    if counted is None:
        return None
    kind = query.kind.value if query.kind else EVERY
    if state is None:  # the list of all accounts has only local ones
        return counted.number(EVERY, kind) - counted.number(NOT_COVERED.name, kind)
    return counted.number(state.name, kind)


def _sorted(query: AccountQuery, sort: str) -> AccountQuery:
    """Return the query in this order; the default order has no parameter."""
    return replace(query, sort="" if sort == query.sorts[0] else sort)


def _in_state(query: AccountQuery, state: State | None) -> AccountQuery:
    """Return the query for another state, in the same order if that list has it."""
    other = replace(query, state=state)
    if state is not query.state:
        other = replace(other, within=None, on=None)
    return other if query.sort in other.sorts else replace(other, sort="")


def _causes(
    page: selectors.AccountPage,
    query: AccountQuery,
    scope: str | None,
    policy: Policy,
    now: datetime,
) -> dict[str, Cause]:
    """Return the cause of each lock on the page, by account id."""
    if query.state is not LOCKED or not page.accounts:
        return {}
    ids = [account.id for account in page.accounts]
    return diagnoses.causes(ids, policy=policy, now=now, scope=scope)
