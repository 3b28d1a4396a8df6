"""Lets the code of the product that runs within a test read a database on the private MariaDB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dj_database_url
from django.db import connections
from django.db.backends.mysql.base import DatabaseWrapper
from pytest_django.plugin import DjangoDbBlocker


@contextmanager
def keystone_at(url: str, blocker: DjangoDbBlocker) -> Iterator[None]:
    """Within it the alias `keystone` is the database at this address, to read and to write."""
    usual = connections["keystone"]
    settings = {**usual.settings_dict, **dj_database_url.parse(url), "OPTIONS": {}}
    connections["keystone"] = DatabaseWrapper(settings, alias="keystone")
    try:
        with blocker.unblock():
            yield
            connections["keystone"].close()
    finally:
        connections["keystone"] = usual
