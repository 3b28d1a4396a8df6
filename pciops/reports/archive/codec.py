"""The report as JSON and back. Its canonical form is what is hashed, kept and given away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from pciops.lib import times
from pciops.lib.canonical import canonical
from pciops.lib.evidence import Bars, Column, Gap, Statement, Verdict
from pciops.reports.value import Figure, Header, Report, Section, Table


def text(report: Report) -> str:
    """Canonical JSON: the hash of a report is the SHA-256 over it, in UTF-8."""
    encoded = canonical(as_dict(report)).encode("utf-8", "replace")
    return encoded.decode()


def as_dict(value: Any) -> Any:
    """The value, or any part of it, as JSON has it."""
    if is_dataclass(value):
        return {field.name: as_dict(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [as_dict(item) for item in value]
    if isinstance(value, datetime):
        return times.iso(value)
    return value.value if isinstance(value, Enum) else value


def from_dict(found: Mapping[str, Any]) -> Report:
    """The report that `as_dict` wrote."""
    return Report(
        header=_header(found["header"]),
        sections=tuple(_section(section) for section in found["sections"]),
        gaps=tuple(_gap(gap) for gap in found["gaps"]),
    )


def _header(found: Mapping[str, Any]) -> Header:
    instants = ("begins", "ends", "generated_at")
    return Header(**{**found, **{name: _instant(found[name]) for name in instants}})


def _gap(found: Mapping[str, Any]) -> Gap:
    return Gap(**{**found, "begins": _instant(found["begins"]), "ends": _instant(found["ends"])})


def _section(found: Mapping[str, Any]) -> Section:
    return Section(
        **{
            **found,
            "statements": tuple(_statement(one) for one in found["statements"]),
            "figures": tuple(Figure(**one) for one in found["figures"]),
            "bars": tuple(_bars(one) for one in found["bars"]),
            "tables": tuple(_table(one) for one in found["tables"]),
        }
    )


def _statement(found: Mapping[str, Any]) -> Statement:
    verdict = found["verdict"]
    return Statement(words=found["words"], verdict=None if verdict is None else Verdict(verdict))


def _bars(found: Mapping[str, Any]) -> Bars:
    return Bars(
        **{
            **found,
            "groups": tuple(found["groups"]),
            "series": tuple((name, tuple(numbers)) for name, numbers in found["series"]),
        }
    )


def _table(found: Mapping[str, Any]) -> Table:
    return Table(
        **{
            **found,
            "columns": tuple(Column(**one) for one in found["columns"]),
            "shown": tuple(tuple(row) for row in found["shown"]),
            "identity": tuple(found["identity"]),
        }
    )


def _instant(words: str) -> datetime:
    return datetime.fromisoformat(words)
