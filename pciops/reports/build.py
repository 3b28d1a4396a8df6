"""Builds the report of a week: asks each package for its evidence, once, and freezes the answer.

Keystone's tables have no history. What they say is as of the instant of building; what happened in
the week comes from what pciops has kept of it: census, trail and notices.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Self

from django.conf import settings

import pciops
from pciops.accounts import selectors
from pciops.accounts.selectors import Domain
from pciops.lib import evidence
from pciops.lib.evidence import Bars, Gap, Question, Statement
from pciops.lib.spool import Row, Spool
from pciops.reports import value, weeks
from pciops.reports.archive import store
from pciops.reports.sections.headings import HEADINGS, Heading
from pciops.reports.value import Header, Report, Section
from pciops.reports.weeks import Week

log = logging.getLogger(__name__)

CLOUD: Final = Domain(id="", name="")  # the whole cloud


class DomainError(ValueError):
    """A domain that Keystone does not have."""


@dataclass(frozen=True, kw_only=True)
class Built:
    """A report that is not kept yet, with all rows of its tables."""

    report: Report
    spools: Mapping[str, Spool]  # key of a table → its rows

    def rows(self, table: str) -> Iterator[Row]:
        """All rows of a table."""
        return self.spools[table].rows()

    def close(self) -> None:
        """Give the temporary files back."""
        for spool in self.spools.values():
            spool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(kw_only=True)
class _Parts:
    """What one section is made of, as it comes."""

    statements: list[Statement] = field(default_factory=list)
    figures: list[value.Figure] = field(default_factory=list)
    bars: list[Bars] = field(default_factory=list)
    tables: list[value.Table] = field(default_factory=list)


def domain_of(words: str) -> Domain:
    """The domain of this id or name; the whole cloud for "".

    Raises:
        DomainError, KeystoneDatabaseDownError
    """
    if not words:
        return CLOUD
    found = selectors.domains(scope=None)
    for fits in (lambda one: one.id == words, lambda one: one.name == words):
        if domain := next(filter(fits, found), None):
            return domain
    raise DomainError(f"There is no domain {words[:64]!r}.")


def build(
    week: Week,
    domain: Domain = CLOUD,
    *,
    now: datetime,
    found: dict[Hashable, Any] | None = None,
) -> Built:
    """The report of a week as it is said at this instant.

    Args:
        week: as `weeks.parse` gives it.
        found: what an earlier build of the same instant has found, for the reports of domains.

    Raises:
        KeystoneDatabaseDownError: nothing is left behind.
    """
    began = time.monotonic()
    question = Question(
        begins=week.begins,
        ends=week.ends,
        now=now,
        scope=domain.id or None,
        found={} if found is None else found,
    )
    builder = _Builder(question, before=store.figures(week.before, domain.id))
    try:
        sections = tuple(builder.section(heading) for heading in HEADINGS)
    except BaseException:
        builder.close()
        raise
    report = Report(
        header=_header(week, domain, now),
        sections=sections,
        gaps=tuple(sorted(builder.gaps, key=lambda gap: (gap.begins, gap.source))),
    )
    log.info("report of %s built in %.1f s", week, time.monotonic() - began)
    return Built(report=report, spools=builder.spools)


def _header(week: Week, domain: Domain, now: datetime) -> Header:
    """As far as it is known before the report has its place in the chain: see `store.keep`."""
    return Header(
        cloud=settings.CLOUD_NAME,
        domain_id=domain.id,
        domain_name=domain.name,
        week=str(week),
        revision=0,
        begins=week.begins,
        ends=week.ends,
        zone=weeks.zone().key,
        generated_at=now,
        version=pciops.__version__,
        previous_week="",
        previous_hash="",
    )


class _Builder:
    """Sorts what the packages bring into sections, and spools the rows of tables."""

    def __init__(self, question: Question, *, before: Mapping[str, int | None]) -> None:
        self._question = question
        self._before = before
        self._keys: set[tuple[str, str]] = set()
        self.spools: dict[str, Spool] = {}
        self.gaps: list[Gap] = []

    def section(self, heading: Heading) -> Section:
        """All that the packages have for it."""
        found = _Parts()
        for part in evidence.parts(heading.key, self._question):
            self._take(part, found)
        return Section(
            key=heading.key,
            requirement=heading.requirement,
            old=heading.old,
            title=heading.title,
            demand=heading.demand,
            statements=tuple(found.statements),
            figures=tuple(found.figures),
            bars=tuple(found.bars),
            tables=tuple(found.tables),
        )

    def close(self) -> None:
        for spool in self.spools.values():
            spool.close()

    def _take(self, part: evidence.Part, found: _Parts) -> None:
        if isinstance(part, Statement):
            found.statements.append(part)
        elif isinstance(part, evidence.Figure):
            self._own("figure", part.key)
            found.figures.append(self._figure(part))
        elif isinstance(part, Bars):
            found.bars.append(part)
        elif isinstance(part, evidence.Table):
            self._own("table", part.key)
            found.tables.append(self._table(part))
        else:
            self.gaps.append(part)

    def _own(self, kind: str, key: str) -> None:
        """Two of a kind may not have one key: nobody could tell them apart."""
        if (kind, key) in self._keys:
            raise ValueError(f"two of the report's {kind}s are called {key}")
        self._keys.add((kind, key))

    def _figure(self, part: evidence.Figure) -> value.Figure:
        before = self._before.get(part.key)
        known = part.number is not None and before is not None
        return value.Figure(
            key=part.key,
            label=part.label,
            number=part.number,
            change=(part.number or 0) - (before or 0) if known else None,
            words=part.words,
            finding=part.finding,
            main=part.main,
        )

    def _table(self, part: evidence.Table) -> value.Table:
        spool = part.rows if isinstance(part.rows, Spool) else Spool.of(part.rows())
        self.spools[part.key] = spool
        return value.Table(
            key=part.key,
            title=part.title,
            columns=part.columns,
            count=spool.count,
            sha256=spool.sha256,
            shown=tuple(spool.first),
            empty=part.empty,
            identity=part.identity,
        )
