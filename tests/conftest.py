"""What every test stands on: Keystone's tables in the test database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from django.apps import apps
from django.db import connections
from django.db.backends.sqlite3.base import DatabaseWrapper
from pytest_django.plugin import DjangoDbBlocker

from pciops.celery import app


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever may use `keystone` may use `keystone_unlock`: see `django_db_setup`."""
    for marker in (marker for item in items for marker in item.iter_markers("django_db")):
        databases = marker.kwargs.get("databases") or ()
        if "keystone" in databases and "keystone_unlock" not in databases:
            kwargs = cast("dict[str, Any]", marker.kwargs)
            kwargs["databases"] = [*databases, "keystone_unlock"]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Give Keystone's unmanaged models their tables in the test database.

    `keystone_unlock` becomes the same connection, not another one to the same tables: a second
    connection to SQLite in memory would find what the test has written locked.
    """
    keystone = cast("DatabaseWrapper", connections["keystone"])
    if not keystone.is_in_memory_db():  # none of the chosen tests asks for it
        yield
        return
    with django_db_blocker.unblock():
        with keystone.schema_editor() as editor:
            for model in apps.get_app_config("keystone").get_models():
                editor.create_model(model)
        separate = connections["keystone_unlock"]
        connections["keystone_unlock"] = keystone
    yield
    connections["keystone_unlock"] = separate


@pytest.fixture(scope="session", autouse=True)
def _messages_stay_in_memory() -> None:
    """What is asked of a worker in unit tests is not left in files: there is none."""
    app.conf.update(broker_url="memory://localhost", broker_transport_options={})
