"""Names that a reader may take for another one: invisible, right-to-left, or look-alike letters."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

_RIGHT_TO_LEFT: Final = frozenset({"R", "AL"})
# Scripts some of whose letters look like Latin ones.
_ALIKE: Final = ("ARMENIAN", "CHEROKEE", "COPTIC", "CYRILLIC", "GREEK", "LISU")
# Letters that look like Latin ones: a name of nothing else looks Latin.
_LATIN_SHAPES: Final = frozenset(
    "асеорхуіјѕһӏԁԛԝүАВСЕНІЈКМОРЅТХУҮԌԚԜοαικνρυϲϳΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿ"  # noqa: RUF001 (they are meant)
)


@dataclass(frozen=True, kw_only=True)
class Disguise:
    """Why a name may look like another one.

    Attributes:
        suspicious: names are seldom like this by chance.
    """

    words: str
    suspicious: bool


def disguise_of(name: str) -> Disguise | None:
    """Return what a reader cannot see of a name; None for a usual one."""
    if name.isascii() and name.isprintable():
        return None
    if hidden := sorted({letter for letter in name if _is_hidden(letter)}):
        codes = ", ".join(f"U+{ord(letter):04X}" for letter in hidden[:3])
        return Disguise(words=f"Hidden characters: {codes}", suspicious=True)
    if script := _look_alike(name):
        return Disguise(words=f"Look-alike letters: {script}", suspicious=True)
    if any(unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT for letter in name):
        return Disguise(words="Right-to-left letters", suspicious=False)
    return None


def _is_hidden(letter: str) -> bool:
    """Return whether it is not drawn, or is a space other than the usual one."""
    return not letter.isprintable() or unicodedata.category(letter)[0] == "Z" and letter != " "


def _look_alike(name: str) -> str:
    """Return the script or form of letters that look like Latin ones here; "" if there are none."""
    letters = [letter for letter in name if letter.isalpha()]
    if any(
        not letter.isascii() and unicodedata.normalize("NFKC", letter).isascii() for letter in name
    ):
        return "other forms of Latin"
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in letters}
    alike = [script for script in _ALIKE if script in scripts]
    if not alike:
        return ""
    if "LATIN" in scripts or len(alike) > 1 or all(letter in _LATIN_SHAPES for letter in letters):
        return " and ".join(script.capitalize() for script in alike)
    return ""
