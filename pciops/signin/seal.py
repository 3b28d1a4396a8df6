"""Seals a token before it goes into a session: a copy of our database opens nothing in Keystone."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


def seal(text: str) -> str:
    """The text, readable with our SECRET_KEY only."""
    return _fernet().encrypt(text.encode()).decode("ascii")


def unseal(sealed: str) -> str | None:
    """The text again; None where it was sealed with another key or altered."""
    try:
        return _fernet().decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None


def _fernet() -> Fernet:
    digest = hashlib.sha256(b"pciops.signin.seal" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
