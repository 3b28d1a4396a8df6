"""Passwords of the demo: random, easy to type, and valid for the demo's password_regex."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from pciops.demo.people import ACCOUNTS
from pciops.demo.process import DemoError

Passwords = dict[str, str]
"""`domain/name` of an account → its password."""

_TEXT = """
amber anchor apple autumn basil beacon birch bridge candle canyon cedar cherry cobalt copper coral
cotton crystal delta ember falcon feather fern forest garden ginger granite harbor hazel island
ivory jasmine juniper lagoon lantern lemon linen magnet maple marble meadow mirror mountain nectar
ocean olive orchard pebble pepper planet prairie quartz rabbit river saffron silver spruce summer
sunset tiger timber tulip valley velvet violet walnut willow winter
"""
_WORDS = _TEXT.split()


def new_password() -> str:
    """Return two words and four digits, such as `amber-falcon-3917`: enough for loopback."""
    first, second = secrets.choice(_WORDS), secrets.choice(_WORDS)
    return f"{first}-{second}-{secrets.randbelow(10_000):04}"


def kept_password(path: Path) -> str:
    """Return the password in this file; the first call makes it, readable only by its owner."""
    if path.exists() and (kept := path.read_text(encoding="ascii").strip()):
        return kept
    password = new_password()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{password}\n")
    return password


def kept_passwords(path: Path) -> Passwords:
    """Return the passwords in the file, with a new one for each account that is not in it.

    Raises:
        DemoError: the file is damaged.
    """
    passwords: Passwords = {}
    if path.exists():
        try:
            passwords = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            problem = f"{path} is damaged. Start over with script/demo --reset."
            raise DemoError(problem) from None
    missing = [account.key for account in ACCOUNTS if account.key not in passwords]
    passwords |= {key: new_password() for key in missing}
    if missing:
        # On disk before an account has it: the start after an interrupted one needs it.
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(passwords, indent=2, ensure_ascii=False), encoding="utf-8")
        os.replace(draft, path)
    return passwords
