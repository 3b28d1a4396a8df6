"""The file of `PCIOPS_NOTICE_DOMAINS`: what a site wants for single domains, by id or by name.

    [customers]
    contacts = ["desk@customers.example"]   # who gets the domain's digests and reports

The other keys of a table are rules for notices: pciops.notices.rules.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from pciops.accounts.selectors import Domain
from pciops.lib import files
from pciops.lib.addresses import mail_address
from pciops.lib.env import SettingError

CONTACTS: Final = "contacts"
_SETTING: Final = "PCIOPS_NOTICE_DOMAINS"
_EXAMPLE: Final = "/etc/pciops/notice-domains.toml"

Tables = Mapping[str, Mapping[str, Any]]  # id or name of a domain → its table
Addresses = tuple[str, ...]


def tables() -> Tables:
    """What the file has now; one that changed is read again. Nothing where none is named.

    Raises:
        SettingError: where it cannot be read, or its tables or contacts make no sense.
    """
    path = settings.NOTICE_DOMAINS
    return _cached(path, files.stamp(path)) if path else {}


def contacts(domains: Iterable[Domain]) -> dict[Domain, Addresses]:
    """Those of the domains that have contacts, each with their addresses.

    Raises:
        SettingError
    """
    known = tables()
    found = {domain: _contacts(_table(known, domain)) for domain in domains}
    return {domain: addresses for domain, addresses in found.items() if addresses}


def unknown(domains: Iterable[Domain]) -> list[str]:
    """What the file calls a domain, and Keystone has none of.

    Raises:
        SettingError
    """
    names = {word for domain in domains for word in (domain.id, domain.name)}
    return [name for name in tables() if name not in names]


def wrong(problem: str) -> SettingError:
    """The error of a file that makes no sense."""
    return SettingError(_SETTING, f"names {settings.NOTICE_DOMAINS}: {problem}", _EXAMPLE)


def _table(known: Tables, domain: Domain) -> Mapping[str, Any]:
    """The table of a domain; its id comes before its name."""
    return known.get(domain.id, known.get(domain.name, {}))


def _contacts(table: Mapping[str, Any]) -> Addresses:
    found = (mail_address(text) for text in table.get(CONTACTS, ()))
    return tuple(dict.fromkeys(address for address in found if address))


@lru_cache(maxsize=1)
def _cached(path: str, _stamp: object) -> Tables:
    found = _read(path)
    for name, table in found.items():
        if not isinstance(table, dict):
            raise wrong(f"{name} is no table")
        _check(name, table.get(CONTACTS, []))
    return found


def _check(name: str, value: object) -> None:
    texts = value if isinstance(value, list) else [None]
    for text in texts:
        if not isinstance(text, str) or mail_address(text) is None:
            raise wrong(f"[{name}] {CONTACTS} is no list of mail addresses")


def _read(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        problem = f"names {path}, which cannot be read: {error.strerror}"
    except ValueError as error:  # also what is no text
        problem = f"names {path}, which is no TOML: {error}"
    raise SettingError(_SETTING, problem, _EXAMPLE)
