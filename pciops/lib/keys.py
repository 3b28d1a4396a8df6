"""Keys derived from the secret key: one for each purpose, each with an id.

`PCIOPS_SECRET_KEY` makes new ones; `PCIOPS_SECRET_KEY_FALLBACKS` are accepted until they are
dropped. The audit log's evidence has keys of its own.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from django.conf import settings


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key of 32 bytes for one purpose."""

    id: str  # tells which secret it was derived from; reveals nothing of it
    secret: bytes = field(repr=False)

    def digest(self, text: str) -> str:
        """Return the keyed hash (HMAC-SHA-256) of a text."""
        return hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()


def of(purpose: str) -> list[Key]:
    """Return the keys for a purpose: the current one, then those that are still accepted."""
    return [derive(purpose, text) for text in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]


def derive(purpose: str, text: str) -> Key:
    """Return the key that a secret has for a purpose."""
    secret = hashlib.sha256(purpose.encode() + text.encode()).digest()
    return Key(id=hashlib.sha256(secret).hexdigest()[:8], secret=secret)
