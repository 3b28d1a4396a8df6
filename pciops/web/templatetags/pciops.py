"""Template filters: times and numbers as text, and rights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from django import template
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from pciops.accounts.policy import compliance
from pciops.accounts.policy.compliance import PolicyFinding
from pciops.accounts.policy.policy import NAMES, Policy
from pciops.accounts.states.state import State
from pciops.events.sentences import TextPart
from pciops.lib import numbers, times
from pciops.lib.disguises import disguise_of
from pciops.signin.models import Operator

OPTION = re.compile(rf"\b(?:{'|'.join(NAMES)})\b")

register = template.Library()
register.filter("instant", times.instant)
register.filter("distance", times.distance)
register.filter("day", times.day)
register.filter("days_away", times.days_away)
register.filter("grouped", numbers.grouped)
register.filter("enforces_nothing", compliance.enforces_nothing)


@register.filter
def may(operator: Operator, act: str) -> bool:
    """Return whether the operator may do this: `{% if operator|may:"unlock" %}`."""
    return operator.may(act)


@register.filter
def within(part: TextPart, operator: Operator) -> bool:
    """Return whether the account that this part of a sentence names is in the operator's scope."""
    return operator.scope in {None, part.domain_id}


@register.filter
def until_then(value: datetime, then: datetime) -> str:
    """Return the span from one time to the other."""
    return times.span(then - value)


@register.filter
def of(values: Mapping[str, object], key: str) -> object:
    """Return the value of a key: `{{ causes|of:account.id }}`."""
    return values.get(key)


@register.filter
def disguise(name: str | None) -> str:
    """Return a mark for a name that may look like another one: `{{ account.name|disguise }}`."""
    found = disguise_of(name) if name else None
    if found is None:
        return ""
    if not found.suspicious:
        return format_html(' <span class="tag plain">{}</span>', found.words)
    return format_html(
        ' <span class="tag soon"><span aria-hidden="true">⚠</span> {}</span>', found.words
    )


@register.filter
def left(value: datetime, now: datetime) -> str:
    return f"{times.span(value - now)} left"


@register.filter
def sorting(sort: str) -> str:
    """Return the order of a list as text."""
    return {
        "privileged": "Privileged accounts first",
        "failed": "Newest failure first",
        "date": "Next date first",
        "name": "By name",
        "id": "By id",
    }[sort]


@register.filter
def span(seconds: int) -> str:
    return times.span(timedelta(seconds=seconds))


@register.filter
def change(number: int) -> str:
    """Return `+12` or `−4`, with a minus sign as wide as the plus."""
    return f"+{numbers.grouped(number)}" if number > 0 else f"−{numbers.grouped(-number)}"


@register.filter
def missing(state: State | None, policy: Policy) -> PolicyFinding | None:
    """Return the finding that says what to set if the rule of the state is off."""
    return compliance.missing(state, policy) if state else None


@register.filter
def options(sentence: str) -> SafeString:
    """Return the sentence with Keystone's option names in monospace."""
    return mark_safe(OPTION.sub(r"<code>\g<0></code>", escape(sentence)))  # noqa: S308 escaped
