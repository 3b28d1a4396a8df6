"""Fields for Keystone's column formats, for both reading and filtering."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

if TYPE_CHECKING:
    BigIntegerOf = models.BigIntegerField[datetime | None, datetime | None]
    DateTimeOf = models.DateTimeField[datetime | None, datetime | None]
else:
    BigIntegerOf = models.BigIntegerField
    DateTimeOf = models.DateTimeField

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def from_int(value: int) -> datetime:
    """Return the time of a DateTimeInt, or the nearest that Python has."""
    try:
        return EPOCH + timedelta(microseconds=value)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if value > 0 else datetime.min.replace(tzinfo=UTC)


class DateTimeInt(BigIntegerOf):
    """Keystone's DateTimeInt (keystone.common.sql.core): microseconds since the epoch, UTC."""

    def from_db_value(self, value: int | None, *args: Any) -> datetime | None:
        return None if value is None else from_int(value)

    def get_prep_value(self, value: datetime | int | None) -> int | None:
        if isinstance(value, datetime):
            return (value - EPOCH) // MICROSECOND
        return value


class UtcDateTime(DateTimeOf):
    """A naive UTC DATETIME, as SQLAlchemy writes it.

    On SQLite this is text with six digits after the second. Django leaves them out if they are
    zero, and then the text would sort before every other time of its second.
    """

    def get_db_prep_value(
        self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False
    ) -> Any:
        if connection.vendor == "sqlite" and isinstance(value, datetime):
            naive = timezone.make_naive(value, UTC) if timezone.is_aware(value) else value
            return naive.isoformat(sep=" ", timespec="microseconds")
        return super().get_db_prep_value(value, connection, prepared)
