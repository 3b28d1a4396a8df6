"""What an operator types in for an act, as form, API and command take it."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime
from typing import Final

REASON_MAX: Final = 1000  # characters
OWNER_MAX: Final = 100


class InputError(ValueError):
    """An input that does not do; the text says what would."""


class ReasonError(InputError):
    """A reason that does not do."""


def checked_reason(value: object) -> str:
    """The reason of an act.

    Raises:
        ReasonError
    """
    reason = value.strip() if isinstance(value, str) else ""
    if not reason:
        raise ReasonError("say why, for whoever reads the trail.")
    if len(reason) > REASON_MAX:
        raise ReasonError(f"at most {REASON_MAX} characters; this has {len(reason)}.")
    if not _is_text(reason, besides="\t\r\n"):
        raise ReasonError("text only, without control characters.")
    return reason


def checked_owner(value: object) -> str:
    """Who answers for an exemption: a person or a team.

    Raises:
        InputError
    """
    owner = value.strip() if isinstance(value, str) else ""
    if not owner:
        raise InputError("say who answers for the exemption: a person or a team.")
    if len(owner) > OWNER_MAX:
        raise InputError(f"at most {OWNER_MAX} characters; this has {len(owner)}.")
    if not _is_text(owner):
        raise InputError("one line of text, without control characters.")
    return owner


def checked_end(value: object, now: datetime) -> date:
    """The last day of an exemption, in UTC: tomorrow or later.

    Raises:
        InputError
    """
    try:
        end = date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise InputError("the last day of the exemption, as YYYY-MM-DD.") from None
    if end <= now.date():
        raise InputError("a day after today (UTC): an exemption has to be over some day.")
    return end


def _is_text(text: str, *, besides: str = "") -> bool:
    """Without control characters (Cc) and halves of surrogate pairs (Cs), which no database takes.

    Args:
        besides: the control characters that do.
    """
    return not any(unicodedata.category(c) in {"Cc", "Cs"} and c not in besides for c in text)
