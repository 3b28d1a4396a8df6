"""Passwords of the demo: random, easy to type, and within the demo's password_regex."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

_TEXT = """
amber anchor apple autumn basil beacon birch bridge candle canyon cedar cherry cobalt copper coral
cotton crystal delta ember falcon feather fern forest garden ginger granite harbor hazel island
ivory jasmine juniper lagoon lantern lemon linen magnet maple marble meadow mirror mountain nectar
ocean olive orchard pebble pepper planet prairie quartz rabbit river saffron silver spruce summer
sunset tiger timber tulip valley velvet violet walnut willow winter
"""
_WORDS = _TEXT.split()


def new_password() -> str:
    """Two words and four digits, as in `amber-falcon-3917`: good enough for loopback."""
    first, second = secrets.choice(_WORDS), secrets.choice(_WORDS)
    return f"{first}-{second}-{secrets.randbelow(10_000):04}"


def kept_password(path: Path) -> str:
    """The password in this file, made at the first call and readable by its owner alone."""
    if path.exists() and (kept := path.read_text(encoding="ascii").strip()):
        return kept
    password = new_password()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{password}\n")
    return password
