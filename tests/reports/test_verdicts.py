"""The verdicts that an assessor would give of made-up clouds, in all four formats and the email."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.utils.html import strip_tags
from pytest_django import Settings

from pciops.audit import chain
from pciops.events.models import ConsumerSession
from pciops.reports import deliver
from pciops.reports.archive import store
from pciops.reports.build import build
from pciops.reports.render import text
from pciops.reports.sources import CloudSources
from pciops.reports.spool import BuiltReport
from tests.audit.helpers import record
from tests.factories import (
    NOW,
    make_initiator,
)
from tests.reports import rendered
from tests.reports.clouds import (
    CLOUDS,
    CONF,
    DAY,
    EX,
    GOOD,
    NE,
    NT,
    POLICY,
    PT,
    TOTP,
    administrator,
    person,
)
from tests.reports.weekly import IN_WEEK, WEEK, take_censuses

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture(autouse=True)
def site(settings: Settings, tmp_path: Path) -> None:
    """Two people in a good cloud, and a week without a gap."""
    conf = tmp_path / "keystone.conf"
    conf.write_text(CONF)
    settings.KEYSTONE_CONF = [str(conf)]
    settings.POLICY_OVERRIDES = POLICY
    settings.SERVICE_NAME_PATTERNS = ["svc-*"]
    person("ann")
    administrator("olga", options=TOTP)
    take_censuses(WEEK.begins - DAY, NOW)
    ConsumerSession.objects.create(
        consumer="a", connected=True, since=WEEK.begins - DAY, until=WEEK.ends + DAY
    )
    record(now=IN_WEEK)
    chain.run_check(NOW)


def built() -> BuiltReport:
    return build(WEEK, cloud=CloudSources(now=NOW))


# --- Reading the verdicts ------------------------------------------------------------------------
def of_value(report: BuiltReport) -> dict[str, str]:
    return {j.requirement: text.VERDICTS[j.verdict] for _, j in report.report.judgments()}


def of_html(report: BuiltReport) -> dict[str, str]:
    rows = re.findall(
        r'<tr[^>]* data-judged="([\d.]+)">(.*?)</tr>', rendered.page(report), re.DOTALL
    )
    return {number: _verdict_in(strip_tags(row)) for number, row in rows}


def of_json(report: BuiltReport) -> dict[str, str]:
    found = rendered.document(report)["requirements"]
    return {one["requirement"]: one["verdict"].replace("_", " ").capitalize() for one in found}


def of_csv(report: BuiltReport) -> dict[str, str]:
    head, *lines = rendered.files(report)["requirements.csv"]
    found = [dict(zip(head, line, strict=True)) for line in lines]
    return {one["requirement"]: one["verdict"].replace("_", " ").capitalize() for one in found}


def of_pdf(report: BuiltReport) -> dict[str, str]:
    words = rendered.pdf_text(rendered.printed(report))
    return dict(re.findall(rf"(?m)^ ?([\d.]+) ({NE}|{EX}|{PT}|{NT}):", words))


def _verdict_in(words: str) -> str:
    [verdict] = [verdict for verdict in (NE, EX, PT, NT) if verdict in words]
    return verdict


def mailed(report: BuiltReport) -> str:
    stored = store.keep(report, initiator=make_initiator())
    mail = deliver.write(stored, store.report(stored), attached=False, left_out=False)
    return f"{mail.subject}\n{mail.text}"


def with_every_verdict() -> set[str]:
    """Return the names of clouds that together have each verdict of each requirement."""
    seen: set[tuple[str, str]] = set()
    chosen = set()
    for name, (_, _, different) in CLOUDS.items():
        if new := set((GOOD | different).items()) - seen:
            chosen.add(name)
            seen |= new
    return chosen


PRINTED = with_every_verdict()  # a PDF takes half a second of CPU


@pytest.mark.parametrize("name", CLOUDS)
def test_an_assessor_would_give_the_same_verdicts(name: str, settings: Settings) -> None:
    make, policy, different = CLOUDS[name]
    settings.POLICY_OVERRIDES = POLICY | policy
    make()
    with built() as report:
        expected = GOOD | different
        exceptions = text.exceptions(report.report)
        mail, page = mailed(report), rendered.page(report)

        assert of_value(report) == expected
        for read in (of_html, of_json, of_csv, *([of_pdf] if name in PRINTED else [])):
            assert read(report) == expected, read
    bad = [number for number, verdict in expected.items() if verdict == EX]
    assert {one.requirement for one in exceptions} == set(bad)
    assert page.count("data-exception") == len(exceptions)
    assert text.answer(report.report) in mail
    for one in exceptions:
        assert f"{one.requirement} {one.section.title}" in mail
    assert (f"exceptions in {len(bad)} requirement" in mail) is bool(bad)
    assert ("no exception found in what was tested" in mail) is not bool(bad)
