"""The setting of domains to which emails go."""

from __future__ import annotations

import pytest

from pciops.lib import env


def test_mail_domains_are_unique_and_in_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PCIOPS_X", "Cloud.example, bücher.example,cloud.example")

    assert env.mail_domains("PCIOPS_X") == ("cloud.example", "xn--bcher-kva.example")
    assert env.mail_domains("PCIOPS_Y") == ()


@pytest.mark.parametrize("word", ["@cloud.example", "*.cloud.example", "cloud example;x", "-x"])
def test_wrong_mail_domain_is_refused(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("PCIOPS_X", word)

    with pytest.raises(env.SettingError, match="PCIOPS_X"):
        env.mail_domains("PCIOPS_X")
