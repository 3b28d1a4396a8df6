"""Keystone's models are read from Keystone's database, and nothing else is done to them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.apps import apps
from django.db import models, router

from pciops.audit.models import Event
from pciops.keystone.models import LocalUser, UserOption
from pciops.keystone.router import KeystoneIsReadOnlyError, KeystoneRouter
from tests.factories import make_user

KEYSTONE = list(apps.get_app_config("keystone").get_models())


@pytest.mark.parametrize("model", KEYSTONE)
def test_every_keystone_model_is_read_from_its_alias(model: type[models.Model]) -> None:
    assert router.db_for_read(model) == "keystone"


@pytest.mark.parametrize("model", KEYSTONE)
def test_no_keystone_model_can_be_written(model: type[models.Model]) -> None:
    with pytest.raises(KeystoneIsReadOnlyError, match=model._meta.db_table):
        router.db_for_write(model)


@pytest.mark.parametrize("model", KEYSTONE)
def test_django_manages_no_keystone_table(model: type[models.Model]) -> None:
    assert model._meta.managed is False


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
def test_every_ordinary_way_to_write_is_refused(write: Callable[[], object]) -> None:
    make_user()

    with pytest.raises(KeystoneIsReadOnlyError):
        write()


def test_our_own_models_go_to_our_own_database() -> None:
    assert (router.db_for_read(Event), router.db_for_write(Event)) == ("default", "default")


@pytest.mark.parametrize("alias", ["keystone", "keystone_unlock"])
@pytest.mark.parametrize("label", ["keystone", "audit", "auth", "contenttypes"])
def test_nothing_is_migrated_into_keystones_database(alias: str, label: str) -> None:
    assert KeystoneRouter().allow_migrate(alias, label) is False


def test_keystones_tables_are_not_made_in_ours() -> None:
    assert KeystoneRouter().allow_migrate("default", "keystone") is False


def test_our_own_tables_are_made_in_ours() -> None:
    assert KeystoneRouter().allow_migrate("default", "audit") is None
