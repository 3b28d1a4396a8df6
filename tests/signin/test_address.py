"""The source address of a request, behind proxies of ours and forged headers."""

from __future__ import annotations

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from pciops.signin.audit import source_address

PEER = "10.0.0.9"  # what speaks to us: the client itself, or the innermost proxy


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, None, PEER),
        (0, "203.0.113.5", PEER),  # nobody of ours wrote it
        (1, None, PEER),
        (1, "", PEER),
        (1, "203.0.113.5", "203.0.113.5"),
        (1, "198.51.100.1, 203.0.113.5", "203.0.113.5"),  # the first was sent by the client
        (1, "198.51.100.1,203.0.113.5", "203.0.113.5"),
        (2, "203.0.113.5, 10.0.0.1", "203.0.113.5"),
        (2, "198.51.100.1, 203.0.113.5, 10.0.0.1", "203.0.113.5"),
        (2, "1.1.1.1, 2.2.2.2, 203.0.113.5, 10.0.0.1", "203.0.113.5"),
        (2, "203.0.113.5", PEER),  # a proxy too few has been passed: believe nobody
        (1, "garbage", PEER),
        (1, "203.0.113.5, garbage", PEER),
        (1, "203.0.113.5, <script>", PEER),
        (1, ",", PEER),
        (1, "203.0.113.5:4711", PEER),
        (1, "[2001:db8::1]", PEER),
        (1, "2001:DB8:0::1", "2001:db8::1"),
        (9, ", , , , , , , ,", PEER),
    ],
)
def test_the_address_is_what_the_outermost_proxy_of_ours_saw(
    settings: Settings, proxies: int, forwarded: str | None, expected: str
) -> None:
    settings.PROXIES = proxies
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}

    assert source_address(RequestFactory(REMOTE_ADDR=PEER).get("/", headers=headers)) == expected


@pytest.mark.parametrize("peer", ["", "unix:/run/pciops.sock", "localhost"])
def test_a_peer_without_an_ip_address_has_none(settings: Settings, peer: str) -> None:
    settings.PROXIES = 0

    assert source_address(RequestFactory(REMOTE_ADDR=peer).get("/")) == ""
