"""Words for addresses and programs, which are untrusted text: cut and quoted."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from pciops.events.diagnosis.rules import AttemptSource
from pciops.events.sentences import program
from pciops.lib.addresses import plain

SHOWN: Final = 3  # sources that are named
MAX_AGENT: Final = 60
A_BROWSER: Final = program("Mozilla/5.0")


def is_address(text: str) -> bool:
    """Return whether the text is exactly an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def address_words(text: str) -> str:
    """Return an address for readers; anything else is quoted."""
    if not text:
        return "an address that Keystone did not report"
    return text if is_address(text) else f"“{plain(text, MAX_AGENT)}” (no address)"


def source_words(source: AttemptSource) -> str:
    """Return `10.2.3.4 (“keystoneauth1”)`; the quotes mark a word of the client."""
    agent = plain(program(source.agent), MAX_AGENT)
    if agent and agent != A_BROWSER:
        agent = f"“{agent}”"
    return f"{address_words(source.address)}{f' ({agent})' if agent else ''}"


def blockable(sources: Sequence[AttemptSource]) -> list[str]:
    """Return the IP addresses that may be blocked, without those that many accounts use."""
    addresses = (source.address for source in sources if not source.elsewhere.used_by_many)
    return list(dict.fromkeys(address for address in addresses if is_address(address)))
