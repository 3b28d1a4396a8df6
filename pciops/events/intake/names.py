"""Resolves account ids to names: notifications have ids, and Keystone forgets deleted accounts."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pciops.accounts import loading
from pciops.events.models import MAX_DOMAIN_ID, MAX_DOMAIN_NAME, MAX_NAME, KnownName
from pciops.keystone import database
from pciops.keystone.models import User
from pciops.lib.upsert import REPLACE, upsert

MAX_CACHED: Final = 50_000  # names in the memory of a process
FRESH: Final = timedelta(hours=1)  # age after which Keystone is asked again
PAUSE: Final = timedelta(seconds=60)  # without queries after Keystone's database failed

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolvedName:
    """The name of an account.

    Attributes:
        enabled: as in Keystone's tables; None if it was never read.
        enabled_changed: it differs from the value that was read before.
    """

    name: str
    domain_id: str = ""
    domain_name: str = ""
    enabled: bool | None = None
    enabled_changed: bool = False


UNNAMED: Final = ResolvedName(name="")


class NameResolver:
    """Reads names from Keystone's tables, seldom, and works without them.

    Names are kept in `KnownName` for the time when Keystone has deleted the account.
    """

    def __init__(self) -> None:
        self._cache: dict[str, tuple[datetime, ResolvedName]] = {}
        self._paused_until: datetime | None = None

    def resolve(
        self, reported: Mapping[str, str], *, changed: Collection[str], now: datetime
    ) -> dict[str, ResolvedName]:
        """Return the name of each id: from Keystone, else the last known, else as reported.

        Args:
            reported: an id → the name in its notification, or "".
            changed: ids of accounts that were changed, so that a cached name may be wrong.
        """
        names = {
            user_id: cached[1]
            for user_id in reported
            if user_id not in changed
            and (cached := self._cache.get(user_id))
            and now - cached[0] < FRESH
        }
        missing = [user_id for user_id in reported if user_id not in names]
        if missing:
            current = self._read(missing, now)
            known = KnownName.objects.in_bulk(
                [user_id for user_id in missing if user_id in changed or user_id not in current]
            )
            for user_id in missing:
                names[user_id] = _best(current.get(user_id), known.get(user_id), reported[user_id])
        return names

    def save(self, names: Mapping[str, ResolvedName], now: datetime) -> None:
        """Save new names. After the commit, call `remember`."""
        rows = [
            KnownName(
                user_id=user_id,
                name=name.name,
                domain_id=name.domain_id,
                domain_name=name.domain_name,
                enabled=name.enabled,
                at=now,
            )
            for user_id, name in names.items()
            if name.name and not self._is_cached(user_id, name)
        ]
        columns = ("name", "domain_id", "domain_name", "enabled", "at")
        upsert(KnownName, rows, unique="user_id", on_conflict=dict.fromkeys(columns, REPLACE))

    def remember(self, names: Mapping[str, ResolvedName], now: datetime) -> None:
        """Cache names that were saved."""
        new = {
            user_id: (now, replace(name, enabled_changed=False))
            for user_id, name in names.items()
            if name.enabled is not None and not self._is_cached(user_id, name)
        }
        if len(self._cache) + len(new) > MAX_CACHED:
            self._cache.clear()
        self._cache.update(new)

    def _is_cached(self, user_id: str, name: ResolvedName) -> bool:
        cached = self._cache.get(user_id)
        return cached is not None and cached[1] is name

    def _read(self, user_ids: Collection[str], now: datetime) -> dict[str, ResolvedName]:
        if self._paused_until is not None and now < self._paused_until:
            return {}
        try:
            with database.reading():
                rows = loading.user_rows(User.objects.filter(pk__in=user_ids))
        except database.KeystoneDatabaseDownError as error:
            if self._paused_until is None:
                log.warning("cannot look up names, Keystone's database does not answer: %s", error)
            self._paused_until = now + PAUSE
            return {}
        self._paused_until = None
        return {
            row.facts.id: ResolvedName(
                name=row.facts.name[:MAX_NAME],
                domain_id=(row.facts.domain_id or "")[:MAX_DOMAIN_ID],
                domain_name=(row.facts.domain_name or "")[:MAX_DOMAIN_NAME],
                enabled=bool(row.facts.enabled),
            )
            for row in rows
        }


def _best(current: ResolvedName | None, known: KnownName | None, reported: str) -> ResolvedName:
    """Return Keystone's name, else the last known one, else the reported one."""
    if current is not None:
        before = known.enabled if known is not None else None
        changed = before is not None and before is not current.enabled
        return replace(current, enabled_changed=changed)
    if known is not None:
        return ResolvedName(
            name=known.name,
            domain_id=known.domain_id,
            domain_name=known.domain_name,
            enabled=known.enabled,
        )
    return ResolvedName(name=reported)
