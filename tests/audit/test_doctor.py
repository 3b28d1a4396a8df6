"""What the doctor says of the trail."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from pciops.audit import doctor
from pciops.audit.models import ChainCheck

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("age", "wrong", "level", "said"),
    [
        (None, "", "warning", "Its chain has not been verified yet."),
        (timedelta(hours=2), "", "ok", "Its chain of 7 rows was verified 2 h ago, and fits."),
        (timedelta(hours=27), "", "warning", "Its chain was verified 1 day ago."),
        (
            timedelta(hours=2),
            "row 3 is missing",
            "problem",
            "It does not fit, found 2 h ago: row 3 is missing.",
        ),
    ],
    ids=["never", "last night", "not last night", "changed"],
)
def test_the_last_verification_is_told(
    age: timedelta | None, wrong: str, level: str, said: str
) -> None:
    if age is not None:
        ChainCheck.objects.create(
            checked_at=timezone.now() - age, milliseconds=1, rows=7, position=7, problem=wrong
        )
    [finding] = doctor.audit_log()

    assert (finding.level, finding.sentence) == (level, said)
