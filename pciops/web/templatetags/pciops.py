"""Filters for instants and spans, against the instant of the page."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django import template

from pciops.lib import times

register = template.Library()


@register.filter
def instant(value: datetime, now: datetime) -> str:
    return times.instant(value, now)


@register.filter
def distance(value: datetime, now: datetime) -> str:
    return times.distance(value, now)


@register.filter
def left(value: datetime, now: datetime) -> str:
    return f"{times.span(value - now)} left"


@register.filter
def day(value: date) -> str:
    return times.day(value)


@register.filter
def days_away(value: date, now: datetime) -> str:
    """`today`, `in 3 days`, `3 days ago`."""
    days = (value - now.date()).days
    if days == 0:
        return "today"
    span = times.span(timedelta(days=abs(days)))
    return f"in {span}" if days > 0 else f"{span} ago"


@register.filter
def span(seconds: int) -> str:
    return times.span(timedelta(seconds=seconds))
