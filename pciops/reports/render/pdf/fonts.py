"""The fonts of the PDF: FiraGO, and Noto Sans for the letters it lacks (both SIL OFL 1.1)."""

from __future__ import annotations

import logging
import unicodedata
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Final, cast

import pymupdf_fonts
from fpdf import FPDF
from fpdf.bidi import BidiParagraph
from fpdf.enums import TextDirection
from fpdf.fonts import TTFFont

FAMILY, FALLBACK = "firago", "notosans"
# By style: the font, and the one for characters that it lacks.
_SOURCES: Final = {"": ("figo", "notos"), "B": ("figbo", "notosbo")}
# Characters that need no shaping: each is one glyph, from left to right.
_SIMPLE: Final = (
    *(range(0x20, 0x300), range(0x370, 0x483), range(0x48A, 0x530), range(0x2010, 0x2028)),
    *(range(0x2030, 0x205F), range(0x2190, 0x2194), range(0x2212, 0x2213)),
)

# It warns that it drops tables that only screens need.
logging.getLogger("fontTools.subset").setLevel(logging.ERROR)


class Font:
    """A style of the fonts in one document."""

    def __init__(self, pdf: FPDF, style: str, folder: Path) -> None:
        """Add the style to a document, which reads its files in the folder until it is written."""
        main, fallback = (
            _added(pdf, family, style, source, folder)
            for family, source in zip((FAMILY, FALLBACK), _SOURCES[style], strict=True)
        )
        pdf.set_fallback_fonts([FALLBACK])
        self._known = main.cmap.keys() | fallback.cmap.keys()
        simple = (code for codes in _SIMPLE for code in codes if code in main.cmap)
        self._widths = {chr(code): main.cw[code] / 1000 for code in simple}

    def width(self, text: str) -> float | None:
        """Return the width of a text in ems; None if it has to be shaped."""
        try:
            return sum(map(self._widths.__getitem__, text))
        except KeyError:
            return None

    def escaped(self, text: str) -> str:
        """Return the text with characters that no font has as escapes, such as `\\u4e2d`.

        A name must not lose a part without anybody seeing that it did. Letters with marks become
        one character if there is one: a font may lack the mark alone.
        """
        return "".join(
            character
            if ord(character) in self._known
            else character.encode("unicode_escape").decode("ascii")
            for character in unicodedata.normalize("NFC", text)
        )

    def lines(self, text: str, room: float) -> list[str]:
        """Break a text that needs no shaping, at spaces and in words that are too long.

        Args:
            room: in ems.
        """
        lines, begin, space, used = [], 0, -1, 0.0
        for index, character in enumerate(text):
            if character == " ":
                space = index
            if used + self._widths[character] > room and index > begin:
                end = space if space > begin else index
                lines.append(text[begin:end])
                begin = end + (text[end] == " ")
                space, used = -1, sum(map(self._widths.__getitem__, text[begin:index]))
            used += self._widths[character]
        return [*lines, text[begin:]]


def visual_runs(text: str, base: TextDirection | None) -> list[tuple[str, TextDirection]]:
    """Return the parts of a line that have one direction each, from left to right.

    fpdf2 itself leaves numbers to the right of the right-to-left letters before them; see rule L2
    of the Unicode bidirectional algorithm.
    """
    characters = BidiParagraph(text, base).get_characters_with_embedding_level()
    runs = [
        (level, "".join(character.character for character in group))
        for level, group in groupby(characters, key=attrgetter("embedding_level"))
    ]
    for level in range(max(level for level, _ in runs), 0, -1):
        groups = groupby(runs, key=lambda run: run[0] >= level)  # noqa: B023 used at once
        runs = [run for high, group in groups for run in ([*group][::-1] if high else group)]
    left, right = TextDirection.LTR, TextDirection.RTL
    return [(run, right if level % 2 else left) for level, run in runs]


def _added(pdf: FPDF, family: str, style: str, source: str, folder: Path) -> TTFFont:
    path = folder / f"{source}.ttf"
    path.write_bytes(pymupdf_fonts.fontbuffers[source]())
    pdf.add_font(family, style, path)
    font = cast("TTFFont", pdf.fonts[f"{family}{style}"])
    for table in ("GDEF", "GPOS", "GSUB"):  # HarfBuzz reads them from the file
        if table in font.ttfont:
            del font.ttfont[table]  # to parse them takes longer than all else in a short report
    return font
