"""The list of accounts: the page with its views and filters, and the list as a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.accounts import exports, filters, privileged, selectors, views
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
from pciops.accounts.verdict import SigninVerdict, judge
from pciops.accounts.views import VIEWS, AccountView, AnyOf, view_of
from pciops.actions import batches, bulk, four_eyes
from pciops.actions.unlock import UNLOCK
from pciops.events.diagnosis import selectors as diagnoses
from pciops.events.diagnosis.explanation import Explanation
from pciops.lib import outages
from pciops.web import account_search
from pciops.web.errors import KEYSTONE_DATABASE
from pciops.web.exports import export
from pciops.web.requests import OperatorRequest, wants_fresh

PAGE_SIZE: Final = bulk.MOST
COUNTED: Final = 20_000  # accounts; of a larger cloud, views are not counted for each page
# Attacks and locks first, then accounts that stopped or will stop by a rule, then the rest.
STATE_ORDER: Final = (
    *(LOCKED, ATTACKED_EXEMPT, NEAR_LOCKOUT, INACTIVE, INACTIVE_SOON, EXPIRED, EXPIRING),
    *(MUST_CHANGE, DISABLED, NEVER_SIGNED_IN, EXEMPT, NO_EXPIRY, NO_PASSWORD, UNREADABLE),
    *(LOCK_LAPSED, SECOND_FACTOR_NOT_ENROLLED, NOT_COVERED),
)


@dataclass(frozen=True, kw_only=True)
class ViewTab:
    """A link to a view by the same filters."""

    label: str
    url: str
    number: int | None  # None: not counted
    current: bool


@dataclass(frozen=True, kw_only=True)
class StateFilter:
    """A state that the list can be limited to."""

    state: State
    number: int | None  # None: not counted
    chosen: bool
    without: str  # the URL of the list without it


@dataclass(frozen=True, kw_only=True)
class ListFilters:
    """The views and states above a list, and the age of their numbers."""

    view: AccountView
    tabs: list[ViewTab]
    states: list[StateFilter]
    counted_at: datetime | None  # None: no census yet, or a search, which no census counts
    uncounted: bool  # no census yet
    stale: bool  # the last census is older than it should be

    @property
    def chosen(self) -> list[StateFilter]:
        return [each for each in self.states if each.chosen]


@never_cache
@require_safe
def account_list(request: OperatorRequest) -> HttpResponse:
    """Show accounts by view, state, domain, and kind, or by name, email, or id."""
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
    reading = _Reading(query=query, scope=scope, policy=policy, now=now, fresh=fresh)
    shown = reading.filters(total)
    outages.answered(KEYSTONE_DATABASE, now)
    verdicts = [judge(account, policy, now) for account in page.accounts]
    unlocking = request.user.may(UNLOCK.needs) and query.by_failures and _any_locked(verdicts)
    by_locks = query.state is LOCKED and request.user.may(UNLOCK.needs)
    context = {
        "section": "accounts",
        "live": query.by_failures and not marker and not refusal,
        "problem": f"{refusal} Nothing was changed." if refusal else "",
        **(_unlocks_to_finish(request, now) if by_locks else {}),
        "query": query,
        "widened": found.widened,
        "search_url": _search_url(replace(query, begins=not query.begins)),
        "title": query.state.title if query.state else "All accounts",
        "verdicts": verdicts,
        "unlocking": unlocking,
        "policy": policy,
        "now": now,
        "read_at": page.read_at,
        "scanned_at": page.scanned_at,
        "filters": shown,
        "sorts": {sort: list_url(_sorted(query, sort)) for sort in query.sorts},
        "LOCKED": LOCKED,
        "local_only": isinstance(query.state, AnyOf),
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


def _unlocks_to_finish(request: OperatorRequest, now: datetime) -> dict[str, object]:
    """Return the requests that wait for a second operator, and the operator's own batch."""
    return {
        "requests": four_eyes.waiting(scope=request.user.scope, now=now),
        "under_way": batches.unfinished(request.user.id, now),
    }


def _any_locked(verdicts: list[SigninVerdict]) -> bool:
    return any(verdict.locked for verdict in verdicts)


@never_cache
@require_safe
def account_export(request: OperatorRequest) -> StreamingHttpResponse:
    """Stream the whole list as a file, by the filters of the API, and a view or several states."""
    now, scope = timezone.now(), request.user.scope
    query = _parsed(request, request.GET.dict(), selectors.domains(scope=scope))
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
    return _parsed(request, {"match": "begins", **request.GET.dict()}, domains)


