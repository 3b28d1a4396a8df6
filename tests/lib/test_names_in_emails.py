"""Names of accounts in emails are quoted and short, and no mailbox makes a link of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pciops.lib.addresses import LONGEST_NAME, defanged, quoted

LINK = re.compile(
    r"(?i)://|\bmailto:|\btel:|\bsms:|\\\\|[^\W\d][.\u3002\uff0e]\w|\w[.\u3002\uff0e][^\W\d]"
)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("nova", "“nova”"),
        ("j.doe", "“j[.]doe”"),
        ("Jane Doe", "“Jane Doe”"),
        ("v2.1", "“v2.1”"),
        ("Your password was reset: https://evil.example", None),
        ("https://evil.example", "“https[:]//evil[.]example”"),
        ("http://10.0.0.1/x", "“http[:]//10.0.0.1/x”"),
        ("www.evil.example", "“www[.]evil[.]example”"),
        ("evil\u3002example", "“evil[\u3002]example”"),
        ("ann@evil.example", "“ann@evil[.]example”"),
        ("mailto:ann@evil", "“mailto[:]ann@evil”"),
        ("TEL:0800", "“TEL[:]0800”"),
        ("\\\\evil\\share", "“[\\]\\evil\\share”"),
        ("ann”, call “evil", "“ann', call 'evil”"),
        ("ann\r\nBcc: x", "“ann Bcc: x”"),
        ("evil\u200b.example", "“evil .example”"),
        ("", "“”"),
    ],
)
def test_name_is_quoted_and_not_a_link(name: str, shown: str | None) -> None:
    assert not LINK.search(quoted(name))
    assert shown is None or quoted(name) == shown


@pytest.mark.parametrize("name", ["j.doe", "j.doe@corp.example"])
def test_name_of_the_recipient_stays_as_it_is(name: str) -> None:
    assert quoted(name, own="j.doe@corp.example") == f"“{name}”"
    assert quoted("j.doe@evil.example", own="j.doe@corp.example") == "“j[.]doe@evil[.]example”"
    assert quoted("", own="") == "“”"


@pytest.mark.parametrize("words", ["10.2.3.4", "fe80::a:b", "ends at 17:37 UTC", "8.3.4: two."])
def test_numbers_addresses_and_times_stay_as_they_are(words: str) -> None:
    assert defanged(words) == words


@given(name=st.text(max_size=300))
def test_no_name_is_long_or_a_link_or_leaves_its_quotes(name: str) -> None:
    shown = quoted(name)

    assert not LINK.search(shown)
    assert shown.isprintable()
    assert (shown[0], shown[-1]) == ("“", "”")
    assert not set("“”") & set(shown[1:-1])
    assert len(shown.replace("[", "").replace("]", "")) <= LONGEST_NAME + 2
