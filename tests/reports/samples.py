"""Sample reports: a believable one of any size, arbitrary ones, and stored ones."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from pciops.audit.services import PCIOPS
from pciops.lib.times import iso
from pciops.reports.archive import store
from pciops.reports.models import StoredReport
from pciops.reports.spool import FIRST_ROWS, BuiltReport, ReportTables
from pciops.reports.value import (
    Bars,
    Cell,
    Column,
    Figure,
    Gap,
    Header,
    Report,
    ReportVerdict,
    Row,
    Section,
    Statement,
    Table,
)

MONDAY = datetime(2026, 11, 16, tzinfo=UTC)
DAY = timedelta(days=1)
HOSTILE = (
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "</table><b>&amp;&lt;",
    "\u202egnp.exe",
    "bell\x07 nul\x00 tab\t line\nnext",
    "דוד המלך",
    "محمد علي",
    "山田太郎",
    "😀 mallory",
    "@SUM(1+1)",
    "e\u0301 combined",
    "x" * 255,
    "",
)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A report with all rows of its tables."""

    report: Report
    lists: dict[str, list[Row]]

    def rows(self, key: str) -> Iterator[Row]:
        return iter(self.lists[key])


def make_table(
    key: str, title: str, columns: Iterable[Column], rows: list[Row], **more: Any
) -> Table:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    facts = {"empty": "There is none.", "identity": ("user_id",), **more}
    return Table(
        key=key,
        title=title,
        columns=tuple(columns),
        count=len(rows),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        shown=tuple(rows[:FIRST_ROWS]),
        **facts,
    )


def make_figure(
    key: str, label: str, number: int | None, change: int | None = 0, **more: Any
) -> Figure:
    return Figure(key=key, label=label, number=number, change=change, **more)


def make_section(key: str, title: str = "A section", **more: Any) -> Section:
    return Section(key=key, title=title, **{"demand": "", **more})


def make_header(**more: Any) -> Header:
    facts: dict[str, Any] = {
        "cloud": "north.example",
        "domain_id": "",
        "domain_name": "",
        "week": "2026-W47",
        "revision": 1,
        "begins": MONDAY,
        "ends": MONDAY + 7 * DAY,
        "zone": "UTC",
        "generated_at": MONDAY + 7 * DAY + timedelta(hours=6, seconds=12),
        "version": "0.1.0",
        "previous_week": "2026-W46",
        "previous_hash": hashlib.sha256(b"before").hexdigest(),
        **more,
    }
    return Header(**facts)


# --- A believable report -------------------------------------------------------------------------
def columns(**kinds: str) -> tuple[Column, ...]:
    """Return columns with these kinds, titled after their keys."""
    return tuple(
        Column(key=key, title=key.replace("_", " ").capitalize(), kind=kind)  # type: ignore[arg-type] # checked by use
        for key, kind in kinds.items()
    )


ACCOUNT = columns(user_id="text", user_name="text", domain_name="text")
DOMAINS = ("Default", "payments", "shops", "research and development")
NAMES = ("ann", "bob.smith", "nova", "glance-backup", "carla@shops.example", "dieter.müller")


