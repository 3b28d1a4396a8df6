"""The journal: what a mail server said, in a file of this machine, until our database is told.

A commit that is on disk takes longer than a mail. So the answer to each mail is one write(2) to a
file, without fsync, and the database hears of many at once. What was written outlives the process
that wrote it, however that ends: whoever sends next on this machine tells the rest (`left`). Only
where the machine itself is lost, answers of which the database had not heard are lost with it;
these mails go out again when their claim has run out, with the Message-IDs that they had.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from django.conf import settings

from pciops.lib.post import Answer, Verdict

_SUFFIX: Final = ".journal"

log = logging.getLogger(__name__)


class Entry(NamedTuple):
    """What was said of a mail, and when."""

    notice: uuid.UUID
    answer: Answer
    at: datetime


class Journal:
    """The answers to the mails of one claim; locked for as long as who writes it lives."""

    def __init__(self, owner: str) -> None:
        self._path = _folder() / f"{owner}{_SUFFIX}"
        self._file: int | None = None  # its descriptor; None where there is no such file
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = _opened(self._path)
        except OSError as error:
            self._fail(error)

    def add(self, entry: Entry) -> bool:
        """Keep an answer; False where it is not kept."""
        if self._file is None:
            return False
        verdict, words = entry.answer
        fields = (entry.notice.hex, verdict.value, words, entry.at.isoformat())
        line = json.dumps(fields).encode() + b"\n"
        try:
            if os.write(self._file, line) == len(line):
                return True
            self._fail("the disk is full")
        except OSError as error:
            self._fail(error)
        return False

    def close(self, *, told: bool) -> None:
        """Leave the file to others, or nothing where our database knows all that is in it."""
        if told:
            with suppress(OSError):
                self._path.unlink()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _fail(self, why: object) -> None:
        """Do without; what is in the file stays there, and nothing comes behind half a line."""
        log.warning("the database is told of each mail at once, for %s: %s", self._path, why)
        self.close(told=False)


def left() -> Iterator[tuple[str, list[Entry]]]:
    """Claim and answers of each journal whose writer is dead.

    It is deleted when the next one is asked for: by then our database has to know.
    """
    for path in sorted(_folder().glob(f"*{_SUFFIX}")):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue  # another was faster
        except OSError as error:
            log.warning("what is in the journal %s is not known: %s", path, error)
            continue
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield path.stem, _entries(file.read(), path)
            path.unlink(missing_ok=True)


def _folder() -> Path:
    return Path(settings.VAR) / "notices"


def _opened(path: Path) -> int:
    """A new file, locked: between its making and its locking another may take it for a dead one."""
    while True:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file).st_nlink:
                return file
        except OSError:
            os.close(file)
            raise
        os.close(file)


def _entries(content: bytes, path: Path) -> list[Entry]:
    """The whole lines; what does not end was being written when its writer died."""
    found = []
    for line in content.split(b"\n")[:-1]:
        try:
            notice, verdict, words, at = json.loads(line)
            answer = Answer(Verdict(verdict), words)
            found.append(Entry(uuid.UUID(notice), answer, datetime.fromisoformat(at)))
        except (ValueError, TypeError, AttributeError) as error:
            log.warning("a line of %s makes no sense: %s", path, error)
    return found
