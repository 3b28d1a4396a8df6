"""JSON text of databases: as Keystone's tables keep it, which may be anything, and as rows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final, cast

from django.db.models import Aggregate, Count, QuerySet, TextField
from django.db.models.expressions import Combinable
from django.db.models.functions import JSONArray

_DECODE: Final = json.JSONDecoder().decode  # in two thirds of the time of json.loads


def decoded(text: str | None) -> Any:
    """Decode the text; return None if it is not JSON."""
    try:
        return _DECODE(text) if text else None
    except (ValueError, RecursionError):
        return None


def decoded_all(texts: Iterable[str]) -> list[Any]:
    """Decode texts that are all JSON by one call: one for each takes four times as long."""
    every: list[Any] = _DECODE(f"[{','.join(texts)}]")
    return every


def json_array(*columns: str | Combinable) -> JSONArray:
    """Return these columns as one, the text of an array."""
    return JSONArray(*columns, output_field=TextField())


class _Joined(Aggregate):
    """The texts of all rows with commas between them, of MariaDB, MySQL, and SQLite."""

    function = "GROUP_CONCAT"
    output_field = TextField()


def rows_of(rows: QuerySet[Any], *columns: str | Combinable) -> list[list[Any]]:
    """Read columns of thousands of rows as one text: PyMySQL takes longer for each row and column.

    Booleans come as 0 and 1, times as text.

    Args:
        rows: not sliced; they may come in another order.
    """
    array = json_array(*columns)
    found = rows.aggregate(text=_Joined(array), number=Count("*"))
    every = decoded(f"[{found['text'] or ''}]")
    if every is not None and len(every) == found["number"]:
        return cast("list[list[Any]]", every)
    # The database has cut the text off, by group_concat_max_len or max_allowed_packet.
    return decoded_all(rows.values_list(array, flat=True))
