"""The page that an operator sees first: what needs a person now, and how the cloud is."""

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
from pciops.accounts.census.census import ForecastDay, TrendPoint
from pciops.accounts.overview import StateCount
from pciops.accounts.policy import compliance
from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.compliance import PolicyFinding
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
    NO_EXPIRY,
    NOT_COVERED,
)
from pciops.accounts.states.state import State
from pciops.events import liveness
from pciops.events.storms import alerts, storms
from pciops.lib import charts, outages
from pciops.lib.charts import Bars, Drawing, Line, Series
from pciops.lib.numbers import grouped
from pciops.web.errors import KEYSTONE_DATABASE
from pciops.web.requests import OperatorRequest

# What hurts now or soon; then what is as it is. A lapsed lock is no news.
LARGE: Final = (LOCKED, ATTACKED_EXEMPT, INACTIVE_SOON, EXPIRING, INACTIVE, EXPIRED)
SMALL: Final = (MUST_CHANGE, NEAR_LOCKOUT, EXEMPT, DISABLED, NO_EXPIRY, NOT_COVERED)
URGENT: Final = (LOCKED, ATTACKED_EXEMPT)
TRENDS: Final = (LOCKED, INACTIVE, EXPIRED, EXPIRING)


@dataclass(frozen=True, kw_only=True)
class Card:
    """A number with its list, and the administrators and service accounts among it with theirs."""

    number: StateCount
    url: str
    kinds: list[tuple[str, str]]  # words, address

    @property
    def tone(self) -> str:
        """The colour of the number: what is zero or not urgent has none."""
        urgent = self.number.state in URGENT and self.number.number
        return self.number.state.tone if urgent else "plain"


@dataclass(frozen=True, kw_only=True)
class Trend:
    """How a number changed over the last weeks."""

    state: State
    line: Line
    drawing: Drawing
    url: str

    @property
    def title(self) -> str:
        """What the line shows, for whoever does not see it."""
        first, last, least, most = map(
            grouped,
            (self.line.first, self.line.last, self.line.least, self.line.greatest),
        )
        return f"{self.line.title}: {first} at first, {last} at last, {least} to {most} between"


@never_cache
@require_safe
def overview(request: OperatorRequest) -> HttpResponse:
    """Locks and attacks as they are now, everything else as the newest census counted it."""
    now, found = timezone.now(), policies.current_with_sources()
    seen = overviews.build(scope=request.user.scope, policy=found.policy, now=now)
    outages.answered(KEYSTONE_DATABASE, now)
    findings = compliance.findings(found.policy)
    storm = storms.going_on(scope=request.user.scope, now=now)
    context = {
        "section": "overview",
        "storm": alerts.told(storm, scope=request.user.scope) if storm else None,
        "now": now,
        "seen": seen,
        "policy": found.policy,
        "large": [_card(seen.numbers[state]) for state in LARGE],
        "small": [_card(seen.numbers[state]) for state in SMALL],
        "locked_url": _list_url(LOCKED),
        "findings": [(finding, short(finding)) for finding in findings],
        "nothing": compliance.enforces_nothing(found.policy),
        "disagree": len(found.disagreements),
        "forecast": _forecast(seen.days, now.date()),
        "lists": {"expiring": _list_url(EXPIRING), "inactive_soon": _list_url(INACTIVE_SOON)},
        "silence": liveness.silence(now),
        "trends": [_trend(state, seen.trend) for state in TRENDS] if len(seen.trend) > 1 else [],
        "history": [
            (point.counted_at.date(), [point.numbers.get(state.name, 0) for state in TRENDS])
            for point in reversed(seen.trend)
        ],
    }
    return render(request, "web/overview.html", context)


def _card(number: StateCount) -> Card:
    return Card(
        number=number,
        url=_list_url(number.state),
        kinds=[
            (
                f"{grouped(many)} {kind.label.lower()}{'' if many == 1 else 's'}",
                _list_url(number.state, kind=kind.value),
            )
            for kind, many in number.kinds.items()
        ],
    )


def _list_url(state: State, **more: str) -> str:
    return f"{reverse('accounts')}?{urlencode({'state': state.name, **more})}"


def short(finding: PolicyFinding) -> str:
    """The value of a requirement in two or three words; the policy page has it in full."""
    if finding.requirement == "8.3.6" and finding.value != "off":
        return "strong" if finding.passed else "too weak"
    value = finding.value.replace(", then locked for ", ", ")
    value = value.replace(", then locked until somebody unlocks", ", until unlocked")
    return value.removeprefix("the ").removesuffix(" are refused")


def _forecast(days: list[ForecastDay], today: date) -> dict[str, object] | None:
    """The chart of the days to come, in both its shapes; None where there is no forecast."""
    if not days:
        return None
    chart = Bars(
        title="Accounts a day: passwords that expire, and accounts that become inactive",
        groups=tuple(
            "Today" if day.day == today else f"{day.day:%a} {day.day.day}" for day in days
        ),
        series=(
            Series(label="passwords expire", values=tuple(day.expired for day in days)),
            Series(label="accounts become inactive", values=tuple(day.inactive for day in days)),
        ),
    )
    return {"chart": chart, "columns": charts.columns(chart), "rows": charts.rows(chart)}


def _trend(state: State, points: list[TrendPoint]) -> Trend:
    line = Line(
        title=state.title,
        points=tuple(
            (point.counted_at.date(), point.numbers.get(state.name, 0)) for point in points
        ),
    )
    return Trend(state=state, line=line, drawing=charts.line(line), url=_list_url(state))
