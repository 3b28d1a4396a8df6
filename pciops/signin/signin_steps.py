"""A sign-in that Keystone has begun and not finished: it waits, sealed, in the session."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Self

from django.http import HttpRequest

from pciops.signin.sessions import seal, unseal

_KEY = "pending"
LONGEST: Final = timedelta(minutes=10)


class Step(StrEnum):
    """The next step of a person who signs in."""

    CODE = "code"
    PASSWORD = "password"  # noqa: S105 (a name)


@dataclass(frozen=True, kw_only=True)
class PendingSignin:
    """A sign-in that waits for its next step. It does not contain the password."""

    step: Step
    user_id: str
    name: str
    domain: str
    next: str
    until: datetime
    receipt: str = field(default="", repr=False)

    def ended(self, now: datetime) -> bool:
        """Return whether it has waited too long, here or in Keystone."""
        return self.until <= now

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the value that `write` made the text of."""
        stored = json.loads(text)
        stored["step"] = Step(stored["step"])
        stored["until"] = datetime.fromisoformat(stored["until"])
        return cls(**stored)

    def write(self) -> str:
        """Return it as text."""
        return json.dumps({**asdict(self), "until": self.until.isoformat()})


def keep(request: HttpRequest, pending: PendingSignin) -> None:
    """Begin a session that contains only this.

    A new session: an attacker who planted the key of the old one could take over the sign-in.
    """
    request.session.flush()
    request.session[_KEY] = seal(pending.write())


def find(request: HttpRequest, step: Step) -> PendingSignin | None:
    """Return the sign-in that waits for this step; it may have ended."""
    text = unseal(request.session.get(_KEY, ""))
    pending = PendingSignin.read(text) if text else None
    return pending if pending and pending.step is step else None


def drop(request: HttpRequest) -> None:
    """Remove it from the session."""
    request.session.pop(_KEY, None)
