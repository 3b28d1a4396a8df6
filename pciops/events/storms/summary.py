"""The summary of a lockout storm that the alert and the banner show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pciops.accounts.privileged import AccountKind
from pciops.events.diagnosis.words import address_words, is_address
from pciops.events.models import Storm, StormAccount
from pciops.lib.numbers import counted, grouped

NAMED: Final = 20  # accounts that are named
WORST: Final = 5  # accounts and names that an address tried; an address with fewer is a bystander


@dataclass(frozen=True, kw_only=True)
class StormSummary:
    """The locked accounts and the addresses of a storm.

    Attributes:
        first: privileged accounts.
        others: the first of the other accounts.
        block: addresses that may be blocked, without proxies and bystanders.
    """

    storm: Storm
    locked: int
    names: int  # unknown usernames that were tried
    first: list[StormAccount]
    others: list[StormAccount]
    block: list[str]
    proxies: list[str]
    sources: list[dict[str, Any]]

    @property
    def hidden(self) -> int:
        """The number of locked accounts that are not named."""
        return self.locked - len(self.first) - len(self.others)

    @property
    def headline(self) -> str:
        """`Possible attack: 214 accounts locked, 60 unknown usernames tried`."""
        parts = []
        if self.locked:
            parts.append(f"{counted(self.locked, 'account')} locked")
        if self.names:
            parts.append(f"{counted(self.names, 'unknown username')} tried")
        if not parts:
            parts.append(f"{grouped(self.storm.accounts)} accounts tried")
        return f"Possible attack: {', '.join(parts)}"


def summarize(storm: Storm, *, scope: str | None = None) -> StormSummary:
    """Return the summary of a storm.

    Args:
        scope: the one domain that the operator sees; None: all, with the sources.
    """
    rows = storm.locked.all()
    if scope is not None:
        rows = rows.filter(domain_id=scope)
    privileged = rows.exclude(kinds="").order_by("locked_at", "pk")[:NAMED]
    sources = storm.sources if scope is None else []
    addresses = [
        (source["address"], bool(source["shared"]))
        for source in sources
        if source["accounts"] + source["names"] >= WORST
    ]
    return StormSummary(
        storm=storm,
        locked=rows.count(),
        names=storm.names if scope is None else 0,
        first=sorted(privileged, key=_administrators_first),
        others=list(rows.filter(kinds="").order_by("locked_at", "pk")[:NAMED]),
        block=[address for address, shared in addresses if is_address(address) and not shared],
        proxies=[address_words(address) for address, shared in addresses if shared],
        sources=[{**source, "words": address_words(source["address"])} for source in sources],
    )


def _administrators_first(row: StormAccount) -> tuple[bool, str]:
    return AccountKind.ADMINISTRATOR.value not in row.kinds, row.name
