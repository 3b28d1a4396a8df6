"""The file of `PCIOPS_NOTICE_DOMAINS`: settings of single domains, by id or by name.

    [customers]
    contacts = ["desk@customers.example"]   # recipients of the domain's digests and reports

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
    """Return the tables of the file; a file that changed is read again. Without a file, none.

    Raises:
        SettingError: it cannot be read, or its tables or contacts are not valid.
    """
    path = settings.NOTICE_DOMAINS
    return _cached(path, files.stamp(path)) if path else {}


def contacts(domains: Iterable[Domain]) -> dict[Domain, Addresses]:
    """Return the addresses of each domain that has contacts.

    Raises:
        SettingError
    """
    all_tables = tables()
    addresses = {domain: _contacts(_table(all_tables, domain)) for domain in domains}
    return {domain: found for domain, found in addresses.items() if found}


def unknown(domains: Iterable[Domain]) -> list[str]:
    """Return the names in the file that are of none of these domains.

    Raises:
        SettingError
    """
    names = {name for domain in domains for name in (domain.id, domain.name)}
    return [name for name in tables() if name not in names]


def wrong(problem: str) -> SettingError:
    """Return the error of a file that is not valid."""
    return SettingError(_SETTING, f"names {settings.NOTICE_DOMAINS}: {problem}", _EXAMPLE)


def _table(all_tables: Tables, domain: Domain) -> Mapping[str, Any]:
    """Return the table of a domain; its id comes before its name."""
    return all_tables.get(domain.id, all_tables.get(domain.name, {}))


def _contacts(table: Mapping[str, Any]) -> Addresses:
    addresses = (mail_address(text) for text in table.get(CONTACTS, ()))
    return tuple(dict.fromkeys(address for address in addresses if address))


@lru_cache(maxsize=1)
def _cached(path: str, _stamp: object) -> Tables:
    all_tables = _read(path)
    for name, table in all_tables.items():
        if not isinstance(table, dict):
            raise wrong(f"{name} is no table")
        contacts = table.get(CONTACTS, [])
        texts = contacts if isinstance(contacts, list) else [None]
        if not all(isinstance(text, str) and mail_address(text) for text in texts):
            raise wrong(f"[{name}] {CONTACTS} is no list of mail addresses")
    return all_tables


def _read(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        problem = f"names {path}, which cannot be read: {error.strerror}"
    except ValueError as error:  # also of bytes that are not UTF-8
        problem = f"names {path}, which is no TOML: {error}"
    raise SettingError(_SETTING, problem, _EXAMPLE)
