"""Mail addresses as others have written them: one that can be sent to, or none."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LONGEST: Final = 254  # RFC 5321, with the angle brackets of a path taken off
LONGEST_LOCAL: Final = 64
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_SIGNS: Final = frozenset("!#$%&'*+/=?^_`{|}~.-")


def mail_address(text: str) -> str | None:
    """The one address that the text is, its domain in ASCII; None where it is none.

    No names, comments, quotes or lists: what Keystone holds is free text of others, and a mail
    that reaches one person too many is worse than one that reaches nobody.
    """
    local, at, domain = text.strip().rpartition("@")
    if not at or not _is_local(local):
        return None
    try:
        ascii_domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    if not all(_LABEL.fullmatch(label) for label in ascii_domain.split(".")):
        return None
    address = f"{local}@{ascii_domain}"
    return address if len(address.encode()) <= LONGEST else None


def _is_local(text: str) -> bool:
    if not text or len(text.encode("utf-8", "replace")) > LONGEST_LOCAL:
        return False
    if text.startswith(".") or text.endswith(".") or ".." in text:
        return False
    return all(_fits(character) for character in text)


def _fits(character: str) -> bool:
    """Letters, digits and marks of any script; nothing that steers, and no separator."""
    if character.isascii():
        return character.isalnum() or character in _SIGNS
    return unicodedata.category(character)[0] in "LMN"


def plain(text: str, longest: int = 200) -> str:
    """Text of others in one line: what is not printable becomes a space, and the rest is cut.

    Also the marks that turn the direction of text, which could disguise what stands beside it.
    """
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def storable(text: str) -> str:
    """Text of others as every database takes it: no half characters, and no NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")
