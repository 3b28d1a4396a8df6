"""Numbers as text: thousands separators, and a noun that agrees."""

from __future__ import annotations


def grouped(number: int) -> str:
    """Return `12,480`."""
    return f"{number:,}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return `1 account` or `1,204 accounts`.

    Args:
        plural: the noun for every number but 1; the noun with an "s" if left out.
    """
    return f"{grouped(number)} {noun if number == 1 else plural or noun + 's'}"


def change(number: int) -> str:
    """Return `+12` or `−4`, with a minus sign as wide as the plus."""
    return f"+{grouped(number)}" if number > 0 else f"−{grouped(-number)}"
