"""Evidence that the chain is checked against: anchors, their copies, and earlier checks.

Each says which hash the row at a position had. A chain that was cut or computed anew does not fit
them. An attacker who can only write to the database can neither sign an anchor nor reach a copy.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pciops.audit import evidence, timestamps
from pciops.audit.evidence import UnsignedError
from pciops.audit.models import Anchor, ChainCheck, PruneStub, Timestamp
from pciops.lib import canonical

ORIGIN: Final = "pciops audit log"  # the first line of a note
_TEXT: Final = re.compile(
    rf"{ORIGIN}\n(?P<position>\d+)\n(?P<hash>[0-9a-f]{{64}})\ntime (?P<time>\S+)\n"
    r"previous (?P<previous>[0-9a-f]{64}|none)\n(?P<reports>(?:report [0-9a-f]{64}\n)*)"
)


class CopyError(Exception):
    """A file that is not a copy of what syslog received."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """The contents of a note."""

    position: int
    hash: str
    time: str
    previous: str  # SHA-256 of the note before; "none": this is the first
    reports: tuple[str, ...]

    @classmethod
    def read(cls, note: str) -> Statement:
        """Return what a note says that a known key has signed.

        Raises:
            UnsignedError
        """
        match = _TEXT.fullmatch(evidence.open_note(note))
        if match is None:
            raise UnsignedError("it is not a note about the audit log")
        return cls(
            position=int(match["position"]),
            hash=match["hash"],
            time=match["time"],
            previous=match["previous"],
            reports=tuple(line.removeprefix("report ") for line in match["reports"].splitlines()),
        )

    def __str__(self) -> str:
        return f"anchor of row {self.position}, made {self.time}"


def statement_text(statement: Statement) -> str:
    """Return the text of a note; `Statement.read` reads it."""
    lines = (
        ORIGIN,
        str(statement.position),
        statement.hash,
        f"time {statement.time}",
        f"previous {statement.previous}",
        *(f"report {one}" for one in statement.reports),
    )
    return "".join(f"{line}\n" for line in lines)


def check_text(check: ChainCheck) -> str:
    """Return what a check's seal signs."""
    at = canonical.instant(check.checked_at)
    return f"{at} {check.rows} {check.position} {check.hash} {check.problem}"


def notes_file() -> Path:
    """Return the file with the copies of this machine's anchors, beside the evidence key."""
    path = evidence.key_file()
    return path.with_name(f"{path.name}.notes")


def note_digest(note: str) -> str:
    """Return the SHA-256 of a note."""
    return hashlib.sha256(note.encode()).hexdigest()


