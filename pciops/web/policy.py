"""The policy page: Keystone's policy against PCI DSS, and the effect of a proposed policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pciops.accounts.policy import compliance, whatif, whatif_text
from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.policy import Policy
from pciops.accounts.policy.whatif import CHANGEABLE, ProposalError, RuleEffect, WhatIf
from pciops.lib import outages
from pciops.web.errors import KEYSTONE_DATABASE
from pciops.web.requests import OperatorRequest

LABELS: Final = {
    "lockout_failure_attempts": "Failed attempts that lock",
    "lockout_duration": "A lock lasts, in seconds",
    "disable_user_account_days_inactive": "Days without a sign-in",
    "password_expires_days": "Days that a password lasts",
}


@dataclass(frozen=True, kw_only=True)
class ProposalField:
    """A field of the what-if form."""

    name: str  # of the option
    value: str  # as typed
    now: str
    problem: str

    @property
    def label(self) -> str:
        return LABELS[self.name]


@never_cache
@require_safe
def policy_page(request: OperatorRequest) -> HttpResponse:
    """Show what Keystone enforces, and which accounts a proposed policy would stop.

    Every operator may see it: the policy itself says nothing about accounts.
    """
    now = timezone.now()
    sourced = policies.current_with_sources()
    if request.user.scope is not None:
        sourced = sourced.without_paths()
    findings = compliance.findings(sourced.policy)
    judged = {option for finding in findings for option in finding.options}
    what_if, status = _what_if(request, sourced.policy, now)
    context = {
        **what_if,
        "section": "policy",
        "now": now,
        "rules": [
            (finding, [(name, sourced.sources[name]) for name in finding.options])
            for finding in findings
        ],
        "passed": sum(finding.passed for finding in findings),
        "total": len(findings),
        "nothing": compliance.enforces_nothing(sourced.policy),
        "remedy": [line for finding in findings for line in finding.remedy],
        "others": [
            (name.removesuffix("_set"), policies.display_value(name, value), sourced.sources[name])
            for name, value in sourced.values.items()
            if name not in judged
        ],
        "disagreements": [
            (
                name.removesuffix("_set"),
                [(path, policies.display_value(name, value)) for path, value in values],
            )
            for name, values in sourced.disagreements.items()
        ],
    }
    return render(request, "web/policy.html", context, status=status)


def _what_if(request: OperatorRequest, policy: Policy, now: datetime) -> tuple[dict[str, Any], int]:
    """Return context and HTTP status of the what-if section.

    Keystone's database is read only if the URL proposes a value.
    """
    current = whatif.as_texts(policy)
    typed = {name: request.GET[name] for name in CHANGEABLE if name in request.GET}
    answer: dict[str, Any] = {}
    problems: Mapping[str, str] = {}
    if typed:
        try:
            proposed = whatif.parse_proposal(policy, typed)
        except ProposalError as error:
            problems = error.problems
        else:
            result = whatif.evaluate(proposed, current=policy, scope=request.user.scope, now=now)
            outages.answered(KEYSTONE_DATABASE, now)
            answer = _answer(result)
    fields = [
        ProposalField(
            name=name,
            value=typed.get(name, current[name]),
            now=whatif.display_text(name, current[name]),
            problem=problems.get(name, ""),
        )
        for name in CHANGEABLE
    ]
    remedies = compliance.remedies(policy)
    compliant = {name: remedies.get(name, value) for name, value in current.items()}
    demanded = "" if compliant == current else urlencode(compliant)
    return {"fields": fields, "demanded": demanded, **answer}, 400 if problems else 200


def _answer(result: WhatIf) -> dict[str, Any]:
    return {
        "found": result,
        "tone": "bad" if result.today.accounts else "soon" if result.ahead.accounts else "good",
        "answer": whatif_text.answer(result),
        "outlook": whatif_text.outlook(result),
        "caveats": whatif_text.caveats(result),
        "effects": [_effect_row(result, effect) for effect in result.effects],
        "expiry": _values(result, whatif.EXPIRY),
        "days": whatif_text.DAYS,
    }


def _effect_row(result: WhatIf, effect: RuleEffect) -> dict[str, Any]:
    return {
        "state": effect.state,
        "values": _values(result, effect.options),
        "today": effect.today,
        "today_kinds": whatif_text.kinds_text(effect.today),
        "ahead": effect.ahead,
        "ahead_kinds": whatif_text.kinds_text(effect.ahead),
    }


def _values(result: WhatIf, names: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """Return each option with its current value and the proposed one ("" if it is the same)."""
    now, then = whatif.as_texts(result.current), whatif.as_texts(result.proposed)
    return [
        (
            name,
            whatif.display_text(name, now[name]),
            whatif.display_text(name, then[name]) if then[name] != now[name] else "",
        )
        for name in names
    ]
