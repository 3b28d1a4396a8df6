"""Tests of the router: Keystone's models are only read, from Keystone's database."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.apps import apps
from django.db import models, router

from pciops.audit.models import Event
from pciops.keystone import database
from pciops.keystone.models import LocalUser, UserOption
from pciops.keystone.router import KeystoneIsReadOnlyError, KeystoneRouter
from tests.factories import make_user

LABELS = ("keystone", "audit", "auth", "contenttypes")
KEYSTONE = list(apps.get_app_config("keystone").get_models())


@pytest.mark.parametrize("model", KEYSTONE)
def test_keystone_model_is_unmanaged_and_only_read(model: type[models.Model]) -> None:
    assert model._meta.managed is False
    assert router.db_for_read(model) == "keystone"
    with database.from_primary():
        assert router.db_for_read(model) == "keystone_primary"
    with pytest.raises(KeystoneIsReadOnlyError, match=model._meta.db_table):
        router.db_for_write(model)


@pytest.mark.django_db(databases=["keystone"])
@pytest.mark.parametrize(
    "write",
    [
        lambda: LocalUser.objects.update(failed_auth_count=0),
        lambda: LocalUser.objects.create(name="eve", domain_id="default"),
        lambda: LocalUser.objects.all().delete(),
        lambda: LocalUser(name="eve", domain_id="default").save(),
        lambda: UserOption.objects.bulk_create([UserOption(user_id="a", option_id="1002")]),
    ],
    ids=["update", "create", "delete", "save", "bulk_create"],
)
def test_writes_are_refused(write: Callable[[], object]) -> None:
    make_user()

    with pytest.raises(KeystoneIsReadOnlyError):
        write()


def test_other_models_use_the_default_database() -> None:
    assert (router.db_for_read(Event), router.db_for_write(Event)) == ("default", "default")


@pytest.mark.parametrize(
    ("alias", "label", "allowed"),
    [
        *(("keystone", label, False) for label in LABELS),
        *(("keystone_primary", label, False) for label in LABELS),
        *(("keystone_unlock", label, False) for label in LABELS),
        ("default", "keystone", False),
        ("default", "audit", None),
    ],
)
def test_only_other_tables_are_migrated(alias: str, label: str, allowed: bool | None) -> None:
    assert KeystoneRouter().allow_migrate(alias, label) is allowed
