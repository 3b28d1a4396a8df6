"""A sign-in that Keystone has begun and not finished: it waits, sealed, in the session."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Self

from django.http import HttpRequest

from pciops.signin.seal import seal, unseal

_KEY = "pending"
LONGEST: Final = timedelta(minutes=10)


class Step(StrEnum):
    """What the person has to do next."""

    CODE = "code"
    PASSWORD = "password"  # noqa: S105 (a name)


@dataclass(frozen=True, kw_only=True)
class Pending:
    """Whose sign-in waits for what. The password that was typed is not in it."""

    step: Step
    user_id: str
    name: str
    domain: str
    next: str
    until: datetime
    receipt: str = field(default="", repr=False)

    def ended(self, now: datetime) -> bool:
        """Whether it has waited too long, here or in Keystone."""
        return self.until <= now

    @classmethod
    def read(cls, text: str) -> Self:
        """The value again that `write` made this text of."""
        kept = json.loads(text)
        return cls(
            **{
                **kept,
                "step": Step(kept["step"]),
                "until": datetime.fromisoformat(kept["until"]),
            }
        )

    def write(self) -> str:
        """As text."""
        return json.dumps({**asdict(self), "until": self.until.isoformat()})


def keep(request: HttpRequest, waiting: Pending) -> None:
    """Begin a session with it, and with nothing else.

    A new one, since who planted the old one's key would else come to this person's next page.
    """
    request.session.flush()
    request.session[_KEY] = seal(waiting.write())


def find(request: HttpRequest, step: Step) -> Pending | None:
    """What waits for this step; it may have ended."""
    text = unseal(request.session.get(_KEY, ""))
    waiting = Pending.read(text) if text else None
    return waiting if waiting and waiting.step is step else None


def drop(request: HttpRequest) -> None:
    """Forget it."""
    request.session.pop(_KEY, None)
