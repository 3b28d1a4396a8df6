"""An installation of the release before: its tables with rows, and what it reads and writes there.

Models of Django's migrations send the statements that the old code sends.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import DatabaseError, connection, models, transaction
from django.db.migrations.executor import MigrationExecutor

from pciops.audit import chain

# The last migrations of the release before, 0.1.0.
RELEASE: Final = (
    ("accounts", "0002_census_gap"),
    ("actions", "0004_batch_item_claim"),
    ("audit", "0007_rename_models"),
    ("events", "0007_rename_models_and_fields"),
    ("lib", "0006_rename_source"),
    ("notices", "0003_one_queue"),
    ("reports", "0002_audit_log_proves_reports"),
    ("sessions", "0001_initial"),
    ("signin", "0002_throttle_refused"),
)
# Reports and these prove each other: rows that are made up would be false evidence.
EVIDENCE: Final = ("audit.ChainCheck", "audit.ChainHead", "audit.PruneStub")
ROWS: Final = 3  # of each other table
BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)


def install_release() -> None:
    """Migrate an empty database to the release before, and fill its tables."""
    executor = MigrationExecutor(connection)
    executor.migrate(list(RELEASE))
    for number in range(ROWS):
        for model in _models():
            if model._meta.label not in EVIDENCE and model._meta.app_label != "reports":
                _insert(model, number)


def use_release() -> None:
    """Read and write every table as the release before; print what fails as JSON.

    Nothing of it stays.
    """
    failures = []
    with transaction.atomic():
        for model in _models():
            for verb, use in (("read", _read), ("write", _insert)):
                try:
                    with transaction.atomic():
                        use(model, ROWS)
                except DatabaseError:
                    failures.append(f"{verb} {model._meta.label}")
        transaction.set_rollback(True)
    print(json.dumps(failures))


def _models() -> Iterator[Any]:
    """Yield the models of our tables, those first that others refer to."""
    apps = MigrationExecutor(connection).loader.project_state(list(RELEASE)).apps
    waiting = [model for model in apps.get_models() if model._meta.app_label in dict(RELEASE)]
    while waiting:
        model = waiting.pop(0)
        relations = (field.related_model for field in model._meta.fields if field.is_relation)
        if any(other in waiting for other in relations):
            waiting.append(model)
        else:
            yield model


def _read(model: Any, _: int) -> None:
    list(model._base_manager.all())


def _insert(model: Any, number: int) -> None:
    if model._meta.label == "audit.ChainHead":  # the rows of the audit log make it
        return
    fields = (field for field in model._meta.fields if not isinstance(field, models.AutoField))
    row = model(**{field.attname: _value(field, number) for field in fields})
    if model._meta.label == "audit.Event":
        heads = model._meta.apps.get_model("audit", "ChainHead")
        head, _ = heads.objects.get_or_create(pk=1)
        row.action, row.outcome = "authenticate", "success"
        chain.append(row, head)
        head.save()
    row.save(force_insert=True)


def _value(field: Any, number: int) -> Any:
    """Return a value that no other row has, if the column can hold so many."""
    if field.is_relation:
        keys = list(field.related_model._base_manager.order_by("pk").values_list("pk", flat=True))
        return keys[number % len(keys)]
    match field:
        case models.BooleanField():
            return number % 2 == 0
        case models.DateTimeField():
            return BEGAN + timedelta(days=number)
        case models.DateField():
            return (BEGAN + timedelta(days=number)).date()
        case models.UUIDField():
            return uuid.UUID(int=number + 1)
        case models.BinaryField():
            return bytes([number])
        case models.JSONField():
            return {}
        case models.IntegerField() | models.FloatField():
            return number + 1
        case _:
            return f"{field.name}-{number}é𝄞"[-(field.max_length or 100) :]
