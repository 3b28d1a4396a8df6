"""Sample reports: a believable one of any size, arbitrary ones, and stored ones."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from pciops.audit.services import PCIOPS
from pciops.lib.times import iso
from pciops.reports.archive import store
from pciops.reports.models import StoredReport
from pciops.reports.requirements import REQUIREMENTS, judge
from pciops.reports.spool import BuiltReport, ReportTables
from pciops.reports.value import (
    Bars,
    Cell,
    Column,
    Figure,
    Found,
    Gap,
    Header,
    Report,
    ReportVerdict,
    Row,
    Section,
    Statement,
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


def make_section(key: str, title: str = "A section", **more: Any) -> Section:
    return Section(key=key, title=title, **{"demand": "", **more})


def make_report(*sections: Section, gaps: Iterable[Gap] = (), **header: Any) -> Report:
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
        **header,
    }
    return Report(header=Header(**facts), sections=sections, gaps=tuple(gaps))


def columns(**kinds: str) -> tuple[Column, ...]:
    """Return columns with these kinds, titled after their keys."""
    return tuple(
        Column(key, key.replace("_", " ").capitalize(), kind)  # type: ignore[arg-type] # a kind
        for key, kind in kinds.items()
    )


# --- A believable report -------------------------------------------------------------------------
ACCOUNT = columns(user_id="text", user_name="text", domain_name="text")
DOMAINS = ("Default", "payments", "shops", "research and development")
NAMES = ("ann", "bob.smith", "nova", "glance-backup", "carla@shops.example", "dieter.müller")


def sample_report(size: int = 40, seed: int = 1, **header: Any) -> BuiltReport:
    """Return a report of a cloud of middling health, with so many rows in its longest tables."""
    dice, tables = random.Random(seed), ReportTables()

    def account(number: int) -> tuple[str, str, str]:
        hostile = number < len(HOSTILE)
        name = HOSTILE[number] if hostile else f"{dice.choice(NAMES)}{number}"
        return f"{dice.getrandbits(128):032x}", name, dice.choice(DOMAINS)

    def moment() -> str | None:
        return iso(MONDAY + timedelta(seconds=dice.randrange(7 * 86400)))

    def inactive(number: int) -> Row:
        days = 91 + number % 400
        last_sign_in = iso((MONDAY - days * DAY).date()) if number % 7 else None
        return *account(number), dice.choice(("", "service")), last_sign_in, days

    def lock(number: int) -> Row:
        source, minutes = ("10.8.0.5", dice.randint(2, 90)) if number % 3 else (None, None)
        reason = f"INC-{4700 + number}: caller confirmed the last sign-in and the cost center"
        return *account(number), moment(), dice.randint(3, 40), source, reason, minutes

    policy = make_section(
        "policy",
        "Lockout",
        requirement="8.3.4",
        old="8.1.6, 8.1.7",
        demand="After at most 10 failed tries an account is locked for at least 30 minutes.",
        judgments=(
            judge(
                "8.3.4",
                unit="accounts",
                population=430,
                tested=412,
                found=[Found(1, "Set lockout_duration to at least 1800 seconds.")],
                not_tested=["18 LDAP accounts."],
            ),
        ),
        statements=(Statement("14 of 21 locks of the week ended by themselves."),),
        figures=(
            Figure("locks", "locks in this week", min(size, 60), change=7, main=True),
            Figure("unlocks", "unlocked by somebody", 14, change=-3),
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
            tables.add(
                "policy",
                "Policy against PCI DSS",
                columns(option="text", value="text", passed="yes"),
                [("lockout_failure_attempts", "6", True), ("lockout_duration", "900", False)],
                identity=("option",),
            ),
            tables.add(
                "locks",
                "Locks of the week",
                (
                    *ACCOUNT,
                    *columns(locked_at="instant", failures="number", source="text"),
                    *columns(reason="text", minutes="number"),
                ),
                map(lock, range(min(size, 60))),
            ),
        ),
    )
    inactivity = make_section(
        "8.2.6",
        "Inactive accounts",
        requirement="8.2.6",
        old="8.1.4",
        demand="Accounts that nobody used for 90 days are removed or disabled.",
        judgments=(
            judge(
                "8.2.6",
                unit="accounts",
                population=430,
                tested=412,
                found=[Found(size, "accounts were not used for 90 days")],
            ),
        ),
        statements=(Statement("Keystone refuses them after 90 days."),),
        figures=(
            Figure(
                "inactive", "inactive for over 90 days", size, change=4, main=True, finding=True
            ),
            Figure("inactive_soon", "inactive within 7 days", 31, change=-2),
        ),
        tables=(
            tables.add(
                "inactive",
                "Inactive accounts, over 90 days",
                (*ACCOUNT, *columns(kinds="text", last_sign_in="day", days="number")),
                map(inactive, range(size)),
            ),
            tables.add("inactive_soon", "Inactive within 7 days", ACCOUNT, []),
        ),
    )
    passwords = make_section(
        "8.3.9",
        "Password age",
        requirement="8.3.9",
        old="8.2.4",
        judgments=(judge("8.3.9", unit="people", population=400, tested=400),),
        statements=(Statement("It is not known whether every owner was told."),),
        figures=(
            Figure("expired", "passwords that have expired", 96, change=11, main=True),
            Figure("unseen", "failed notices", None, words="The log has a gap."),
        ),
        tables=(
            tables.add(
                "passwords",
                "Passwords that expire",
                (*ACCOUNT, *columns(created_at="instant", expires_at="instant", warned="yes")),
                ((*account(number), moment(), moment(), True) for number in range(size)),
            ),
        ),
    )
    gaps = make_section("gaps", "Gaps in this report", requirement="10.7.2")
    review = make_section("review", "Review and sign-off", requirement="7.2.4")
    gap = Gap(
        source="schedule",
        begins=MONDAY + 2 * DAY,
        ends=MONDAY + 4 * DAY,
        words="no worker took part, so no notices were planned.",
    )
    sections = (policy, inactivity, passwords, gaps, review)
    return BuiltReport(report=make_report(*sections, gaps=[gap], **header), tables=tables)


def store_sample(
    week: str = "2026-W46",
    *,
    domain_id: str = "",
    size: int = 5,
    seed: int = 1,
    again: bool = False,
) -> StoredReport:
    """Store a believable report of this week."""
    begins = MONDAY + timedelta(weeks=int(week[-2:]) - 47)
    with sample_report(
        size,
        seed,
        week=week,
        begins=begins,
        ends=begins + timedelta(days=7),
        generated_at=begins + timedelta(days=7, hours=6),
        domain_id=domain_id,
        domain_name=domain_id.title(),
    ) as built:
        return store.keep(built, initiator=PCIOPS, again=again)


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
def arbitrary_reports(draw: st.DrawFn) -> BuiltReport:
    """Return up to three sections of anything, with keys that are unique as they have to be."""
    tables = ReportTables()
    gaps = st.builds(
        Gap,
        source=st.just("schedule"),
        begins=st.just(MONDAY),
        ends=st.just(MONDAY + DAY),
        words=texts,
    )
    report = make_report(
        *(draw(_sections(number, tables)) for number in range(draw(st.integers(0, 3)))),
        gaps=draw(st.lists(gaps, max_size=2)),
        cloud=draw(texts),
        domain_id=draw(texts),
        domain_name=draw(texts),
    )
    return BuiltReport(report=report, tables=tables)


@st.composite
def _sections(draw: st.DrawFn, number: int, tables: ReportTables) -> Section:
    figures = st.builds(
        Figure,
        st.integers(0, 9).map(lambda index: f"figure_{number}_{index}"),
        texts,
        st.none() | numbers,
        change=changes,
        words=texts,
        finding=st.booleans(),
        main=st.booleans(),
    )
    old = draw(st.booleans())  # of 0.1.0
    verdicts = st.none() | st.sampled_from(list(ReportVerdict)) if old else st.none()
    statements = st.builds(Statement, texts, verdicts)
    judgments = st.builds(
        judge,
        st.sampled_from(sorted(REQUIREMENTS)),
        unit=texts,
        population=st.none() | numbers,
        tested=numbers,
        found=st.lists(st.builds(Found, numbers, texts), max_size=2),
        not_tested=st.lists(texts, max_size=2),
        excluded=st.lists(texts, max_size=2),
    )
    some_figures = st.lists(figures, max_size=3, unique_by=lambda figure: figure.key)
    return make_section(
        f"section_{number}",
        draw(texts),
        requirement=draw(st.sampled_from(("", "8.2.6", "8.4.1, 8.4.2"))),
        old=draw(texts),
        demand=draw(texts),
        judgments=None if old else tuple(draw(st.lists(judgments, max_size=2))),
        statements=tuple(draw(st.lists(statements, max_size=3))),
        figures=tuple(draw(some_figures)),
        bars=tuple(draw(_bars(number)) for _ in range(draw(st.integers(0, 1)))),
        tables=tuple(
            tables.add(f"table_{number}_{index}", draw(texts), *draw(_rows()), empty=draw(texts))
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
def _rows(draw: st.DrawFn) -> tuple[list[Column], list[Row]]:
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=6))
    heads = [
        replace(column, title=draw(texts))
        for column in columns(**{f"column_{index}": kind for index, kind in enumerate(kinds)})
    ]
    return heads, draw(st.lists(st.tuples(*(CELLS[k] | st.none() for k in kinds)), max_size=8))
