"""The values in a section of keystone.conf with their line numbers, for error messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from oslo_config import iniparser


class ConfError(Exception):
    """A file that cannot be parsed. The message has the line number and never the line."""


@dataclass(frozen=True)
class Assignment:
    """A value that a file gives an option."""

    text: str
    line: int


def assignments(path: str, section: str) -> Mapping[str, Assignment]:
    """Return the last assignment to each option in the section, or raise ConfError."""
    return {name: values[-1] for name, values in all_assignments(path, section).items()}


def all_assignments(path: str, section: str) -> Mapping[str, Sequence[Assignment]]:
    """Return all assignments to each option in the section, or raise ConfError."""
    parser = _Parser(section)
    try:
        with Path(path).open(encoding="utf-8") as lines:
            parser.parse(lines)
    except iniparser.ParseError as error:
        raise ConfError(f"{path}, line {error.lineno}: {error.msg}") from None
    except UnicodeDecodeError:
        raise ConfError(f"{path}: not text in UTF-8") from None
    except OSError as error:
        raise ConfError(f"{path}: {error.strerror}") from None
    return parser.assignments


class _Parser(iniparser.BaseParser):
    """oslo.config's parser; it also keeps the line where an assignment begins."""

    def __init__(self, section: str) -> None:
        super().__init__()
        self.assignments: dict[str, list[Assignment]] = {}
        self._wanted_section = section
        self._section: str | None = None
        self._first_line = 0

    def new_section(self, section: str) -> None:
        self._section = section.lower()

    def _split_key_value(self, line: str) -> tuple[str, list[str]]:
        self._first_line = self.lineno
        return super()._split_key_value(line)

    def assignment(self, key: str, value: list[str]) -> None:
        if self._section is None:
            raise iniparser.ParseError("no section has begun yet", self._first_line, "")
        if self._section == self._wanted_section:
            assignment = Assignment("\n".join(value), self._first_line)
            self.assignments.setdefault(key, []).append(assignment)
