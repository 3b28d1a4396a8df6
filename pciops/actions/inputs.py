"""The inputs of an act, checked in the same way for pages, API and commands."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from django.conf import settings

from pciops.actions.act import Act
from pciops.audit.models import Event
from pciops.keystone import options

REASON_MAX: Final = 1000  # characters
OWNER_MAX: Final = 100


class InputError(ValueError):
    """An input that is not acceptable; the text says what would be."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


def checked_inputs(
    act: Act, values: Mapping[str, Any], now: datetime, *, on_host: bool = False
) -> dict[str, Any]:
    """Return the inputs that the act asks for, as fields of an ActRequest.

    Args:
        on_host: the operator has the host, which counts as a confirmed identity.

    Raises:
        InputError: of the first input that is not acceptable.
    """
    checks: dict[str, Callable[[object], Any]] = {
        "reason": checked_reason,
        "identity": lambda value: _checked_identity(value, on_host=on_host),
        "option": _checked_option,
        "owner": checked_owner,
        "ends_on": lambda value: checked_end(value, now),
        "beyond_limit": _checked_flag,
    }
    return {name: check(values.get(name)) for name, check in checks.items() if name in act.asks}


def checked_reason(value: object) -> str:
    """Return the reason of an act, or raise InputError."""
    reason = value.strip() if isinstance(value, str) else ""
    if not reason:
        raise InputError("reason", "Enter a reason, such as a ticket number.")
    if len(reason) > REASON_MAX:
        problem = f"Enter at most {REASON_MAX} characters; this has {len(reason)}."
        raise InputError("reason", problem)
    if not is_text(reason, allowed="\t\r\n"):
        raise InputError("reason", "Enter text only, without control characters.")
    pattern = settings.TICKET_PATTERN
    if pattern is not None and not pattern.search(reason):
        problem = f"Enter the ticket: the reason must contain {pattern.pattern}"
        raise InputError("reason", f"{problem} (PCIOPS_TICKET_PATTERN).")
    return reason


def checked_owner(value: object) -> str:
    """Return the owner of an exemption: a person or a team, or raise InputError."""
    owner = value.strip() if isinstance(value, str) else ""
    if not owner:
        raise InputError("owner", "Enter the owner of the exemption: a person or a team.")
    if len(owner) > OWNER_MAX:
        raise InputError("owner", f"Enter at most {OWNER_MAX} characters; this has {len(owner)}.")
    if not is_text(owner):
        raise InputError("owner", "Enter one line of text, without control characters.")
    return owner


def checked_end(value: object, now: datetime) -> date:
    """Return the last day of an exemption, in UTC, or raise InputError if it is not allowed."""
    try:
        end = date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise InputError("ends_on", "Enter the last day of the exemption, as YYYY-MM-DD.") from None
    if end <= now.date():
        problem = "Enter a day after today (UTC)."
        raise InputError("ends_on", problem)
    if end > (latest := latest_end(now)):
        problem = f"Enter {latest} or an earlier day. You can record it again before it ends."
        raise InputError("ends_on", problem)
    return end


def latest_end(now: datetime) -> date:
    """Return the latest day on which an exemption that begins today can end."""
    return now.date() + timedelta(days=settings.EXEMPTION_DAYS)


def _checked_flag(value: object) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    raise InputError("beyond_limit", "true or false.")


def _checked_identity(value: object, *, on_host: bool) -> Event.Identity:
    allowed = dict(Event.Identity.choices if on_host else Event.Identity.for_operators())
    if not isinstance(value, str) or value not in allowed:
        problem = f"how it was confirmed (PCI DSS 8.3.4), one of {', '.join(allowed)}."
        raise InputError("identity", problem)
    return Event.Identity(value)


def _checked_option(value: object) -> str:
    if not isinstance(value, str) or value not in options.EXEMPTIONS.values():
        raise InputError("option", f"one of {', '.join(options.EXEMPTIONS.values())}.")
    return value


def is_text(text: str, *, allowed: str = "") -> bool:
    """Return whether databases take the text.

    They take no control characters (Cc) and no halves of surrogate pairs (Cs).

    Args:
        allowed: the control characters that may be in it.
    """
    return not any(unicodedata.category(c) in {"Cc", "Cs"} and c not in allowed for c in text)
