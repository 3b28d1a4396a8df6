"""Where failed sign-ins came from, for whoever shows a lock: mails, reports, forms.

What knows it is further to the right (Keystone's notifications) and says so here when it starts;
without it nothing is known, and everything else works.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the failures of one account came from, as Keystone reported it."""

    address: str  # reported: a proxy's, or forged where Keystone can be reached directly
    agent: str
    words: str  # one sentence, such as "the same wrong password every 300 s from 10.2.3.4"


Provider: TypeAlias = Callable[[Sequence[str], datetime], Mapping[str, Origin]]

_providers: list[Provider] = []


def provide(provider: Provider) -> None:
    """Register what knows origins: user ids and now → the origins that are known."""
    _providers[:] = [provider]


def known() -> bool:
    """Whether anything here could know."""
    return bool(_providers)


def origins(user_ids: Sequence[str], now: datetime) -> Mapping[str, Origin]:
    """The origin of the newest failures of each account; accounts without one are left out."""
    return _providers[0](user_ids, now) if _providers else {}
