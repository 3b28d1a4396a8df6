"""Where in a keystone.conf each value of a section stands: file and line, for messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from oslo_config import iniparser


class ConfError(Exception):
    """A file that cannot be read, and where it goes wrong; never what stands there."""


@dataclass(frozen=True)
class Assignment:
    """The last value that a file gives an option."""

    text: str
    line: int


def assignments(path: str, section: str) -> Mapping[str, Assignment]:
    """Each option that the file sets in the section; of several lines the last one.

    Raises:
        ConfError: names the line, but does not repeat it: it may hold a password.
    """
    return {name: values[-1] for name, values in every(path, section).items()}


def every(path: str, section: str) -> Mapping[str, Sequence[Assignment]]:
    """The same with all lines of an option, for those that have as many values.

    Raises:
        ConfError: as `assignments`.
    """
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
    return parser.found


class _Parser(iniparser.BaseParser):
    """oslo.config's own grammar; it keeps the line where an assignment begins."""

    def __init__(self, section: str) -> None:
        super().__init__()
        self.found: dict[str, list[Assignment]] = {}
        self._wanted = section
        self._section: str | None = None
        self._begun = 0

    def new_section(self, section: str) -> None:
        self._section = section.lower()

    def _split_key_value(self, line: str) -> tuple[str, list[str]]:
        self._begun = self.lineno
        return super()._split_key_value(line)

    def assignment(self, key: str, value: list[str]) -> None:
        if self._section is None:
            self._no_section()
        if self._section == self._wanted:
            assignment = Assignment("\n".join(value), self._begun)
            self.found.setdefault(key, []).append(assignment)

    def _no_section(self) -> NoReturn:
        raise iniparser.ParseError("no section has begun yet", self._begun, "")
