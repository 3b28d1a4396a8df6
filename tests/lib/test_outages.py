"""Since when a service outside has not answered, for all processes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from pciops.lib import outages
from pciops.lib.models import ExternalService
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_process() -> Iterator[None]:
    """What a process has noted goes with it."""
    outages._noted.clear()
    yield
    outages._noted.clear()


def test_an_answer_is_remembered() -> None:
    outages.answered("keystone", NOW)

    assert ExternalService.objects.get(name="keystone").answered_at == NOW


def test_an_outage_begins_with_the_first_failure() -> None:
    outages.failed("keystone", NOW)
    source = outages.failed("keystone", NOW + timedelta(minutes=5))

    assert source.failing_since == NOW


def test_an_answer_ends_an_outage() -> None:
    outages.answered("keystone", NOW)
    outages.failed("keystone", NOW + timedelta(seconds=1))
    outages.answered("keystone", NOW + timedelta(seconds=2))

    assert ExternalService.objects.get(name="keystone").failing_since is None


def test_a_failure_keeps_when_it_last_answered() -> None:
    outages.answered("keystone", NOW)
    source = outages.failed("keystone", NOW + timedelta(minutes=5))

    assert source.answered_at == NOW


def test_services_have_outages_of_their_own() -> None:
    outages.failed("keystone", NOW)
    outages.answered("database", NOW)

    assert ExternalService.objects.get(name="keystone").failing_since == NOW


def test_answers_within_a_minute_are_written_once(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    outages.answered("keystone", NOW)

    with django_assert_num_queries(0):
        outages.answered("keystone", NOW + timedelta(seconds=59))


def test_after_a_minute_an_answer_is_written_again() -> None:
    outages.answered("keystone", NOW)
    outages.answered("keystone", NOW + timedelta(minutes=1))

    assert ExternalService.objects.get(name="keystone").answered_at == NOW + timedelta(minutes=1)
