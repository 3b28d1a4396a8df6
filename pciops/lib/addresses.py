"""Untrusted text: email and network addresses, and text for one line or a database column."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from typing import Final

LONGEST: Final = 254  # RFC 5321, without the angle brackets of a path
LONGEST_LOCAL: Final = 64
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_SIGNS: Final = frozenset("!#$%&'*+/=?^_`{|}~.-")
LONGEST_NAME: Final = 64  # of an account or domain in an email
# The signs from which mailboxes make links: of a scheme, of a domain, and of a path on Windows. The
# dots of numbers and IP addresses are left as they are.
_LINKING: Final = re.compile(
    r":(?=//)|(?:(?<=\bmailto)|(?<=\btel)|(?<=\bsms)):"
    r"|(?<=[^\W\d])[.\u2024\u3002\uff0e\uff61](?=\w)|(?<=\d)[.\u2024\u3002\uff0e\uff61](?=[^\W\d])"
    r"|\\(?=\\)",
    re.IGNORECASE,
)
_QUOTES: Final = str.maketrans(dict.fromkeys("“”„‟«»", "'"))


def mail_address(text: str) -> str | None:
    """Return the text as one email address with its domain in ASCII; None if it is not one.

    Names, comments, quotes and lists are refused: Keystone's column is free text, and an email
    to one recipient too many is worse than none.
    """
    local, at, domain = text.strip().rpartition("@")
    if not at or not _is_local_part(local):
        return None
    try:
        ascii_domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    if not all(_LABEL.fullmatch(label) for label in ascii_domain.split(".")):
        return None
    address = f"{local}@{ascii_domain}"
    return address if len(address.encode()) <= LONGEST else None


def _is_local_part(text: str) -> bool:
    if not text or len(text.encode("utf-8", "replace")) > LONGEST_LOCAL:
        return False
    if text.startswith(".") or text.endswith(".") or ".." in text:
        return False
    return all(_is_allowed(character) for character in text)


def _is_allowed(character: str) -> bool:
    """Return whether it is a letter, digit or mark of any script, or an allowed sign."""
    if character.isascii():
        return character.isalnum() or character in _SIGNS
    return unicodedata.category(character)[0] in "LMN"


def network(address: str, prefix: int = 64) -> str:
    """Return the source that limits count: an IPv4 address, or the network of an IPv6 customer."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, prefix), strict=False))
    return str(ip)


def plain(text: str, longest: int = 200) -> str:
    """Return the text in one line, unprintable characters as spaces, cut to `longest`.

    Also removes marks that change the direction of text, which could disguise its neighbors.
    """
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def defanged(text: str, longest: int = 200) -> str:
    """Return the text as `plain` does, and so that no mailbox makes a link of it.

    `https://evil.example` becomes `https[:]//evil[.]example`.
    """
    return _LINKING.sub(r"[\g<0>]", plain(text, longest))


def quoted(text: str, longest: int = LONGEST_NAME, *, own: str = "") -> str:
    """Return a name, or other words of others, for an email: in quotes, shortened, not a link.

    Others choose them, and could write to readers in our name.

    Args:
        own: the address that the email goes to; a name that is equal to it or to its local part
            stays as it is.
    """
    name = plain(text, longest).translate(_QUOTES)
    is_own = bool(own) and name in {own, own.rpartition("@")[0]}
    return f"“{name if is_own else defanged(name, longest)}”"


def storable(text: str) -> str:
    """Return the text as every database takes it: without half characters and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")
