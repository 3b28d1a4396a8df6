"""Tests of addresses and other untrusted text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pciops.lib.addresses import mail_address, network, plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann@example.test", "ann@example.test"),
        (" ann@example.test\n", "ann@example.test"),
        ("Ann.O'Hara+cloud@EXAMPLE.test", "Ann.O'Hara+cloud@example.test"),
        ("root@localhost", "root@localhost"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ännchen@example.test", "ännchen@example.test"),
        ("用户@例子.example", "用户@xn--fsqu00a.example"),
    ],
)
def test_email_address_has_its_domain_in_ascii(text: str, expected: str) -> None:
    assert mail_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "@example.test",
        "ann@",
        "ann@@example.test",
        "ann@example.test,bob@example.test",
        "ann@example.test;bob@example.test",
        "ann@example.test bob@example.test",
        "Ann <ann@example.test>",
        '"ann"@example.test',
        "ann(comment)@example.test",
        "ann@example.test\r\nBcc: all@example.test",
        "ann\r\nBcc: all@example.test@example.test",
        "ann\0@example.test",
        "ann\u202e@example.test",
        "ann\u2028@example.test",
        "ann\u00a0@example.test",
        ".ann@example.test",
        "an..n@example.test",
        "ann@exa_mple..test",
        "ann@-example.test",
        "ann@example.test\u202e",
        "ann@[127.0.0.1]",
        f"{'a' * 65}@example.test",
        f"ann@{'a' * 64}.test",
        f"ann@{'a.' * 158}test",  # 320 characters and more
        f"{'a' * 64}@{'.'.join(['b' * 60] * 4)}",
        "\udc80@example.test",
    ],
)
def test_other_text_is_not_an_email_address(text: str) -> None:
    assert mail_address(text) is None


@given(text=st.text())
def test_email_address_is_one_printable_word(text: str) -> None:
    for candidate in (text, f"{text}@example.test", f"ann@{text}"):
        address = mail_address(candidate)

        if address is not None:
            assert address.isprintable()
            assert address == "".join(address.split())
            assert address.count("@") == 1
            assert not set(address) & set(',;<>()[]\\"')


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", "unknown"),
        ("garbage", "unknown"),
    ],
)
def test_network_is_an_ipv4_address_or_an_ipv6_prefix(address: str, expected: str) -> None:
    assert network(address) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann", "ann"),
        ("  ann\r\n of\tx ", "ann of x"),
        ("\u202eann", "ann"),
        ("אנה", "אנה"),
        ("x" * 9, "xxxx…"),
    ],
)
def test_plain_text_is_one_line(text: str, expected: str) -> None:
    assert plain(text, 5 if len(text) == 9 else 200) == expected
