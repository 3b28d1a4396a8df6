"""The fonts of a printed report: what a text looks like on paper, how wide it is, where it breaks.

Noto Sans, and FiraGO for the scripts that Noto Sans has in fonts of their own (both SIL OFL 1.1,
from the package pymupdf-fonts). A character that neither has is written as Python writes it, such
as `\\u4e2d`: a name must not lose a part on paper without anybody seeing that it did.
"""

from __future__ import annotations

import io
import threading
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from typing import Final

import pymupdf_fonts
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from pciops.reports.render import words

REGULAR: Final = "Report"
BOLD: Final = "Report-Bold"
_SOURCES: Final = {  # name of ours: the font that is asked first, and the one after it
    REGULAR: ("notos", "figo"),
    BOLD: ("notosbo", "figbo"),
}
_ELLIPSIS: Final = "…"
_lock = threading.Lock()


class Face(dict[str, tuple[str, str, float]]):
    """For every character: the font that has it, how it is written, and its width in ems."""

    def __init__(self, fonts: list[TTFont]) -> None:
        super().__init__()
        self._fonts = fonts

    def __missing__(self, character: str) -> tuple[str, str, float]:
        for font in self._fonts:
            if ord(character) in font.face.charToGlyph:
                found = (font.fontName, character, _ems(font, character))
                break
        else:
            text = character.encode("unicode_escape").decode("ascii")
            found = (self._fonts[0].fontName, text, _ems(self._fonts[0], text))
        self[character] = found
        return found


@cache
def _face(name: str) -> Face:
    fonts = []
    for index, source in enumerate(_SOURCES[name]):
        own = name if index == 0 else f"{name}-{index}"
        font = TTFont(own, io.BytesIO(pymupdf_fonts.fontbuffers[source]()))
        pdfmetrics.registerFont(font)
        fonts.append(font)
    return Face(fonts)


def face(name: str) -> Face:
    """The font of this name, loaded when it is first used."""
    with _lock:
        return _face(name)


def _ems(font: TTFont, text: str) -> float:
    return font.stringWidth(text, 1)


def width(text: str, name: str, size: float) -> float:
    """Of a text in one line."""
    known = face(name)
    return size * sum(known[character][2] for character in text)


def single(text: str, name: str) -> str:
    """The text in the first font alone, with escapes for what only another has: for charts."""
    known = face(name)
    return "".join(
        character
        if known[character][0] == name
        else known[character][1]
        if known[character][1] != character
        else character.encode("unicode_escape").decode("ascii")
        for character in words.plain(text)
    )


def runs(text: str, name: str) -> Iterator[tuple[str, str, float]]:
    """Font, text and width in ems of each part of a line, from left to right.

    What is read from right to left is turned, so that it is printed in its order.
    """
    known = face(name)
    if text.isascii():
        yield name, text, sum(known[character][2] for character in text)
        return
    for font, parts in groupby((known[it] for it in _visual(text)), key=lambda part: part[0]):
        found = list(parts)
        yield font, "".join(part[1] for part in found), sum(part[2] for part in found)


def lines(text: str, name: str, size: float, room: float, *, most: int = 0) -> list[str]:
    """The text in lines that fit into the room, broken at spaces and in words that are too long.

    Args:
        most: so many lines at most, the last with an ellipsis where that cuts; 0: all.
    """
    text = words.plain(text)
    known = face(name)
    ems = room / size
    if sum(known[character][2] for character in text) <= ems:
        return [text]
    found = list(_broken(text, known, ems))
    if most and len(found) > most:
        last = found[most - 1]
        while last and sum(known[it][2] for it in last + _ELLIPSIS) > ems:
            last = last[:-1]
        found[most - 1 :] = [last + _ELLIPSIS]
    return found


def _broken(text: str, known: Face, ems: float) -> Iterator[str]:
    begin, used, space = 0, 0.0, -1
    for index, character in enumerate(text):
        wide = known[character][2]
        if character == " ":
            space = index
        if used + wide > ems and index > begin:
            if space > begin:
                yield text[begin:space]
                begin = space + 1
            elif character != " ":
                yield text[begin:index]
                begin = index
            space = -1
            used = sum(known[it][2] for it in text[begin:index])
        used += wide
    yield text[begin:]


def _visual(text: str) -> str:
    """Right-to-left letters in the order in which they stand on the line.

    Each stretch of them for itself: names are short, and Arabic letters are not joined.
    """
    if not any(unicodedata.bidirectional(character) in {"R", "AL"} for character in text):
        return text
    parts: list[str] = []
    for turned, group in groupby(text, key=_is_turned):
        part = "".join(group)
        if not turned:
            parts.append(part)
            continue
        inner = part.strip(" ")
        before = len(part) - len(part.lstrip(" "))
        parts.append(part[:before] + inner[::-1] + part[before + len(inner) :])
    return "".join(parts)


def _is_turned(character: str) -> bool:
    """Whether it belongs to a stretch from right to left; spaces within one do."""
    return unicodedata.bidirectional(character) in {"R", "AL", "NSM", "WS"}
