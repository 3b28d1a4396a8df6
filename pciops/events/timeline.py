"""What happened, the newest first: sign-ins that are alike in one line, and what was done between.

Rows are folded here only for reading. A line ends where something was done to the account, so that
it is seen what came before an unlock and what after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from django.db.models import Model

from pciops.audit.models import Event
from pciops.events import words
from pciops.events.models import Activity, Attempts
from pciops.events.words import Sentence, Tries
from pciops.lib.merging import MergeSource, merged

BATCH: Final = 200  # rows read at a time
MOST: Final = 1000  # rows of a page, however few lines they make
PAUSE: Final = timedelta(hours=1)  # without a try; what comes then is another line

Row: TypeAlias = Attempts | Activity | Event


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line: tries that are alike, a change that Keystone notified, or a row of our trail."""

    at: datetime
    sentence: Sentence = ()  # of what Keystone notified
    failed: bool = False
    event: Event | None = None  # of our trail


@dataclass(frozen=True, kw_only=True)
class Page:
    """Lines, the newest first; the marker of the next page ("": there is none)."""

    lines: list[Line]
    next: str


@dataclass
class _Folder:
    """Takes rows, the newest first, and makes lines of them."""

    within: str
    unknown_names: bool
    items: list[Tries | Activity | Event] = field(default_factory=list)
    open: dict[tuple[str, ...], Tries] = field(default_factory=dict)

    def run(self, row: Model) -> Tries | None:
        """The line that this row belongs to; None where it begins one."""
        if not isinstance(row, Attempts):
            return None
        found = self.open.get(_key(row))
        return found if found and found.first_at - row.last_at <= PAUSE else None

    def begin(self, row: Model) -> None:
        """A line of this row."""
        if isinstance(row, Attempts):
            tries = self.open[_key(row)] = Tries.of(row)
            self.items.append(tries)
            return
        if not isinstance(row, Activity | Event):
            raise TypeError(row)
        self.items.append(row)
        changed = row.user_id if isinstance(row, Activity) else row.target_id
        for key in [key for key, tries in self.open.items() if tries.example.user_id == changed]:
            del self.open[key]

    def lines(self) -> list[Line]:
        """By their last instant: sign-ins come by the minute."""
        found = [self._line(item) for item in self.items]
        return sorted(found, key=lambda line: line.at, reverse=True)

    def _line(self, item: Tries | Activity | Event) -> Line:
        if isinstance(item, Event):
            return Line(at=item.event_time, event=item)
        if isinstance(item, Activity):
            failed = item.outcome == "failure"
            return Line(at=item.at, sentence=words.of_activity(item), failed=failed)
        sentence = words.of_tries(item, within=self.within, unknown_names=self.unknown_names)
        return Line(at=item.last_at, sentence=sentence, failed=item.example.outcome == "failure")


def page(
    sources: Sequence[MergeSource],
    *,
    marker: str,
    limit: int,
    unknown_names: bool,
    within: str = "",
) -> Page:
    """So many lines behind the marker.

    Every row is in exactly one line of one page: a page ends before the row that would begin one
    line more, and what is alike on the next page begins a line there.

    Args:
        unknown_names, within: as for `words.of_tries`.

    Raises:
        MarkerError
    """
    folder = _Folder(within=within, unknown_names=unknown_names)
    place, number = "", 0
    for source, row in merged(sources, marker=marker, batch=BATCH):
        tries = folder.run(row)
        if number == MOST or (tries is None and len(folder.items) == limit):
            return Page(lines=folder.lines(), next=place)
        if tries is not None and isinstance(row, Attempts):
            tries.add(Tries.of(row))
        else:
            folder.begin(row)
        place, number = source.place(row), number + 1
    return Page(lines=folder.lines(), next="")


def _key(row: Attempts) -> tuple[str, ...]:
    """What makes rows alike; names that no account has are one kind, whatever they are."""
    user_id = "" if row.reason == Attempts.Reason.UNKNOWN_NAME else row.user_id
    return (user_id, row.outcome, row.reason, row.address, row.agent)
