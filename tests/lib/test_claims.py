"""Claims with a lease, on the rows of job runs."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from pciops.lib import claims
from pciops.lib.models import JobRun
from tests.factories import NOW

pytestmark = pytest.mark.django_db
LEASE = timedelta(minutes=10)


@pytest.fixture(autouse=True)
def runs() -> None:
    JobRun.objects.bulk_create(JobRun(job=job, slot=NOW) for job in "abc")


def claim(limit: int = 2, after: timedelta = timedelta(0)) -> list[JobRun]:
    rows = JobRun.objects.order_by("-job")
    return claims.claim(rows, now=NOW + after, lease=LEASE, limit=limit)


def jobs(runs: list[JobRun]) -> list[str]:
    return [run.job for run in runs]


def test_rows_are_claimed_once_in_the_order_of_the_query() -> None:
    assert [jobs(claim()) for _ in range(3)] == [["c", "b"], ["a"], []]


@pytest.mark.parametrize(
    ("after", "claimed"), [(LEASE - timedelta(microseconds=1), []), (LEASE, ["c", "b"])]
)
def test_rows_of_a_lapsed_lease_are_claimed_again(after: timedelta, claimed: list[str]) -> None:
    claim(limit=3)

    assert jobs(claim(after=after)) == claimed
    assert jobs(claim(limit=3, after=after)) == (["a"] if claimed else [])


def test_a_row_is_held_until_it_is_released_or_taken_over() -> None:
    first, second = claim()
    assert claims.held(first).exists()

    claims.release([first])
    claim(limit=3, after=LEASE)

    assert not claims.held(first).exists()
    assert not claims.held(second).exists()


def test_releasing_a_row_that_was_taken_over_changes_nothing() -> None:
    late = claim(limit=3)
    [successor, *_] = claim(limit=3, after=LEASE)
    claims.release(late)

    assert claims.held(successor).exists()
    assert claim(after=LEASE) == []


def test_a_claim_that_loses_every_row_tries_the_next_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    real = uuid.uuid4

    def interfere() -> uuid.UUID:
        """Claim the selected rows, as another process would before our UPDATE."""
        monkeypatch.undo()
        claim()
        return real()

    monkeypatch.setattr(uuid, "uuid4", interfere)

    assert jobs(claim()) == ["a"]
