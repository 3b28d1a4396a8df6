"""Names that look like others are marked, and usual ones are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pciops.lib.disguises import disguise_of


@pytest.mark.parametrize(
    ("name", "words", "suspicious"),
    [
        ("\u202egnp.exe", "Hidden characters: U+202E", True),
        ("adm\u200bin", "Hidden characters: U+200B", True),
        ("admin\u00a0", "Hidden characters: U+00A0", True),
        ("admin\n", "Hidden characters: U+000A", True),
        ("\u0430dmin", "Look-alike letters: Cyrillic", True),
        ("\u0441\u043e\u0440\u0443", "Look-alike letters: Cyrillic", True),  # looks like "copy"
        ("n\u03bfva", "Look-alike letters: Greek", True),
        ("\uff4eova", "Look-alike letters: other forms of Latin", True),
        ("\U0001d427ova", "Look-alike letters: other forms of Latin", True),
        ("\u05d0\u05e0\u05d4", "Right-to-left letters", False),
        ("\u0645\u062d\u0645\u062f-1", "Right-to-left letters", False),
    ],
)
def test_disguised_name_is_recognized(name: str, words: str, suspicious: bool) -> None:
    found = disguise_of(name)

    assert found is not None
    assert (found.words, found.suspicious) == (words, suspicious)


@pytest.mark.parametrize(
    "name",
    [
        "nova",
        "j.doe",
        "",
        "Jane Doe",
        "dieter.müller",
        "Ångström",
        "山田太郎",
        "中村-1",
        "Анна",
        "Ελένη",
        "👍",
    ],
)
def test_usual_name_is_not_marked(name: str) -> None:
    assert disguise_of(name) is None


@given(name=st.text())
def test_every_name_has_an_answer(name: str) -> None:
    found = disguise_of(name)

    assert found is None or (
        found.words.isprintable() and not (name.isascii() and name.isprintable())
    )
