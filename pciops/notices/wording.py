"""Times and time spans in the language and the time zone of an email to an owner.

`django.utils.translation.override` sets the language.
"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from django.utils.dateformat import format as format_date
from django.utils.translation import npgettext, pgettext

from pciops.lib import times


def dated(value: datetime, zone: tzinfo) -> str:
    """Return `Wed 25 Nov 2026, 14:02 UTC`."""
    # Translators: a format of Django's filter `date`.
    return _formatted(value, zone, pgettext("day and time", "D j M Y, H:i T"))


def day(value: datetime, zone: tzinfo) -> str:
    """Return `25 Nov 2026`."""
    # Translators: a format of Django's filter `date`.
    return _formatted(value, zone, pgettext("day", "j M Y"))


def left(value: datetime, now: datetime, zone: tzinfo) -> str:
    """Return `3 days`, `5 h 3 min` or `28 min`, as it stands after "in"."""
    apart = times.apart(value, now, zone)
    if apart.days:
        return npgettext("in …", "%(days)d day", "%(days)d days", apart.days) % {"days": apart.days}
    hours, minutes = divmod(apart // timedelta(minutes=1), 60)
    numbers = {"hours": hours, "minutes": minutes}
    if not hours:
        return pgettext("in …", "%(minutes)d min") % numbers
    return pgettext("in …", "%(hours)d h %(minutes)d min") % numbers


def _formatted(value: datetime, zone: tzinfo, form: str) -> str:
    return format_date(value.astimezone(zone), form)
