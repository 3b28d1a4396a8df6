"""Template filters: times and numbers as text, and rights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from django import template
from django.forms import BoundField
from django.template import Context
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from pciops.accounts.policy import compliance
from pciops.accounts.policy.compliance import PolicyFinding
from pciops.accounts.policy.policy import NAMES, Policy
from pciops.accounts.states import ATTACKED_EXEMPT, EXPIRING, INACTIVE_SOON
from pciops.accounts.states.state import State
from pciops.accounts.verdict import SigninVerdict
from pciops.events import entries
from pciops.events.sentences import TextPart
from pciops.lib import numbers, times
from pciops.lib.disguises import disguise_of
from pciops.signin.models import Operator

OPTION = re.compile(rf"\b(?:{'|'.join(NAMES)})\b")

register = template.Library()
register.filter("distance", times.distance)
register.filter("day", times.day)
register.filter("days_away", times.days_away)
register.filter("grouped", numbers.grouped)
register.filter("change", numbers.change)
register.filter("entry", entries.of_act)
register.filter("enforces_nothing", compliance.enforces_nothing)


@register.simple_tag(takes_context=True)
def problems(context: Context) -> list[tuple[str, str]]:
    """Return what is wrong with the page's form: the id of the field ("" for none), and the text.

    It reads `problem`, `form` and `fields` of the context.
    """
    found = [("", context["problem"])] if context.get("problem") else []
    if form := context.get("form"):
        found += [("", error) for error in form.non_field_errors()]
        found += [(_focusable(field), error) for field in form for error in field.errors]
    fields = context.get("fields") or ()
    return found + [(field.name, field.problem) for field in fields if field.problem]


def _focusable(field: BoundField) -> str:
    """Return the id of the input that a link to the field leads to."""
    if field.is_hidden:
        return ""
    return f"{field.auto_id}_0" if field.use_fieldset else field.id_for_label


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
        return format_html(' <span class="chip">{}</span>', found.words)
    return format_html(' <span class="chip soon">{}</span>', found.words)


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
def missing(state: State | None, policy: Policy) -> PolicyFinding | None:
    """Return the finding that says what to set if the rule of the state is off."""
    return compliance.missing(state, policy) if state else None


@register.filter
def options(sentence: str) -> SafeString:
    """Return the sentence with Keystone's option names in monospace."""
    return mark_safe(OPTION.sub(r"<code>\g<0></code>", escape(sentence)))  # noqa: S308 escaped


@register.filter
def marked(text: str, part: str) -> str:
    """Return the text with the first occurrence of the part marked: `{{ name|marked:text }}`."""
    lower, start = text.lower(), text.lower().find(part.lower())
    if start < 0 or len(lower) != len(text):  # some capital letters are two small ones
        return text
    end = start + len(part)
    return format_html("{}<mark>{}</mark>{}", text[:start], text[start:end], text[end:])


@register.filter
def as_list(value: object) -> list[object]:
    """Return the value as the only item of a list."""
    return [value]


@register.filter
def second(value: datetime) -> SafeString:
    """Return `14:02:11` in UTC, for a row below the row of its day."""
    words = f"{value.astimezone(UTC):%H:%M:%S}"
    return format_html(
        '<time datetime="{}" title="{}" data-below-day>{}</time>',
        *(times.iso(value), times.dated(value), words),
    )


@register.filter
def weekday(value: datetime, now: datetime) -> str:
    """Return `Today, Sunday 22 November`, `Friday 20 November` or `Monday 3 March 2025`, in UTC."""
    day, today = value.astimezone(UTC).date(), now.astimezone(UTC).date()
    words = f"{day:%A} {day.day} {day:%B}"
    if day == today:
        return f"Today, {words}"
    return words if day.year == today.year else f"{words} {day.year}"


@register.filter
def clock(value: datetime, now: datetime) -> SafeString:
    """Return `14:02` for today, else `21 Nov, 14:02`, in UTC, for a column that names the zone."""
    return _time(value, times.clock(value, now))


@register.filter
def instant(value: datetime, now: datetime) -> SafeString:
    """Return `14:02 UTC` for today, else `21 Nov, 14:02 UTC`; with seconds when pointed at."""
    return _time(value, f"{times.clock(value, now)} UTC")


@register.filter
def to_second(value: datetime) -> SafeString:
    """Return `14:02:11 UTC`, for the time of what is shown."""
    return _time(value, f"{value.astimezone(UTC):%H:%M:%S} UTC")


def _time(value: datetime, words: str) -> SafeString:
    """Return an element that has the whole time, too; a script can show it in the local zone."""
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', times.iso(value), times.dated(value), words
    )


@register.filter
def brief(verdict: SigninVerdict) -> str:
    """Return what a row of a list says beside the labels of its states; "" if they say it all."""
    account, now = verdict.account, verdict.now
    labels = {state.label.lower() for state in verdict.states}
    if verdict.blocking:
        return "" if verdict.notable.lower() in labels else verdict.notable
    if ATTACKED_EXEMPT in verdict.states:
        return f"Exempt from lockout, {numbers.counted(account.failed_auth_count, 'attempt')}"
    if EXPIRING in verdict.states and account.password_expires_at is not None:
        at = account.password_expires_at
        return f"{times.distance(at, now)}, {times.day(at.date())}"
    if INACTIVE_SOON in verdict.states and verdict.inactive_on is not None:
        return f"{times.days_away(verdict.inactive_on, now)}, {times.day(verdict.inactive_on)}"
    return verdict.notable
