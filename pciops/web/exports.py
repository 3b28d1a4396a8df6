"""Lists as CSV and JSON files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.http import StreamingHttpResponse

from pciops.audit import services
from pciops.audit.models import Event
from pciops.lib import tables
from pciops.web.errors import BadRequestError
from pciops.web.requests import OperatorRequest, initiator

CONTENT_TYPES: Final = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


def export(
    request: OperatorRequest,
    name: str,
    columns: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
    *,
    now: datetime,
    key: str = "",
    file_name: str = "",
) -> StreamingHttpResponse:
    """Record the export in the audit log, then stream the rows as `?format=csv` or `json`.

    Args:
        name: the list, as the audit log names it.
        key: the key of the rows in JSON; the name if left out.
        file_name: the file without time and extension; the name if left out.

    Raises:
        AuditLogError: no file without its record.
        BadRequestError
    """
    form = request.GET.get("format", "")
    if form not in CONTENT_TYPES:
        raise BadRequestError(f"format: {form!r} is not supported. Choose csv or json.")
    filters = request.GET.copy()
    filters.pop("format", None)
    services.record(
        Event.Action.EXPORT,
        Event.Outcome.SUCCESS,
        initiator=initiator(request),
        resource=f"{name}.{form}",
        remark=filters.urlencode(),
        now=now,
    )
    if form == "csv":
        lines = tables.csv_lines(columns, rows)
    else:
        lines = tables.json_lines(key or name, rows)
    response = StreamingHttpResponse(tables.blocks(lines), content_type=CONTENT_TYPES[form])
    full_name = f"{file_name or name}-{now:%Y%m%dT%H%M%SZ}.{form}"
    response["Content-Disposition"] = f'attachment; filename="{full_name}"'
    return response
