"""Networks of addresses, from a setting."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from pciops.lib import env
from pciops.lib.env import SettingError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def setting(name: str) -> tuple[Network, ...]:
    """Return the listed addresses and networks.

    Raises:
        SettingError
    """
    try:
        return tuple(ipaddress.ip_network(word) for word in env.words(name))
    except ValueError as error:
        raise SettingError(name, f"has an invalid network: {error}", "10.0.0.5,fd00::/64") from None


def contain(networks: Iterable[Network], address: str) -> bool:
    """Return whether the address is in one of the networks; text that is no address is in none."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return any(ip in network for network in networks)