def _parsed(
    request: OperatorRequest, values: dict[str, str], domains: list[Domain]
) -> AccountQuery:
    return filters.query(
        values,
        domains=domains,
        states=request.GET.getlist("state"),
        view=request.GET.get("view", ""),
    )


def list_url(query: AccountQuery, *, marker: str = "") -> str:
    """Return the query string of a list, such as `?state=locked&domain=shops`."""
    parameters = [
        *_state_parameters(query),
        ("kind", query.kind.value if query.kind else ""),
        ("machine", "" if query.machine is None else "yes" if query.machine else "no"),
        ("domain", query.domain_id),
        ("q", query.text),
        ("match", "contains" if query.text and not query.begins else ""),
        ("sort", query.sort),
        ("within", str(query.within or "")),
        ("on", str(query.on or "")),
        ("marker", marker),
    ]
    return "?" + urlencode([(name, value) for name, value in parameters if value])


def _search_url(query: AccountQuery) -> str:
    """Return the query string of a list with the way of its search, whatever it is elsewhere."""
    return list_url(query) + ("&match=begins" if query.begins else "")


def _state_parameters(query: AccountQuery) -> Iterator[tuple[str, str]]:
    """Yield the view or the states, and the view that is open with these states."""
    chosen = _chosen(query.state)
    if isinstance(query.state, AnyOf) and not chosen:
        yield "view", query.state.name
    elif query.state is not None:
        for state in chosen or (query.state,):
            yield "state", state.name
        if query.view not in {"", view_of(query.state).name}:
            yield "view", query.view


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """A list, and what its numbers are read with.

    Locked accounts are counted now, all others by the last census. A census knows neither a
    search nor machines: with one only the open list has a number.
    """

    query: AccountQuery
    scope: str | None
    policy: Policy
    now: datetime
    fresh: bool  # False if locks and unlocks of the last seconds may be missing

    def filters(self, total: int | None) -> ListFilters:
        """Return the views and states of the list.

        Args:
            total: the number of accounts in the open list; None if it has several pages.
        """
        query = self.query
        searched = bool(query.text) or query.machine is not None
        counted = None if searched else census.numbers(scope=query.domain_id or self.scope)
        locked = total if query.state is LOCKED else None
        if locked is None and not searched:
            locked = self._count(LOCKED)
        chosen = _chosen(query.state)
        view = views.BY_NAME[query.view] if query.view else view_of(query.state)
        small = counted is not None and counted.number(EVERY) <= COUNTED
        return ListFilters(
            view=view,
            tabs=[
                ViewTab(
                    label=each.label,
                    url=list_url(replace(_in_state(query, each.state), view="")),
                    number=total
                    if each.state is query.state and total is not None
                    else self._number(each.state, counted, small=small),
                    current=each is view,
                )
                for each in VIEWS
            ],
            states=[
                StateFilter(
                    state=state,
                    number=locked if state is LOCKED else _census_number(counted, query, state),
                    chosen=state in chosen,
                    without=list_url(_in_state(query, _without(chosen, state, view))),
                )
                for state in STATE_ORDER
                if state in view.states or state in chosen
            ],
            counted_at=counted.counted_at if counted else None,
            uncounted=counted is None and not searched,
            stale=counted is not None and self.now - counted.counted_at > STALE,
        )

    def _number(
        self, state: State | None, counted: CensusCounts | None, *, small: bool
    ) -> int | None:
        """Return the number of a view: of several states it is counted now, in a small cloud."""
        if counted is None or not isinstance(state, AnyOf):
            return _census_number(counted, self.query, state)
        return self._count(state) if small else None

    def _count(self, state: State) -> int:
        query = replace(self.query, state=state, sort="", within=None, on=None)
        return selectors.count(
            query, scope=self.scope, policy=self.policy, now=self.now, fresh=self.fresh
        ).value


def _chosen(state: State | None) -> tuple[State, ...]:
    """Return the states that the list was limited to: none if it is a whole view."""
    if state is None or any(state is view.state for view in VIEWS):
        return ()
    return state.states if isinstance(state, AnyOf) else (state,)


def _without(chosen: tuple[State, ...], state: State, view: AccountView) -> State | None:
    """Return the choice without a state; the whole view if no state is left."""
    left = [each for each in chosen if each is not state]
    if not left:
        return view.state
    return left[0] if len(left) == 1 else AnyOf(left)


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
) -> dict[str, Explanation]:
    """Return why each account on the page has failures, by account id."""
    if not query.by_failures:
        return {}
    failing = [account for account in page.accounts if account.failed_auth_count]
    return diagnoses.explain_locks(failing, policy=policy, now=now, scope=scope)
