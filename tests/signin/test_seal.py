"""The seal on tokens."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from pciops.signin.sessions import seal, unseal

KEY = "another one that is just as long as the one that was used before"


def test_what_was_sealed_can_be_unsealed() -> None:
    assert unseal(seal("gAAAAA a token")) == "gAAAAA a token"


def test_what_is_sealed_does_not_show() -> None:
    assert "a token" not in seal("a token")


def test_the_same_text_is_never_sealed_alike() -> None:
    assert seal("a token") != seal("a token")


def test_another_key_unseals_nothing(settings: Settings) -> None:
    sealed = seal("a token")
    settings.SECRET_KEY = KEY

    assert unseal(sealed) is None


@pytest.mark.parametrize("position", [0, 10, 40, -20])
def test_an_altered_seal_is_broken(position: int) -> None:
    sealed = list(seal("a token"))
    sealed[position] = "A" if sealed[position] != "A" else "B"

    assert unseal("".join(sealed)) is None


@pytest.mark.parametrize("text", ["", "a", "gAAAAA", "ünsinn", "\0"])
def test_what_was_never_sealed_is_none(text: str) -> None:
    assert unseal(text) is None
