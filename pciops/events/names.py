"""What accounts are called: notifications have ids, and a deleted account has nothing else left."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pciops.accounts import loading
from pciops.events.intake.upsert import REPLACED, upsert
from pciops.events.models import DOMAIN_ID, DOMAIN_NAME, NAME, Name
from pciops.keystone import database
from pciops.keystone.models import User

MOST: Final = 50_000  # ids that a process remembers, so that its memory does not grow
FRESH: Final = timedelta(hours=1)  # then it asks Keystone again what they are called
REST: Final = timedelta(seconds=60)  # so long Keystone's database is left alone where it is away

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """An account by name.

    Attributes:
        enabled: as Keystone had it when it was asked last; None where it was not.
        turned: it has changed since Keystone was asked before.
    """

    name: str
    domain_id: str = ""
    domain_name: str = ""
    enabled: bool | None = None
    turned: bool = False


NOBODY: Final = Named(name="")


class Names:
    """Asks Keystone's tables for names, seldom, and works without them.

    What is known is kept in `events_name`, for the day on which Keystone does not know any more.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[datetime, Named]] = {}
        self._rest_until: datetime | None = None

    def look_up(
        self, heard: Mapping[str, str], *, changed: Collection[str], now: datetime
    ) -> dict[str, Named]:
        """What these ids are called: as Keystone has it, as it was kept, or as it was heard.

        Args:
            heard: an id → the name that its notification has, or "".
            changed: those to which something was done: what was known of them is old.
        """
        found = {
            user_id: known[1]
            for user_id in heard
            if user_id not in changed
            and (known := self._known.get(user_id))
            and now - known[0] < FRESH
        }
        wanted = [user_id for user_id in heard if user_id not in found]
        if wanted:
            current = self._ask(wanted, now)
            kept = Name.objects.in_bulk([it for it in wanted if it in changed or it not in current])
            for user_id in wanted:
                found[user_id] = _known_best(
                    current.get(user_id), kept.get(user_id), heard[user_id]
                )
        return found

    def keep(self, named: Mapping[str, Named], now: datetime) -> None:
        """Write down what is not known yet; call `remember` when that is committed."""
        rows = [
            Name(
                user_id=user_id,
                name=it.name,
                domain_id=it.domain_id,
                domain_name=it.domain_name,
                enabled=it.enabled,
                at=now,
            )
            for user_id, it in named.items()
            if it.name and not self._is_known(user_id, it)
        ]
        columns = ("name", "domain_id", "domain_name", "enabled", "at")
        upsert(Name, rows, unique="user_id", otherwise=dict.fromkeys(columns, REPLACED))

    def remember(self, named: Mapping[str, Named], now: datetime) -> None:
        """These are written down."""
        new = {
            user_id: (now, replace(it, turned=False))
            for user_id, it in named.items()
            if it.enabled is not None and not self._is_known(user_id, it)
        }
        if len(self._known) + len(new) > MOST:
            self._known.clear()
        self._known.update(new)

    def _is_known(self, user_id: str, it: Named) -> bool:
        known = self._known.get(user_id)
        return known is not None and known[1] is it

    def _ask(self, user_ids: Collection[str], now: datetime) -> dict[str, Named]:
        if self._rest_until is not None and now < self._rest_until:
            return {}
        try:
            with database.reading():
                rows = loading.user_rows(User.objects.filter(pk__in=user_ids))
        except database.KeystoneDatabaseDownError as error:
            if self._rest_until is None:
                log.warning("names are not looked up: Keystone's database is away: %s", error)
            self._rest_until = now + REST
            return {}
        self._rest_until = None
        return {
            row.facts.id: Named(
                name=row.facts.name[:NAME],
                domain_id=(row.facts.domain_id or "")[:DOMAIN_ID],
                domain_name=(row.facts.domain_name or "")[:DOMAIN_NAME],
                enabled=bool(row.facts.enabled),
            )
            for row in rows
        }


def _known_best(current: Named | None, kept: Name | None, heard: str) -> Named:
    """Keystone's row, else ours, else what the notification says."""
    if current is not None:
        before = kept.enabled if kept is not None else None
        turned = before is not None and before is not current.enabled
        return replace(current, turned=turned)
    if kept is not None:
        return Named(
            name=kept.name,
            domain_id=kept.domain_id,
            domain_name=kept.domain_name,
            enabled=kept.enabled,
        )
    return Named(name=heard)
