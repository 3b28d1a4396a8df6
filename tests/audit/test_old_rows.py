"""Tests of the migration of rows that were settled before there was a chain."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import models

from pciops.audit import apps as apps_of_audit
from pciops.audit import services
from pciops.audit.chain import verify
from pciops.audit.models import ChainHead, Event
from pciops.lib import triggers
from tests.audit.helpers import forge, open_event
from tests.factories import NOW

pytestmark = pytest.mark.django_db


def test_old_rows_are_chained_in_the_order_of_their_settlement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A migration's models do not have the query set that refuses updates.
    monkeypatch.setattr("pciops.audit.models.EventQuerySet.update", models.QuerySet.update)
    events = [open_event() for _ in range(4)]
    forge("DELETE FROM audit_event WHERE action = 'begin/act'")  # there were none
    forge("UPDATE audit_chainhead SET position = 0, hash = ''")
    for event, minutes in zip(events, (3, 1, 2), strict=False):
        at = NOW + timedelta(minutes=minutes)
        sql = "UPDATE audit_event SET outcome = 'success', settled_at = %s WHERE id = %s"
        forge(sql, at.replace(tzinfo=None), event.pk)
    triggers.remove(apps_of_audit.GUARDS)  # they were not there
    import_module("pciops.audit.migrations.0003_chain_old_rows").link(apps, None)
    chained = Event.objects.exclude(position=None).order_by("position")

    assert [event.pk for event in chained] == [events[1].pk, events[2].pk, events[0].pk]
    assert verify().problem == ""
    assert ChainHead.objects.get().position == 3
    assert services.settle(events[3], Event.Outcome.SUCCESS).position == 4
