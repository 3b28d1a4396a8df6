"""Tests of outages of external services, as all processes know them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from pciops.lib import outages
from pciops.lib.models import ExternalService
from tests.factories import NOW

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _fresh_process() -> Iterator[None]:
    outages._noted.clear()
    yield
    outages._noted.clear()


def service(name: str = "keystone") -> ExternalService:
    return ExternalService.objects.get(name=name)


def test_outage_lasts_from_the_first_failure_to_the_next_answer() -> None:
    outages.answered("keystone", NOW)
    outages.failed("keystone", NOW + SECOND)
    failing = outages.failed("keystone", NOW + timedelta(minutes=5))
    assert (failing.answered_at, failing.failing_since) == (NOW, NOW + SECOND)
    outages.answered("keystone", NOW + timedelta(minutes=6))

    assert service().answered_at == NOW + timedelta(minutes=6)
    assert service().failing_since is None


def test_services_have_separate_outages() -> None:
    outages.failed("keystone", NOW)
    outages.answered("database", NOW)

    assert service().failing_since == NOW


def test_answers_are_written_at_most_once_a_minute(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    outages.answered("keystone", NOW)
    with django_assert_num_queries(0):
        outages.answered("keystone", NOW + 59 * SECOND)
    outages.answered("keystone", NOW + 60 * SECOND)

    assert service().answered_at == NOW + 60 * SECOND
