"""What counts as one source."""

from __future__ import annotations

import pytest

from pciops.lib import addresses


@pytest.mark.parametrize(
    ("address", "bucket"),
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
def test_one_customers_addresses_are_one_source(address: str, bucket: str) -> None:
    assert addresses.network(address) == bucket
