"""Rows from before there was a chain."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import models

from pciops.audit import services
from pciops.audit.chain import verify
from pciops.audit.models import ChainHead, Event
from tests.audit.acts import forge, open_event
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration has models without our query sets."""
    monkeypatch.setattr("pciops.audit.models.EventQuerySet.update", models.QuerySet.update)


def migrate() -> None:
    """Run the data migration on what is there."""
    import_module("pciops.audit.migrations.0003_chain_old_rows").link(apps, None)


@pytest.fixture
def old() -> list[str]:
    """Ids of three rows that were settled without a chain, oldest end first, and one pending."""
    events = [open_event() for _ in range(4)]
    for event, after in zip(events, (3, 1, 2), strict=False):
        at = NOW + timedelta(minutes=after)
        sql = "UPDATE audit_event SET outcome = 'success', settled_at = %s WHERE id = %s"
        forge(sql, at.replace(tzinfo=None), event.pk)
    return [events[1].pk, events[2].pk, events[0].pk]


def test_they_come_into_the_chain_in_the_order_of_their_end(old: list[str]) -> None:
    migrate()

    found = Event.objects.exclude(position=None).order_by("position")
    assert list(found.values_list("pk", flat=True)) == old


def test_they_fit(old: list[str]) -> None:
    migrate()

    assert verify().problem == ""
    assert ChainHead.objects.get().position == 3


def test_what_is_settled_later_comes_behind_them(old: list[str]) -> None:
    migrate()
    pending = Event.objects.get(position=None)

    assert services.settle(pending, Event.Outcome.SUCCESS).position == 4