@dataclass
class Witnesses:
    """The hashes that rows must have, by position, and what is wrong with the witnesses."""

    anchored: int = 0  # the last position with an anchor
    problem: str = ""  # the first that is wrong with the witnesses themselves
    _hashes: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    _rows: dict[int, bytes] = field(default_factory=dict)  # of the syslog copy
    _first_row: int = 0
    _last_row: int = 0
    _name: str = ""  # of the syslog copy

    @classmethod
    def read(cls, copy: Path | None = None) -> Witnesses:
        """Read the anchors, their local copies, the earlier checks, and a syslog copy if named.

        Raises:
            CopyError
        """
        found = cls()
        known = found._read_anchors()
        path = notes_file()
        if path.exists():
            found._read_copies(path, known)
        found._read_checks()
        if copy is not None:
            found._read_syslog(copy, known)
        return found

    def contradiction(self, position: int, hash_: str) -> str:
        """Return which witness contradicts the hash of the row at a position."""
        for known, name in self._hashes.pop(position, ()):
            if known != hash_:
                return f"row {position}: its hash is not that of the {name}"
        if self._rows and self._first_row <= position <= self._last_row:
            copied = self._rows.get(position)
            if copied is None:
                return f"row {position}: not in {self._name}"
            if copied.hex() != hash_:
                return f"row {position}: its hash is not that in {self._name}"
        return ""

    def beyond(self, position: int) -> str:
        """Return which witness has seen rows after the head of the chain."""
        later = min((place for place in self._hashes if place > position), default=None)
        if later is not None:
            name = self._hashes[later][0][1]
            return f"row {position + 1} is missing: the head is row {position}, but see the {name}"
        if self._rows and self._last_row > position:
            return (
                f"row {position + 1} is missing: the head is row {position}, but {self._name} has "
                f"row {self._last_row}"
            )
        return ""

    def _add(self, position: int, hash_: str, name: str) -> None:
        self._hashes.setdefault(position, []).append((hash_, name))

    def _wrong(self, problem: str) -> None:
        self.problem = self.problem or problem

    def _read_anchors(self) -> set[str]:
        """Read the anchors of the database; return the digests of their notes."""
        digests: set[str] = set()
        previous = "none"
        stamps = dict(Timestamp.objects.values_list("anchor_id", "reply"))
        for anchor in Anchor.objects.order_by("pk").iterator():
            digest = note_digest(anchor.note)
            try:
                statement = Statement.read(anchor.note)
            except UnsignedError as error:
                self._wrong(f"{anchor}: {error}")
                continue
            if (statement.position, statement.hash, digest) != (
                *(anchor.position, anchor.hash, anchor.note_hash),
            ):
                self._wrong(f"{statement}: its columns are not what its note says")
            if statement.previous != previous:
                self._wrong(f"{statement}: the anchor before it is missing")
            if anchor.pk in stamps and not timestamps.is_about(
                bytes(stamps[anchor.pk]), anchor.note
            ):
                self._wrong(f"{statement}: its time stamp is of something else")
            previous = digest
            digests.add(digest)
            self._add(statement.position, statement.hash, str(statement))
            self.anchored = max(self.anchored, statement.position)
        return digests

    def _read_copies(self, path: Path, known: set[str]) -> None:
        for note in evidence.split_notes(path.read_text(encoding="utf-8")):
            self._read_copy(note, known, path.name)

    def _read_copy(self, note: str, known: set[str], source: str) -> None:
        try:
            statement = Statement.read(note)
        except UnsignedError as error:
            self._wrong(f"an anchor in {source}: {error}")
            return
        if note_digest(note) not in known:
            self._wrong(f"{statement}: missing in the database, but in {source}")
        self._add(statement.position, statement.hash, f"{statement}, in {source}")
        self.anchored = max(self.anchored, statement.position)

    def _read_checks(self) -> None:
        """Read the checks that found every row right."""
        pruned = PruneStub.objects.order_by("-last_position").values_list("last_position").first()
        sealed = False
        for check in ChainCheck.objects.order_by("pk").iterator():
            name = f"check of {canonical.instant(check.checked_at)}"
            if check.seal or sealed:
                sealed = True
                try:
                    evidence.check_seal("check", check_text(check), check.seal)
                except UnsignedError as error:
                    self._wrong(f"{name}: {error}")
                    continue
            if not check.problem and check.position > (pruned[0] if pruned else 0):
                self._add(check.position, check.hash, name)

    # --- The copy of syslog ---------------------------------------------------------------------
    def _read_syslog(self, path: Path, known: set[str]) -> None:
        """Read the rows and anchors of a file that a syslog server wrote.

        Raises:
            CopyError
        """
        self._name = path.name
        try:
            with path.open(encoding="utf-8", errors="replace") as lines:
                for message in _messages(lines):
                    if "anchor" in message:
                        self._read_copy(str(message["anchor"]), known, path.name)
                    elif isinstance(message.get("position"), int):
                        self._rows[message["position"]] = bytes.fromhex(str(message["hash"]))
        except (OSError, KeyError, ValueError) as error:
            raise CopyError(f"{path} cannot be read: {error}") from error
        if not self._rows:
            raise CopyError(f"{path} has no row of the audit log")
        self._first_row, self._last_row = min(self._rows), max(self._rows)


def _messages(lines: Iterable[str]) -> Iterable[dict[str, Any]]:
    """Yield the JSON of each line that has one of pciops; others are left out."""
    for line in lines:
        start = line.find("{")
        if start < 0 or ('"hash"' not in line and '"anchor"' not in line):
            continue
        try:
            message = json.loads(line[start:])
        except ValueError:
            continue
        if isinstance(message, dict):
            yield message
