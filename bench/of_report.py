"""What bench.report measures; Django is set up when this is imported."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.utils import timezone

from bench.bare import BareConnection, Statement
from bench.cloud import KEYSTONES, Bench
from bench.measure import Memory, Row, once
from pciops.accounts.models import Census
from pciops.audit.services import PCIOPS
from pciops.reports import weeks
from pciops.reports.archive import store, verify
from pciops.reports.build import build
from pciops.reports.render.formats import FORMATS, content_of
from pciops.reports.sources import CloudSources
from pciops.reports.spool import BuiltReport

BUILD, PDF, STATEMENT = 35, 30, 10  # seconds
MEMORY = 300  # MiB


def measured(bench: Bench) -> Iterator[Row]:
    """The lines of the table, as they come."""
    now = timezone.now()
    week = weeks.last_ended(now)
    Census.objects.create(counted_at=week.begins, milliseconds=1)
    reports: list[BuiltReport] = []
    with Memory([os.getpid()]) as memory:
        took = once(lambda: reports.append(build(week, cloud=CloudSources(now=now))))
    with _taken() as (statements, longest):
        build(week, cloud=CloudSources(now=now)).tables.close()
    bare = BareConnection(port=bench.server.port, user="keystone", password=KEYSTONES)
    plain = once(lambda: bare.run(statements))
    statements.clear()  # so that the next builds are not slowed by their ids
    yield _row("building the report", took, plain, f"{BUILD} s", kept=took <= BUILD)
    [slowest] = longest
    yield _row("its longest statement", slowest, None, f"{STATEMENT} s", kept=slowest <= STATEMENT)
    grown = memory.over / 2**20
    yield Row(
        what="memory over idle, in that build",
        ours=grown,
        bare=None,
        limit=f"{MEMORY} MiB",
        kept=grown <= MEMORY,
        unit="MiB",
    )
    rows = sum(table.count for table in reports[0].report.tables())
    kept = once(lambda: store.keep(reports[0], initiator=PCIOPS))
    yield _row(f"keeping it with its {rows:,} rows", kept, None, "", kept=True)
    stored = store.newest(str(week), "")
    assert stored is not None
    later = now + timedelta(days=7)
    took = once(
        lambda: build(weeks.last_ended(later), cloud=CloudSources(now=later)).tables.close()
    )
    yield _row(
        "building the next week's, compared with it", took, None, f"{BUILD} s", kept=took <= BUILD
    )
    for name, format_ in FORMATS.items():
        took = once(lambda: [len(block) for block in format_.blocks(content_of(stored))])  # noqa: B023 called at once
        limit = f"{PDF} s" if name == "pdf" else ""
        yield _row(f"as {format_.label}", took, None, limit, kept=name != "pdf" or took <= PDF)
    yield _row("verifying it", once(verify.verify), None, "", kept=not verify.verify().problem)


def _row(what: str, ours: float, bare: float | None, limit: str, *, kept: bool) -> Row:
    return Row(what=what, ours=ours, bare=bare, limit=limit, kept=kept)


@contextmanager
def _taken() -> Iterator[tuple[list[Statement], list[float]]]:
    """The statements of what is done inside, those of other threads too, and the longest."""
    statements: list[Statement] = []
    longest = [0.0]

    def take(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        begun = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            longest[0] = max(longest[0], time.perf_counter() - begun)
            statements.append((sql, params))

    def take_from(connection: BaseDatabaseWrapper, **_: Any) -> None:
        if connection.alias == "keystone":
            connection.execute_wrappers.append(take)

    connection_created.connect(take_from)
    try:
        with connections["keystone"].execute_wrapper(take):
            yield statements, longest
    finally:
        connection_created.disconnect(take_from)
