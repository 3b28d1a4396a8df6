"""The fonts of the PDF: FiraGO, and Noto Sans for the letters it lacks (both SIL OFL 1.1)."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, cast

import pymupdf_fonts
from fpdf import FPDF
from fpdf.fonts import TTFFont

FAMILY: Final = "firago"
# A style, the font, and the one for characters that it lacks.
_FONTS: Final = {"": ("figo", "notos"), "B": ("figbo", "notosbo")}
# Characters that need no shaping: each is one glyph, from left to right.
_SIMPLE: Final = (
    *(range(0x20, 0x300), range(0x370, 0x483), range(0x48A, 0x530), range(0x2010, 0x2028)),
    *(range(0x2030, 0x205F), range(0x2190, 0x2194), range(0x2212, 0x2213)),
)

# It warns that it drops tables that only screens need.
logging.getLogger("fontTools.subset").setLevel(logging.ERROR)


@cache
def _folder() -> TemporaryDirectory[str]:
    """Return a folder with the files of the fonts, which exists as long as the process."""
    folder = TemporaryDirectory(prefix="pciops-fonts-")
    for source in sum(_FONTS.values(), ()):
        (Path(folder.name) / f"{source}.ttf").write_bytes(pymupdf_fonts.fontbuffers[source]())
    return folder


class Font:
    """A style of the fonts in one document."""

    def __init__(self, pdf: FPDF, style: str) -> None:
        folder, (main, fallback) = Path(_folder().name), _FONTS[style]
        pdf.add_font(FAMILY, style, folder / f"{main}.ttf")
        pdf.add_font("fallback", style, folder / f"{fallback}.ttf")
        pdf.set_fallback_fonts(["fallback"])
        glyphs = _glyphs(pdf, f"{FAMILY}{style}")
        self._known = glyphs | _glyphs(pdf, f"fallback{style}")
        pdf.set_font(FAMILY, style, 1000)
        simple = (chr(code) for codes in _SIMPLE for code in codes if code in glyphs)
        self._widths = {character: pdf.get_string_width(character) / 1000 for character in simple}

    def width(self, text: str) -> float | None:
        """Return the width of a text in ems; None if it has to be shaped."""
        try:
            return sum(map(self._widths.__getitem__, text))
        except KeyError:
            return None

    def escaped(self, text: str) -> str:
        """Return the text with characters that no font has as escapes, such as `\\u4e2d`.

        A name must not lose a part without anybody seeing that it did.
        """
        return "".join(
            character
            if ord(character) in self._known
            else character.encode("unicode_escape").decode("ascii")
            for character in text
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


def _glyphs(pdf: FPDF, key: str) -> set[int]:
    """Return the code points that a font has glyphs for."""
    return set(cast("TTFFont", pdf.fonts[key]).cmap)