def sample_report(size: int = 40, seed: int = 1, **header: Any) -> Sample:
    """Return a report of a cloud of middling health, with so many rows in its longest tables."""
    dice, lists = random.Random(seed), dict[str, list[Row]]()

    def account(number: int) -> tuple[str, str, str]:
        hostile = number < len(HOSTILE)
        name = HOSTILE[number] if hostile else f"{dice.choice(NAMES)}{number}"
        return f"{dice.getrandbits(128):032x}", name, dice.choice(DOMAINS)

    def moment() -> str | None:
        return iso(MONDAY + timedelta(seconds=dice.randrange(7 * 86400)))

    def listed(key: str, title: str, of: tuple[Column, ...], rows: list[Row], **more: Any) -> Table:
        lists[key] = rows
        return make_table(key, title, of, rows, **more)

    inactive: list[Row] = [
        (
            *account(number),
            dice.choice(("", "service", "administrator")),
            iso((MONDAY - (91 + number % 400) * DAY).date()) if number % 7 else None,
            91 + number % 400,
        )
        for number in range(size)
    ]
    locks: list[Row] = [
        (
            *account(number),
            moment(),
            dice.randint(3, 40),
            "10.8.0.5" if number % 3 else None,
            dice.choice(("itself", "an unlock", "a new password")),
            f"INC-{4700 + number}: caller confirmed the last sign-in and the cost center",
            dice.randint(2, 90) if number % 4 else None,
        )
        for number in range(min(size, 60))
    ]
    passwords: list[Row] = [(*account(number), moment(), moment(), True) for number in range(size)]
    sections = (
        make_section(
            "policy",
            "Lockout",
            requirement="8.3.4",
            old="8.1.6, 8.1.7",
            demand="After at most 10 failed tries an account is locked for at least 30 minutes.",
            statements=(
                Statement(
                    words="The lock is too short: set lockout_duration to at least 1800 seconds.",
                    verdict=ReportVerdict.FINDING,
                ),
                Statement(words="14 of 21 locks of the week ended by themselves."),
            ),
            figures=(
                make_figure("locks", "locks in this week", len(locks), 7, main=True),
                make_figure("unlocks", "unlocked by somebody", 14, -3),
            ),
            bars=(
                Bars(
                    key="locks_daily",
                    title="Locks and unlocks of each day",
                    groups=("Mon 16", "Tue 17", "Wed 18", "Thu 19", "Fri 20", "Sat 21", "Sun 22"),
                    series=(("locks", (3, 7, 2, 1, 6, 0, 2)), ("unlocks", (2, 6, 2, 0, 4, 0, 0))),
                ),
            ),
            tables=(
                listed(
                    "policy",
                    "Policy against PCI DSS",
                    columns(option="text", value="text", passed="yes", remedy="text"),
                    [
                        ("lockout_failure_attempts", "6", True, ""),
                        ("lockout_duration", "900", False, "lockout_duration = 1800"),
                    ],
                    identity=("option",),
                ),
                listed(
                    "locks",
                    "Locks of the week",
                    (
                        *ACCOUNT,
                        *columns(locked_at="instant", failures="number", source="text"),
                        *columns(ended="text", reason="text", minutes="number"),
                    ),
                    locks,
                ),
            ),
        ),
        make_section(
            "population",
            "Accounts by state and domain",
            demand="Every account of the cloud, so that nothing is left out.",
            figures=(
                make_figure("accounts", "accounts", 12480, 31, main=True),
                make_figure("not_covered", "not covered: LDAP and federated", 378, None),
            ),
            tables=(
                listed(
                    "domains",
                    "Accounts by domain",
                    columns(domain_name="text", accounts="number", locked="number"),
                    [(name, 3120, 2) for name in DOMAINS],
                    identity=("domain_name",),
                ),
            ),
        ),
        make_section(
            "8.2.6",
            "Inactive accounts",
            requirement="8.2.6",
            old="8.1.4",
            demand="Accounts that nobody used for 90 days are removed or disabled.",
            statements=(
                Statement(
                    words="Keystone refuses an account after 90 days without a sign-in.",
                    verdict=ReportVerdict.MET,
                ),
            ),
            figures=(
                make_figure(
                    "inactive", "inactive for over 90 days", size, 4, main=True, finding=True
                ),
                make_figure("inactive_soon", "inactive within 7 days", 31, -2),
            ),
            tables=(
                listed(
                    "inactive",
                    "Inactive accounts, over 90 days",
                    (*ACCOUNT, *columns(kinds="text", last_sign_in="day", days="number")),
                    inactive,
                ),
                listed("inactive_soon", "Inactive within 7 days", ACCOUNT, []),
            ),
        ),
        make_section(
            "8.3.9",
            "Password age",
            requirement="8.3.9",
            old="8.2.4",
            statements=(
                Statement(
                    words="The schedule did not run on two days, so it is not known whether every "
                    "owner was told in time.",
                    verdict=ReportVerdict.UNKNOWN,
                ),
            ),
            figures=(
                make_figure("expired", "passwords that have expired", 96, 11, main=True),
                make_figure("unseen", "failed notices", None, None, words="The log has a gap."),
            ),
            tables=(
                listed(
                    "passwords",
                    "Passwords that expire",
                    (*ACCOUNT, *columns(created_at="instant", expires_at="instant", warned="yes")),
                    passwords,
                ),
            ),
        ),
        make_section(
            "8.4",
            "Administrators without a second factor",
            requirement="8.4.1, 8.4.2",
            old="8.3",
            statements=(
                Statement(
                    words="Every administrator has a second factor.", verdict=ReportVerdict.MET
                ),
            ),
            figures=(make_figure("admins_without", "administrators without", 0, 0, main=True),),
        ),
        make_section("gaps", "What this report does not know", requirement="10.7.2"),
        make_section("review", "Review and acknowledgement", requirement="7.2.4"),
    )
    gap = Gap(
        source="schedule",
        begins=MONDAY + 2 * DAY,
        ends=MONDAY + 4 * DAY,
        words="no worker took part, so no notices were planned.",
    )
    report = Report(header=make_header(**header), sections=sections, gaps=(gap,))
    return Sample(report=report, lists=lists)


