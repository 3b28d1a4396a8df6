"""Times on pages: short words in UTC, with the whole time for the script and the pointer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pciops.web.templatetags import pciops as filters
from tests.factories import NOW


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (NOW, "14:02 UTC"),
        (NOW - timedelta(days=1), "21 Nov, 14:02 UTC"),
        (NOW + timedelta(days=60), "21 Jan 2027, 14:02 UTC"),
        (datetime(2026, 11, 22, 23, 30, tzinfo=timezone(timedelta(hours=-1))), "23 Nov, 00:30 UTC"),
    ],
)
def test_a_time_is_short_and_names_another_day_and_year(at: datetime, words: str) -> None:
    element = filters.instant(at, NOW)

    assert f">{words}</time>" in element
    assert f'datetime="{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"' in element
    assert f'{at.astimezone(UTC):%H:%M:%S} UTC"' in element


def test_a_column_names_the_zone_in_its_head() -> None:
    assert ">14:02</time>" in filters.clock(NOW, NOW)
    assert ">14:02:11</time>" in filters.second(NOW)
