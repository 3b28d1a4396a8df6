"""Counters that all processes add to: they count what was committed, and cost no job its work."""

from __future__ import annotations

import pytest
from django.db import OperationalError, connection, transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from pciops.keystone import database
from pciops.lib import counters
from pciops.lib.env import SettingError
from pciops.lib.models import SharedCounter

pytestmark = pytest.mark.django_db


def values() -> dict[tuple[str, ...], float]:
    return {(name, *labels): value for name, labels, value, _ in counters.read()}


def test_additions_add_up_by_labels(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        counters.add("messages", "locked", "sent", by=3)
        counters.add("messages", "locked", "refused")
        counters.add("messages", "locked", "sent", by=0.5)

    assert values() == {("messages", "locked", "sent"): 3.5, ("messages", "locked", "refused"): 1}


def test_what_is_rolled_back_is_not_counted(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        try:
            with transaction.atomic():
                counters.add("refusals")
                raise OperationalError("deadlock")
        except OperationalError:
            pass

    assert values() == {}


@pytest.mark.parametrize("labels", [(), ("locked",), ("locked", "sent", "twice")])
def test_other_labels_than_those_of_the_counter_are_an_error(labels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="messages"):
        counters.add("messages", *labels)


def test_counters_of_another_version_are_left_out(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        counters.add("refusals")
    row = SharedCounter.objects.get()
    for key in ("refusals of_a_label", "of_the_future"):
        SharedCounter.objects.create(key=key, value=1, added_at=row.added_at)

    assert values() == {("refusals",): 1}


def test_a_count_that_is_lost_is_logged_and_nothing_fails(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*_: object) -> None:
        raise OperationalError(1142, "INSERT command denied")

    with (
        connection.execute_wrapper(refuse),
        django_capture_on_commit_callbacks(execute=True),
    ):
        counters.add("refusals")

    assert [record.getMessage() for record in caplog.records] == [
        "cannot count refusals: INSERT command denied"
    ]


# --- Runs of jobs -------------------------------------------------------------------------------
class BrokenError(Exception):
    """An exception that a job does not expect."""


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "success"),
        (SettingError("PCIOPS_X", "is wrong", "right"), "failure"),
        (database.KeystoneDatabaseDownError("gone"), "failure"),
        (BrokenError(), "failure"),
    ],
)
def test_each_run_of_a_job_is_counted_with_its_outcome(
    error: Exception | None,
    outcome: str,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        try:
            with database.outages_logged("census"):
                if error is not None:
                    raise error
        except BrokenError:
            pass

    assert values() == {("job_runs", "census", outcome): 1}
