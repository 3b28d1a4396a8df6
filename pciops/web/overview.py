"""The overview: accounts that need attention, numbers by state, policy, forecast, and trends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.accounts import overview as overviews
from pciops.accounts.by_date import DATED
from pciops.accounts.census.census import ForecastDay, TrendPoint
from pciops.accounts.overview import FORECAST, StateCount
from pciops.accounts.policy import compliance
from pciops.accounts.policy import policy as policies
from pciops.accounts.states import (
    ATTACKED_EXEMPT,
    DISABLED,
    EXEMPT,
    EXPIRED,
    EXPIRING,
    INACTIVE,
    INACTIVE_SOON,
    LOCKED,
    MUST_CHANGE,
    NEAR_LOCKOUT,
    NEVER_SIGNED_IN,
    NO_EXPIRY,
    NOT_COVERED,
)
from pciops.accounts.states.state import State
from pciops.audit import chain
from pciops.events import liveness
from pciops.events.storms import storms, summary
from pciops.lib import charts, outages
from pciops.lib.charts import Bars, Drawing, Line, Series
from pciops.lib.numbers import counted, grouped
from pciops.web.errors import KEYSTONE_DATABASE
from pciops.web.requests import OperatorRequest, wants_fresh

# States that need action now or soon first. A lapsed lock is not shown.
LARGE: Final = (LOCKED, ATTACKED_EXEMPT, INACTIVE_SOON, EXPIRING, INACTIVE, EXPIRED)
SMALL: Final = (
    *(MUST_CHANGE, NEAR_LOCKOUT, EXEMPT, DISABLED, NO_EXPIRY, NEVER_SIGNED_IN),
    NOT_COVERED,
)
URGENT: Final = (LOCKED, ATTACKED_EXEMPT)
TRENDS: Final = (LOCKED, INACTIVE, EXPIRED, EXPIRING)


@dataclass(frozen=True, kw_only=True)
class StateCard:
    """The number of accounts in a state, with a link to their list, and of privileged ones."""

    number: StateCount
    url: str
    kinds: list[tuple[str, str]]  # number with kind, URL of their list

    @property
    def tone(self) -> str:
        """Return the color of the number; only an urgent state that has accounts has one."""
        urgent = self.number.state in URGENT and self.number.number
        return self.number.state.tone if urgent else "plain"


@dataclass(frozen=True, kw_only=True)
class StateTrend:
    """The number of accounts in a state over the last weeks."""

    state: State
    line: Line
    drawing: Drawing
    url: str

    @property
    def title(self) -> str:
        """Return the text alternative of the line."""
        first, last, least, most = map(
            grouped,
            (self.line.first, self.line.last, self.line.least, self.line.greatest),
        )
        return f"{self.line.title}: {first} at first, {last} at last, {least} to {most} between"


@never_cache
@require_safe
def overview_page(request: OperatorRequest) -> HttpResponse:
    """Show locks and attacks as they are now, and the numbers of the last census."""
    now, sourced, scope = timezone.now(), policies.current_with_sources(), request.user.scope
    overview = overviews.build(
        scope=scope, policy=sourced.policy, now=now, fresh=wants_fresh(request)
    )
    outages.answered(KEYSTONE_DATABASE, now)
    storm = storms.current_storm(scope=scope, now=now)
    points = overview.trend
    context = {
        "section": "overview",
        "storm": summary.summarize(storm, scope=scope) if storm else None,
        "failed": chain.open_failure() if scope is None else None,
        "now": now,
        "overview": overview,
        "policy": sourced.policy,
        "large": [_card(overview.numbers[state]) for state in LARGE],
        "small": [_card(overview.numbers[state]) for state in SMALL],
        "locked_url": _list_url(LOCKED),
        "findings": compliance.findings(sourced.policy),
        "nothing": compliance.enforces_nothing(sourced.policy),
        "disagree": len(sourced.disagreements),
        "forecast": _forecast(overview.days, now.date()),
        "lists": {state.name: _list_url(state, within=str(FORECAST)) for state in DATED},
        "silence": liveness.silence(now),
        "trends": [_trend(state, points) for state in TRENDS] if len(points) > 1 else [],
        "history": [
            (point.counted_at.date(), [point.numbers.get(state.name, 0) for state in TRENDS])
            for point in reversed(points)
        ],
    }
    return render(request, "web/overview.html", context)


def _card(number: StateCount) -> StateCard:
    return StateCard(
        number=number,
        url=_list_url(number.state),
        kinds=[
            (counted(count, kind.label.lower()), _list_url(number.state, kind=kind.value))
            for kind, count in number.kinds.items()
        ],
    )


def _list_url(state: State, **parameters: str) -> str:
    return f"{reverse('accounts')}?{urlencode({'state': state.name, **parameters})}"


def _forecast(days: list[ForecastDay], today: date) -> dict[str, object] | None:
    """Return the chart of the next days as columns and as rows; None without a forecast."""
    if not days:
        return None
    chart = Bars(
        title="Accounts a day: passwords that expire, and accounts that become inactive",
        groups=tuple(
            "Today" if day.day == today else f"{day.day:%a} {day.day.day}" for day in days
        ),
        series=(
            Series(
                label="passwords expire",
                values=tuple(day.expired for day in days),
                urls=tuple(_list_url(EXPIRING, on=day.day.isoformat()) for day in days),
            ),
            Series(
                label="accounts become inactive",
                values=tuple(day.inactive for day in days),
                urls=tuple(_list_url(INACTIVE_SOON, on=day.day.isoformat()) for day in days),
            ),
        ),
    )
    return {"chart": chart, "columns": charts.columns(chart), "rows": charts.rows(chart)}


def _trend(state: State, points: list[TrendPoint]) -> StateTrend:
    line = Line(
        title=state.title,
        points=tuple(
            (point.counted_at.date(), point.numbers.get(state.name, 0)) for point in points
        ),
    )
    return StateTrend(state=state, line=line, drawing=charts.line(line), url=_list_url(state))
