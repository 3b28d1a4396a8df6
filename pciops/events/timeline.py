"""Merges events and audit events of an account into lines, newest first.

Equal sign-ins become one line, only for reading. A line ends when the account is changed, so that
attempts before and after an unlock are told apart. An act and its notification are one line, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from django.db.models import Model

from pciops.audit.models import Event
from pciops.events import entries, matching, sentences
from pciops.events.entries import EventEntry
from pciops.events.models import Activity, Attempts
from pciops.events.sentences import AttemptGroup, Sentence
from pciops.lib.merging import MergeSource, merged

BATCH: Final = 200  # rows read at a time
MAX_ROWS: Final = 1000  # of a page, even if they make few lines
PAUSE: Final = timedelta(hours=1)  # without an attempt; later ones make another line


@dataclass(frozen=True, kw_only=True)
class TimelineLine:
    """Equal sign-ins, a change that Keystone notified, an act, or a row of a later package."""

    at: datetime
    entry: EventEntry
    sentence: Sentence = ()  # of a notification
    event: Event | None = None  # of the audit log

    @property
    def day(self) -> date:
        """The day in UTC."""
        return self.at.astimezone(UTC).date()


@dataclass(frozen=True, kw_only=True)
class TimelinePage:
    """Lines, newest first, and the marker of the next page ("" for none)."""

    lines: list[TimelineLine]
    next: str


@dataclass
class _Act:
    """An act, and whether Keystone published it too."""

    event: Event
    confirmed: bool = False


@dataclass
class _LineBuilder:
    """Makes lines of rows that come newest first."""

    within: str
    unknown_names: bool
    others: Mapping[type[Model], Callable[[Any], TimelineLine]]
    items: list[AttemptGroup | Activity | _Act | TimelineLine] = field(default_factory=list)
    open: dict[tuple[str, ...], AttemptGroup] = field(default_factory=dict)

    def joins(self, row: Model) -> bool:
        """Add the row to a line that there is; return False if it begins one."""
        if isinstance(row, Attempts):
            group = self.open.get(_key(row))
            if group is None or group.first_at - row.last_at > PAUSE:
                return False
            group.add(AttemptGroup.of(row))
            return True
        return self._joins_its_act(row) or self._joins_its_change(row)

    def _joins_its_act(self, row: Model) -> bool:
        for item in reversed(self.items):
            if isinstance(row, Activity) and isinstance(item, _Act) and not item.confirmed:
                item.confirmed = matching.is_of(row, item.event)
                if item.confirmed:
                    return True
        return False

    def _joins_its_change(self, row: Model) -> bool:
        for place, item in enumerate(self.items):
            if isinstance(row, Event) and isinstance(item, Activity) and matching.is_of(item, row):
                self.items[place] = _Act(row, confirmed=True)
                return True
        return False

    def begin(self, row: Model) -> None:
        """Begin a line with this row."""
        if isinstance(row, Attempts):
            group = self.open[_key(row)] = AttemptGroup.of(row)
            self.items.append(group)
        elif isinstance(row, Activity):
            self.items.append(row)
            self._end_groups(row.user_id)
        elif isinstance(row, Event):
            self.items.append(_Act(row))
            self._end_groups(row.target_id)
        else:
            self.items.append(self.others[type(row)](row))

    def _end_groups(self, changed: str) -> None:
        for key in [key for key, group in self.open.items() if group.example.user_id == changed]:
            del self.open[key]

    def lines(self) -> list[TimelineLine]:
        """Return the lines in the order of their last time, since sign-ins come by the minute."""
        lines = [self._line(item) for item in self.items]
        return sorted(lines, key=lambda line: line.at, reverse=True)

    def _line(self, item: AttemptGroup | Activity | _Act | TimelineLine) -> TimelineLine:
        if isinstance(item, TimelineLine):
            return item
        if isinstance(item, _Act):
            entry = entries.of_act(item.event, confirmed=item.confirmed)
            return TimelineLine(at=item.event.event_time, entry=entry, event=item.event)
        if isinstance(item, Activity):
            entry = entries.of_activity(item)
            return TimelineLine(at=item.at, entry=entry, sentence=sentences.of_activity(item))
        return TimelineLine(
            at=item.last_at,
            entry=entries.of_attempts(item, unknown_names=self.unknown_names),
            sentence=sentences.of_attempts(
                item, within=self.within, unknown_names=self.unknown_names
            ),
        )


def page(
    sources: Sequence[MergeSource],
    *,
    marker: str,
    limit: int,
    unknown_names: bool,
    within: str = "",
    others: Mapping[type[Model], Callable[[Any], TimelineLine]] = MappingProxyType({}),
) -> TimelinePage:
    """Return at most `limit` lines after the marker.

    Every row is in exactly one line of one page: a page ends before the row that would begin one
    line too many, and equal rows on the next page begin a new line.

    Args:
        unknown_names, within: see `sentences.of_attempts`.
        others: makes the lines of rows of other tables than these three.

    Raises:
        MarkerError
    """
    builder = _LineBuilder(within=within, unknown_names=unknown_names, others=others)
    place, number = "", 0
    for source, row in merged(sources, marker=marker, batch=BATCH):
        if number == MAX_ROWS:
            return TimelinePage(lines=builder.lines(), next=place)
        if not builder.joins(row):
            if len(builder.items) == limit:
                return TimelinePage(lines=builder.lines(), next=place)
            builder.begin(row)
        place, number = source.place(row), number + 1
    return TimelinePage(lines=builder.lines(), next="")


def _key(row: Attempts) -> tuple[str, ...]:
    """Return the facts that equal rows share; all unknown usernames are equal."""
    user_id = "" if row.reason == Attempts.Reason.UNKNOWN_NAME else row.user_id
    return (user_id, row.outcome, row.reason, row.address, row.agent)
