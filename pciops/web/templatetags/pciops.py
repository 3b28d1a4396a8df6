"""Filters for instants and spans, against the instant of the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from pciops.accounts.policy import compliance
from pciops.accounts.policy.compliance import PolicyFinding
from pciops.accounts.policy.policy import NAMES, Policy
from pciops.accounts.states.state import State
from pciops.events.words import Part
from pciops.lib import numbers, times
from pciops.signin.models import Operator

register = template.Library()


@register.filter
def may(operator: Operator, act: str) -> bool:
    """`{% if operator|may:"unlock" %}`: what nobody may use is not shown to them."""
    return operator.may(act)


@register.filter
def within(part: Part, operator: Operator) -> bool:
    """Whether the account that the words name is one of those that the operator sees."""
    return operator.scope in {None, part.domain_id}


OPTION = re.compile(rf"\b(?:{'|'.join(NAMES)})\b")


@register.filter
def instant(value: datetime, now: datetime) -> str:
    return times.instant(value, now)


@register.filter
def distance(value: datetime, now: datetime) -> str:
    return times.distance(value, now)


@register.filter
def until_then(value: datetime, then: datetime) -> str:
    """How long it was from one to the other."""
    return times.span(then - value)


@register.filter
def of(values: Mapping[str, object], key: str) -> object:
    """`{{ causes|of:account.id }}`."""
    return values.get(key)


@register.filter
def left(value: datetime, now: datetime) -> str:
    return f"{times.span(value - now)} left"


@register.filter
def day(value: date) -> str:
    return times.day(value)


@register.filter
def days_away(value: date, now: datetime) -> str:
    return times.days_away(value, now)


@register.filter
def span(seconds: int) -> str:
    return times.span(timedelta(seconds=seconds))


@register.filter
def grouped(number: int) -> str:
    return numbers.grouped(number)


@register.filter
def change(number: int) -> str:
    """`+12`, `−4`: with a real minus, as wide as the plus."""
    return f"+{numbers.grouped(number)}" if number > 0 else f"−{numbers.grouped(-number)}"


@register.filter
def missing(state: State | None, policy: Policy) -> PolicyFinding | None:
    """What to set, where the rule of the state is off."""
    return compliance.missing(state, policy) if state else None


@register.filter
def enforces_nothing(policy: Policy) -> bool:
    return compliance.enforces_nothing(policy)


@register.filter
def options(sentence: str) -> SafeString:
    """The sentence with Keystone's option names in monospace."""
    return mark_safe(OPTION.sub(r"<code>\g<0></code>", escape(sentence)))  # noqa: S308 escaped
