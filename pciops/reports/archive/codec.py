"""The report as JSON and back. Its canonical form is what is hashed, stored and downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from pciops.lib import times
from pciops.lib.canonical import canonical
from pciops.reports.value import (
    Bars,
    Column,
    Figure,
    Found,
    Gap,
    Header,
    Judgment,
    Report,
    ReportVerdict,
    Section,
    Statement,
    Table,
    Verdict,
)


def text(report: Report) -> str:
    """Return canonical JSON; the hash of a report is the SHA-256 of it in UTF-8."""
    encoded = canonical(as_dict(report)).encode("utf-8", "replace")
    return encoded.decode()


def as_dict(value: Any) -> Any:
    """Return the value, or any part of it, in JSON types.

    A section of 0.1.0 stays as it was, so that its hash stays right.
    """
    if isinstance(value, Section):
        encoded = {field.name: as_dict(getattr(value, field.name)) for field in fields(value)}
        if value.judgments is None:
            del encoded["judgments"]
            return encoded
        return {**encoded, "requirements": list(value.requirements)}
    if is_dataclass(value):
        return {field.name: as_dict(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [as_dict(item) for item in value]
    if isinstance(value, datetime):
        return times.iso(value)
    return value.value if isinstance(value, Enum) else value


def from_dict(data: Mapping[str, Any]) -> Report:
    """Return the report that `as_dict` encoded."""
    return Report(
        header=Header(**_with_times(data["header"], "begins", "ends", "generated_at")),
        sections=tuple(_section(section) for section in data["sections"]),
        gaps=tuple(Gap(**_with_times(gap, "begins", "ends")) for gap in data["gaps"]),
    )


def _section(data: Mapping[str, Any]) -> Section:
    parts: dict[str, Any] = {
        "statements": tuple(
            Statement(
                words=statement["words"],
                verdict=ReportVerdict(statement["verdict"]) if statement["verdict"] else None,
            )
            for statement in data["statements"]
        ),
        "figures": tuple(Figure(**figure) for figure in data["figures"]),
        "bars": tuple(_bars(bars) for bars in data["bars"]),
        "tables": tuple(_table(table) for table in data["tables"]),
        "judgments": None,
    }
    if "judgments" in data:
        parts["judgments"] = tuple(_judgment(judgment) for judgment in data["judgments"])
    known = {name: value for name, value in data.items() if name != "requirements"}
    return Section(**{**known, **parts})


def _judgment(data: Mapping[str, Any]) -> Judgment:
    parts = {
        "found": tuple(Found(**found) for found in data["found"]),
        "not_tested": tuple(data["not_tested"]),
        "excluded": tuple(data["excluded"]),
        "verdict": Verdict(data["verdict"]),
    }
    return Judgment(**{**data, **parts})


def _bars(data: Mapping[str, Any]) -> Bars:
    series = tuple((label, tuple(numbers)) for label, numbers in data["series"])
    return Bars(**{**data, "groups": tuple(data["groups"]), "series": series})


def _table(data: Mapping[str, Any]) -> Table:
    parts = {
        "columns": tuple(Column(**column) for column in data["columns"]),
        "shown": tuple(tuple(row) for row in data["shown"]),
        "identity": tuple(data["identity"]),
    }
    return Table(**{**data, **parts})


def _with_times(data: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {**data, **{name: datetime.fromisoformat(data[name]) for name in names}}
