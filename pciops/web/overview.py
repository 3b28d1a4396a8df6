"""The overview: accounts that need attention, numbers by state, policy, forecast, and trends."""

from __future__ import annotations

from collections.abc import Sequence
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
from pciops.accounts.attention import AttentionItem
from pciops.accounts.by_date import DATED
from pciops.accounts.census.census import ForecastDay, TrendPoint
from pciops.accounts.overview import FORECAST, StateCount
from pciops.accounts.policy import compliance
from pciops.accounts.policy import policy as policies
from pciops.accounts.privileged import AccountKind
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
from pciops.events.diagnosis import selectors as diagnoses
from pciops.events.storms import storms, summary
from pciops.lib import charts, outages
from pciops.lib.charts import Bars, Line, Series, Spark
from pciops.lib.numbers import change, counted, grouped
from pciops.web import frame
from pciops.web.errors import KEYSTONE_DATABASE
from pciops.web.requests import OperatorRequest, wants_fresh

# States that need action now or soon first. A lapsed lock is not shown.
LARGE: Final = (LOCKED, ATTACKED_EXEMPT, EXPIRED, INACTIVE, EXPIRING, INACTIVE_SOON)
SMALL: Final = (
    *(MUST_CHANGE, NEAR_LOCKOUT, EXEMPT, DISABLED, NO_EXPIRY, NEVER_SIGNED_IN),
    NOT_COVERED,
)
LIVE_ROWS: Final = 6
OTHER_ROWS: Final = 2
# Of a number: noun and plural.
KINDS: Final = {
    AccountKind.ADMINISTRATOR: ("admin", "admins"),
    AccountKind.SERVICE: ("service", "service"),
}


@dataclass(frozen=True, kw_only=True)
class StateCard:
    """The number of accounts in a state, with a link to their list, and its last weeks."""

    number: StateCount
    url: str
    line: Line | None = None  # None: fewer than two days were counted

    @property
    def icon_tone(self) -> str:
        """Return the color of the icon; a state without accounts has none."""
        return f"tone-{self.number.state.tone}" if self.number.number else ""

    @property
    def spark(self) -> Spark | None:
        return charts.spark(self.line) if self.line else None

    @property
    def title(self) -> str:
        """Return the text alternative of the line."""
        if self.line is None:
            return ""
        first, last, least, most = map(
            grouped, (self.line.first, self.line.last, self.line.least, self.line.greatest)
        )
        return f"{self.line.title}: {first} at first, {last} at last, {least} to {most} between"

    @property
    def note(self) -> str:
        """Return the privileged accounts among them; without any, the change of a week."""
        if self.number.kinds:
            kinds = self.number.kinds.items()
            return ", ".join(counted(count, *KINDS[kind]) for kind, count in kinds)
        if self.number.change is None:
            return ""
        return f"{change(self.number.change)} this week" if self.number.change else "No change"


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
    points, findings = overview.trend, compliance.findings(sourced.policy)
    context = {
        "section": "overview",
        "live": True,
        "storm": summary.summarize(storm, scope=scope) if storm else None,
        "failed": chain.open_failure() if scope is None else None,
        "now": now,
        "overview": overview,
        "shown": _shown(overview.attention.items),
        "policy": sourced.policy,
        "large": [_card(overview.numbers[state], points) for state in LARGE],
        "small": [
            _card(overview.numbers[state]) for state in SMALL if overview.numbers[state].number
        ],
        "todo": [alert for alert in frame.alerts(scope, now) or [] if alert.tone != "attack"],
        "findings": findings,
        "passed": sum(finding.passed for finding in findings),
        "nothing": compliance.enforces_nothing(sourced.policy),
        "disagree": len(sourced.disagreements),
        "forecast": _forecast(overview.days, now.date()),
        "lists": {state.name: _list_url(state, within=str(FORECAST)) for state in DATED},
        "silence": liveness.silence(now),
        "causes": diagnoses.explain_locks(
            [item.account for item in overview.attention.items if item.account.failed_auth_count],
            policy=sourced.policy,
            now=now,
            scope=scope,
        ),
    }
    return render(request, "web/overview.html", context)


def _shown(items: list[AttentionItem]) -> list[AttentionItem]:
    """Return the first that are locked or attacked, and the first that are about to stop."""
    live = [item for item in items if item.state in (LOCKED, ATTACKED_EXEMPT)]
    return live[:LIVE_ROWS] + [item for item in items if item not in live][:OTHER_ROWS]


def _card(number: StateCount, points: Sequence[TrendPoint] = ()) -> StateCard:
    line = _line(number.state, points) if len(points) > 1 else None
    return StateCard(number=number, url=_list_url(number.state), line=line)


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


def _line(state: State, points: Sequence[TrendPoint]) -> Line:
    return Line(
        title=state.title,
        points=tuple(
            (point.counted_at.date(), point.numbers.get(state.name, 0)) for point in points
        ),
    )
