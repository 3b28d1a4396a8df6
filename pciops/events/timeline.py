"""Merges events and audit events of an account into lines, newest first.

Equal sign-ins become one line, only for reading. A line ends when the account is changed, so that
attempts before and after an unlock are told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Model

from pciops.audit.models import Event
from pciops.events import entries, sentences
from pciops.events.entries import EventEntry
from pciops.events.models import Activity, Attempts
from pciops.events.sentences import AttemptGroup, Sentence
from pciops.lib.merging import MergeSource, merged

BATCH: Final = 200  # rows read at a time
MAX_ROWS: Final = 1000  # of a page, even if they make few lines
PAUSE: Final = timedelta(hours=1)  # without an attempt; later ones make another line


@dataclass(frozen=True, kw_only=True)
class TimelineLine:
    """Equal sign-ins, a change that Keystone notified, or an event of the audit log."""

    at: datetime
    entry: EventEntry
    sentence: Sentence = ()  # of a notification
    event: Event | None = None  # of the audit log


@dataclass(frozen=True, kw_only=True)
class TimelinePage:
    """Lines, newest first, and the marker of the next page ("" for none)."""

    lines: list[TimelineLine]
    next: str


@dataclass
class _LineBuilder:
    """Makes lines of rows that come newest first."""

    within: str
    unknown_names: bool
    items: list[AttemptGroup | Activity | Event] = field(default_factory=list)
    open: dict[tuple[str, ...], AttemptGroup] = field(default_factory=dict)

    def group_of(self, row: Model) -> AttemptGroup | None:
        """Return the group that the row belongs to; None if it begins a line."""
        if not isinstance(row, Attempts):
            return None
        group = self.open.get(_key(row))
        return group if group and group.first_at - row.last_at <= PAUSE else None

    def begin(self, row: Model) -> None:
        """Begin a line with this row."""
        if isinstance(row, Attempts):
            group = self.open[_key(row)] = AttemptGroup.of(row)
            self.items.append(group)
            return
        if not isinstance(row, Activity | Event):
            raise TypeError(row)
        self.items.append(row)
        changed = row.user_id if isinstance(row, Activity) else row.target_id
        for key in [key for key, group in self.open.items() if group.example.user_id == changed]:
            del self.open[key]

    def lines(self) -> list[TimelineLine]:
        """Return the lines in the order of their last time, since sign-ins come by the minute."""
        lines = [self._line(item) for item in self.items]
        return sorted(lines, key=lambda line: line.at, reverse=True)

    def _line(self, item: AttemptGroup | Activity | Event) -> TimelineLine:
        if isinstance(item, Event):
            return TimelineLine(at=item.event_time, entry=entries.of_act(item), event=item)
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
) -> TimelinePage:
    """Return at most `limit` lines after the marker.

    Every row is in exactly one line of one page: a page ends before the row that would begin one
    line too many, and equal rows on the next page begin a new line.

    Args:
        unknown_names, within: see `sentences.of_attempts`.

    Raises:
        MarkerError
    """
    builder = _LineBuilder(within=within, unknown_names=unknown_names)
    place, number = "", 0
    for source, row in merged(sources, marker=marker, batch=BATCH):
        group = builder.group_of(row)
        if number == MAX_ROWS or (group is None and len(builder.items) == limit):
            return TimelinePage(lines=builder.lines(), next=place)
        if group is not None and isinstance(row, Attempts):
            group.add(AttemptGroup.of(row))
        else:
            builder.begin(row)
        place, number = source.place(row), number + 1
    return TimelinePage(lines=builder.lines(), next="")


def _key(row: Attempts) -> tuple[str, ...]:
    """Return the facts that equal rows share; all unknown usernames are equal."""
    user_id = "" if row.reason == Attempts.Reason.UNKNOWN_NAME else row.user_id
    return (user_id, row.outcome, row.reason, row.address, row.agent)
