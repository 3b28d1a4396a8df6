"""Claims with a lease: a conditional UPDATE decides which process works on a row.

A process that dies keeps its claim until the lease ends; then another process may claim the row.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import models
from django.db.models import Q, QuerySet

M = TypeVar("M", bound="Claimable")


class Claimable(models.Model):
    """A row that at most one process works on at a time."""

    claimed_by = models.CharField(max_length=32, blank=True)  # token of the last claim
    claimed_until = models.DateTimeField(null=True)  # None: free

    class Meta:
        abstract = True


def unclaimed(now: datetime) -> Q:
    """Return the condition for rows that are free, or whose lease has ended."""
    return Q(claimed_until=None) | Q(claimed_until__lte=now)


def claim(
    rows: QuerySet[M], *, now: datetime, lease: timedelta, limit: int = 1, **changes: Any
) -> list[M]:
    """Claim up to `limit` unclaimed rows and return them in the order of `rows`.

    Args:
        lease: longer than the work takes; after it other processes may claim the rows.
        changes: columns that are set in the same UPDATE.
    """
    free = rows.filter(unclaimed(now))
    while keys := list(free.values_list("pk", flat=True)[:limit]):
        token = uuid.uuid4().hex
        free.filter(pk__in=keys).order_by().update(
            claimed_by=token, claimed_until=now + lease, **changes
        )
        claimed = rows.model._default_manager.filter(pk__in=keys, claimed_by=token).in_bulk()
        if claimed:
            return [claimed[key] for key in keys if key in claimed]
    return []


def held(row: M) -> QuerySet[M]:
    """Return the query for a claimed row; it is empty after the row was released or taken over."""
    return type(row)._default_manager.filter(pk=row.pk, claimed_by=row.claimed_by)


def release(rows: Sequence[M], **changes: Any) -> None:
    """Give up the claims on rows of one `claim`, so that they can be claimed again at once."""
    if rows:
        claimed = type(rows[0])._default_manager.filter(
            pk__in=[row.pk for row in rows], claimed_by=rows[0].claimed_by
        )
        claimed.update(claimed_by="", claimed_until=None, **changes)
