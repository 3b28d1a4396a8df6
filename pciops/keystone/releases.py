"""Releases of Keystone: their numbers, their series, and how the tables show one."""

from __future__ import annotations

import re
from typing import Final

from pciops.lib import env
from pciops.lib.env import SettingError

# Number → version of OpenStack and name of the series, as releases.openstack.org has them.
SERIES: Final = {
    21: ("yoga", "yoga"),
    22: ("zed", "zed"),
    23: ("2023.1", "antelope"),
    24: ("2023.2", "bobcat"),
    25: ("2024.1", "caracal"),
    26: ("2024.2", "dalmatian"),
    27: ("2025.1", "epoxy"),
    28: ("2025.2", "flamingo"),
    29: ("2026.1", "gazpacho"),
    30: ("2026.2", "hibiscus"),
}
OLDEST: Final = 15  # accepted as a number
NEWEST: Final = 60

# What differs (docs/keystone.md has the table for people).
PARTIAL_HASHES: Final = 28  # report_invalid_password_hash exists
EMPTY_RULES_IGNORED: Final = 28  # a rule whose methods are all not loaded no longer admits everyone
EC2_METHOD: Final = 30  # ec2tokens and s3tokens need `ec2credential` in `[auth] methods`

# Revision of Keystone's tables (keystone/common/sql/migrations/versions, branch `expand`) → the
# first release that has it.
_REVISIONS: Final = {
    "29e87d24a316": 21,
    "b4f8b3f584e0": 24,
    "11c3b243b4cb": 24,
    "47147121": 25,
    "e8725d6fa226": 28,
    "742c857f1dfb": 29,
}
_NUMBER: Final = re.compile(r"(\d{2})(?:\.\d{1,3}){0,2}")


def setting(name: str) -> int | None:
    """Return the number of the release that a setting names; None if it is unset.

    Raises:
        SettingError
    """
    value = env.text(name).lower()
    if not value:
        return None
    number = _NUMBER.fullmatch(value)
    if number and OLDEST <= int(number[1]) < NEWEST:
        return int(number[1])
    named = [release for release, names in SERIES.items() if value in names]
    if not named:
        known = ", ".join(f"{release} ({names[0]})" for release, names in SERIES.items())
        problem = f"is {value!r}, not a version or series of Keystone; choose from {known}"
        raise SettingError(name, problem, "30")
    return named[0]


def display(release: int) -> str:
    """Return `28 (2025.2)`, or the number alone for a release that has no name here."""
    return f"{release} ({SERIES[release][0]})" if release in SERIES else str(release)


def from_revisions(revisions: set[str]) -> tuple[int, int | None] | None:
    """Return the first and the last release whose tables have these revisions.

    The last is None if it may be any newer one; the result is None if no revision is known.
    """
    first = max((_REVISIONS[found] for found in revisions if found in _REVISIONS), default=None)
    if first is None:
        return None
    later = [release for release in _REVISIONS.values() if release > first]
    return first, min(later) - 1 if later else None


def display_range(first: int, last: int | None) -> str:
    """Return a range of releases as text: `25 to 27`, `28`, `29 or newer`."""
    if last is None:
        return f"{first} or newer"
    return str(first) if first == last else f"{first} to {last}"
