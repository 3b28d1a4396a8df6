"""What would stop under another policy: the form on the page of the policy, and the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from pciops.accounts.policy import compliance, whatif, whatif_text
from pciops.accounts.policy.policy import Policy
from pciops.accounts.policy.whatif import CHANGEABLE, ProposalError, RuleEffect, WhatIf
from pciops.lib import outages
from pciops.web.errors import KEYSTONE_DATABASE
from pciops.web.requests import OperatorRequest

LABELS: Final = {
    "lockout_failure_attempts": "Failures that lock",
    "lockout_duration": "A lock lasts, in seconds",
    "disable_user_account_days_inactive": "Days without a sign-in",
    "password_expires_days": "Days that a password lasts",
}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One option in the form."""

    name: str
    value: str  # as it was typed
    now: str
    problem: str

    @property
    def label(self) -> str:
        return LABELS[self.name]


def section(request: OperatorRequest, policy: Policy, now: datetime) -> tuple[dict[str, Any], int]:
    """What the template needs, and the status of the page; nothing is asked without parameters."""
    present = whatif.as_texts(policy)
    texts = {name: request.GET[name] for name in CHANGEABLE if name in request.GET}
    found: WhatIf | None = None
    problems: Mapping[str, str] = {}
    if texts:
        try:
            proposed = whatif.parse_proposal(policy, texts)
        except ProposalError as error:
            problems = error.problems
        else:
            found = whatif.evaluate(proposed, current=policy, scope=request.user.scope, now=now)
            outages.answered(KEYSTONE_DATABASE, now)
    return {
        "fields": [
            Field(
                name=name,
                value=texts.get(name, present[name]),
                now=whatif.display_text(name, present[name]),
                problem=problems.get(name, ""),
            )
            for name in CHANGEABLE
        ],
        "demanded": _demanded(policy, present),
        **(_answer(found) if found else {}),
    }, 400 if problems else 200


def _demanded(policy: Policy, present: Mapping[str, str]) -> str:
    """The query for the values that PCI DSS demands; "" where today's will do."""
    remedies = compliance.remedies(policy)
    values = {name: remedies.get(name, value) for name, value in present.items()}
    return "" if values == present else urlencode(values)


def _answer(found: WhatIf) -> dict[str, Any]:
    return {
        "found": found,
        "tone": "bad" if found.today.accounts else "soon" if found.ahead.accounts else "good",
        "answer": whatif_text.answer(found),
        "outlook": whatif_text.outlook(found),
        "caveats": whatif_text.caveats(found),
        "effects": [_row(found, effect) for effect in found.effects],
        "expiry": _values(found, whatif.EXPIRY),
        "days": whatif_text.DAYS,
    }


def _row(found: WhatIf, effect: RuleEffect) -> dict[str, Any]:
    return {
        "state": effect.state,
        "values": _values(found, effect.options),
        "today": effect.today,
        "today_kinds": whatif_text.kinds_text(effect.today),
        "ahead": effect.ahead,
        "ahead_kinds": whatif_text.kinds_text(effect.ahead),
    }


def _values(found: WhatIf, names: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """Option, its value now and the proposed one; the latter empty where they are the same."""
    now, then = whatif.as_texts(found.current), whatif.as_texts(found.proposed)
    return [
        (
            name,
            whatif.display_text(name, now[name]),
            whatif.display_text(name, then[name]) if then[name] != now[name] else "",
        )
        for name in names
    ]
