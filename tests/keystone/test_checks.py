"""System checks: both ways to Keystone have to be set."""

from __future__ import annotations

import pytest
from django.core.checks import Error
from pytest_django import Settings

from pciops.keystone.apps import keystone_is_configured

UNSET = {"ENGINE": "django.db.backends.dummy"}


def test_with_both_set_there_is_nothing_to_say() -> None:
    assert keystone_is_configured() == []


@pytest.mark.parametrize(
    ("setting", "value", "identifier", "example"),
    [
        ("DATABASES", {"keystone": UNSET}, "pciops.E001", "PCIOPS_KEYSTONE_DATABASE_URL=mysql://"),
        ("OS_AUTH_URL", "", "pciops.E002", "OS_AUTH_URL=https://"),
    ],
)
@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_what_is_not_set_is_an_error_with_an_example(
    settings: Settings, setting: str, value: object, identifier: str, example: str
) -> None:
    setattr(settings, setting, value)
    errors = keystone_is_configured()

    assert [error.id for error in errors] == [identifier]
    assert isinstance(errors[0], Error)
    assert example in str(errors[0].hint)
