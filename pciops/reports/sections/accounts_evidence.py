"""What the report says of its sources, of Keystone's policy, and of times that nobody watched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from pciops.accounts.census.census import STALE
from pciops.accounts.models import Census, CensusGap
from pciops.accounts.policy import compliance, policy
from pciops.accounts.policy.compliance import PolicyFinding
from pciops.keystone import database
from pciops.keystone.models import LocalUser, Password, User, UserOption
from pciops.lib import times
from pciops.lib.evidence import (
    Column,
    Figure,
    Gap,
    Part,
    Question,
    Statement,
    Table,
    Verdict,
    evidence,
)
from pciops.reports.sections import evidence_lists, evidence_population
from pciops.reports.sections.evidence_population import sourced

__all__ = ("evidence_lists", "evidence_population")  # they register what they bring


# --- Sources -------------------------------------------------------------------------------------
@evidence("sources", order=10)
def sources(question: Question) -> Iterator[Part]:
    """Keystone's tables, and the censuses of the week."""
    late = question.now - question.ends
    yield Statement(
        words=(
            "Keystone keeps no history. Accounts, locks and passwords are as Keystone's database "
            f"had them when this was built, {times.dated(question.now)}, "
            f"{_after(late)}. What happened in the week comes from what pciops keeps: its "
            "censuses, its trail and its notices."
        )
    )
    yield Statement(
        words=(
            "Lists are read one after the other, within a minute or two. An account that changed "
            "in between may stand in one and not in another."
        )
    )
    for name, label, number in _rows(question.scope):
        yield Figure(key=f"rows_{name}", label=label, number=number)
    taken = Census.objects.filter(counted_at__gte=question.begins, counted_at__lt=question.ends)
    yield Figure(
        key="rows_census", label="Censuses of the week that are kept", number=taken.count()
    )


def _after(late: timedelta) -> str:
    if late < timedelta(0):
        return "while the week was not over yet"
    return f"{times.span(late)} after the week had ended"


@database.reading()
def _rows(scope: str | None) -> list[tuple[str, str, int]]:
    label = "Rows of Keystone's table {}".format
    if scope is not None:
        users, local = (model.objects.filter(domain_id=scope) for model in (User, LocalUser))
        return [
            ("user", f"{label('user')} in this domain", users.count()),
            ("local_user", f"{label('local_user')} in this domain", local.count()),
        ]
    tables = (User, LocalUser, Password, UserOption)
    return [
        (model._meta.db_table, label(model._meta.db_table), model.objects.count())
        for model in tables
    ]


# --- Policy --------------------------------------------------------------------------------------
@evidence("policy", order=10)
def requirements(question: Question) -> Iterator[Part]:
    """Each requirement that an option of Keystone can meet, and whether it does."""
    found = sourced(question)
    findings = compliance.findings(found.policy)
    failing = [one for one in findings if not one.passed]
    yield Statement(
        words=_verdict(failing, len(findings)),
        verdict=Verdict.FINDING if failing else Verdict.MET,
    )
    yield Figure(
        key="policy_findings",
        label="Requirements that Keystone's policy does not meet",
        number=len(failing),
        finding=True,
        main=True,
    )
    for option, values in found.disagreements.items():
        said = ", ".join(
            f"{policy.display_value(option, value)} in {path}" for path, value in values
        )
        yield Statement(
            words=f"{option} differs between Keystone's nodes: {said}.", verdict=Verdict.FINDING
        )
    yield Table(
        key="policy_requirements",
        title="Policy against PCI DSS 4.0.1",
        columns=(
            Column(key="requirement", title="4.0.1"),
            Column(key="old", title="3.2.1"),
            Column(key="title", title="About"),
            Column(key="value", title="Value"),
            Column(key="met", title="Met", kind="yes"),
            Column(key="reason", title="Why"),
        ),
        rows=lambda: [
            (one.requirement, one.old, one.title, one.value, one.passed, one.reason)
            for one in findings
        ],
        empty="There is no requirement.",
        identity=("requirement",),
    )


def _verdict(failing: list[PolicyFinding], number: int) -> str:
    if not failing:
        return f"Keystone's policy meets all {number} requirements that its options can meet."
    names = ", ".join(f"{one.requirement} ({one.title.lower()})" for one in failing)
    return f"Keystone's policy does not meet {len(failing)} of {number} requirements: {names}."


# --- What is not known ---------------------------------------------------------------------------
@evidence("gaps", order=10)
def schedule(question: Question) -> Iterator[Part]:
    """Times in which no census was taken: a worker takes one every five minutes."""
    found = list(_gaps(question))
    yield from found
    lost = sum(((gap.ends - gap.begins) for gap in found), timedelta())
    if found:
        number = f"{len(found)} time{'' if len(found) == 1 else 's'}"
        words = f"The schedule stood still {number} in this week, for {times.span(lost)} in all."
    else:
        words = "The schedule ran all week: a census was taken every few minutes."
    yield Statement(words=words, verdict=Verdict.UNKNOWN if found else Verdict.MET)
    yield Figure(
        key="schedule_gaps",
        label="Minutes in which the schedule did not run",
        number=int(lost.total_seconds() // 60),
        finding=True,
    )


def _gaps(question: Question) -> Iterator[Gap]:
    """The gaps between censuses, and those before the first and behind the last of them."""
    until = min(question.ends, question.now)
    within = CensusGap.objects.filter(begins__lt=until, ends__gt=question.begins)
    for row in within.order_by("begins"):
        yield _gap(max(row.begins, question.begins), min(row.ends, until), "")
    first = Census.objects.order_by("counted_at").first()
    last = Census.objects.order_by("-counted_at").first()
    if first is None or last is None:
        yield _gap(question.begins, until, "None has ever been taken.")
        return
    if first.counted_at > question.begins:
        yield _gap(question.begins, min(first.counted_at, until), "pciops had not begun to count.")
    if last.counted_at < until - STALE:
        yield _gap(max(last.counted_at, question.begins), until, "")


def _gap(begins: datetime, ends: datetime, why: str) -> Gap:
    why = why or "Worker or timetable stood still, or Keystone's database did not answer."
    return Gap(source="schedule", begins=begins, ends=ends, words=f"No census was taken. {why}")