# --- Arbitrary reports ---------------------------------------------------------------------------
texts = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(codec="utf-8"), max_size=30))
numbers = st.integers(min_value=0, max_value=10**9)
changes = st.none() | st.integers(min_value=-(10**6), max_value=10**6)
instants = st.integers(min_value=0, max_value=10**7).map(
    lambda minutes: str(iso(MONDAY - timedelta(minutes=minutes)))
)
CELLS: dict[str, st.SearchStrategy[Cell]] = {
    "text": texts,
    "number": numbers,
    "instant": instants,
    "day": instants.map(lambda instant: instant[:10]),
    "yes": st.booleans(),
}


@st.composite
def arbitrary_reports(draw: st.DrawFn) -> Sample:
    """Return up to three sections of anything, with keys that are unique as they have to be."""
    lists: dict[str, list[Row]] = {}
    sections = tuple(draw(_sections(number, lists)) for number in range(draw(st.integers(0, 3))))
    gaps = st.builds(
        Gap,
        source=st.just("schedule"),
        begins=st.just(MONDAY),
        ends=st.just(MONDAY + DAY),
        words=texts,
    )
    header = make_header(cloud=draw(texts), domain_id=draw(texts), domain_name=draw(texts))
    report = Report(header=header, sections=sections, gaps=tuple(draw(st.lists(gaps, max_size=2))))
    return Sample(report=report, lists=lists)


@st.composite
def _sections(draw: st.DrawFn, number: int, lists: dict[str, list[Row]]) -> Section:
    statements = st.builds(
        Statement, words=texts, verdict=st.none() | st.sampled_from(list(ReportVerdict))
    )
    figures = tuple(
        make_figure(
            f"figure_{number}_{index}",
            draw(texts),
            draw(st.none() | numbers),
            draw(changes),
            words=draw(texts),
            finding=draw(st.booleans()),
            main=draw(st.booleans()),
        )
        for index in range(draw(st.integers(0, 3)))
    )
    return make_section(
        f"section_{number}",
        draw(texts),
        requirement=draw(st.sampled_from(("", "8.2.6", "8.4.1, 8.4.2"))),
        old=draw(texts),
        demand=draw(texts),
        statements=tuple(draw(st.lists(statements, max_size=3))),
        figures=figures,
        bars=tuple(draw(_bars(number)) for _ in range(draw(st.integers(0, 1)))),
        tables=tuple(
            draw(_tables(f"table_{number}_{index}", lists))
            for index in range(draw(st.integers(0, 2)))
        ),
    )


@st.composite
def _bars(draw: st.DrawFn, number: int) -> Bars:
    groups = draw(st.integers(1, 7))
    values = st.lists(numbers, min_size=groups, max_size=groups).map(tuple)
    series = tuple((draw(texts), draw(values)) for _ in range(draw(st.integers(1, 2))))
    names = tuple(draw(texts) for _ in range(groups))
    return Bars(key=f"bars_{number}", title=draw(texts), groups=names, series=series)


@st.composite
def _tables(draw: st.DrawFn, key: str, lists: dict[str, list[Row]]) -> Table:
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=6))
    heads = [
        replace(column, title=draw(texts))
        for column in columns(**{f"column_{index}": kind for index, kind in enumerate(kinds)})
    ]
    cells = st.tuples(*(CELLS[kind] | st.none() for kind in kinds))
    lists[key] = draw(st.lists(cells, max_size=8))
    return make_table(
        key, draw(texts), heads, lists[key], identity=("column_0",), empty=draw(texts)
    )


# --- Stored reports ------------------------------------------------------------------------------
def store_sample(
    week: str = "2026-W46",
    *,
    domain_id: str = "",
    size: int = 5,
    seed: int = 1,
    again: bool = False,
) -> StoredReport:
    """Store a believable report of this week."""
    sample, tables = sample_report(size, seed), ReportTables()
    begins = MONDAY + timedelta(weeks=int(week[-2:]) - 47)
    header = replace(
        sample.report.header,
        week=week,
        begins=begins,
        ends=begins + timedelta(days=7),
        generated_at=begins + timedelta(days=7, hours=6),
        domain_id=domain_id,
        domain_name=domain_id.title(),
    )
    sections = tuple(
        replace(
            section,
            tables=tuple(
                tables.add(
                    table.key,
                    table.title,
                    table.columns,
                    sample.lists[table.key],
                    empty=table.empty,
                    identity=table.identity,
                )
                for table in section.tables
            ),
        )
        for section in sample.report.sections
    )
    with BuiltReport(
        report=replace(sample.report, header=header, sections=sections), tables=tables
    ) as built:
        return store.keep(built, initiator=PCIOPS, again=again)
