"""The upgrade of notices that are in the queue."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from pciops.notices.models import Notice
from tests.factories import NOW
from tests.notices.queued import build_notice


@pytest.mark.usefixtures("unguarded")
def test_claimed_notices_are_due_again_after_their_lease() -> None:
    lease = NOW + timedelta(minutes=10)
    build_notice(step=1, claimed_by="dead", claimed_until=lease).save()
    build_notice(step=2, give_up_at=NOW).save()  # the column of the first attempt
    latest = MigrationExecutor(connection).loader.graph.leaf_nodes("notices")
    MigrationExecutor(connection).migrate([("notices", "0002_daily_digest")])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE notices_notice SET status = 'claimed' WHERE step = 1")
    MigrationExecutor(connection).migrate(latest)
    claimed, deferred = Notice.objects.order_by("step")

    assert (claimed.status, claimed.claimed_until, claimed.give_up_at) == ("planned", lease, None)
    assert (deferred.status, deferred.give_up_at) == ("planned", NOW + timedelta(days=1))
