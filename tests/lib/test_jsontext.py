"""Rows as JSON."""

from __future__ import annotations

import pytest

from pciops.keystone.models import LocalUser
from pciops.lib import jsontext
from tests.factories import make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.mark.parametrize("names", [[], ["ann"], ["ann", "bob], [", 'say "hi"', "é\n\\"]])
def test_rows_of_json_are_those_of_columns(names: list[str]) -> None:
    for name in names:
        make_user(name)
    columns = ("pk", "user_id", "name", "user__enabled")

    found = jsontext.rows_of(LocalUser.objects.all(), *columns)

    assert sorted(found) == sorted(map(list, LocalUser.objects.values_list(*columns)))
