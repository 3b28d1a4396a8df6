"""The lists of rare states say since when they may miss what other SQL than Keystone's changed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from pciops.accounts import rare
from tests.factories import NOW, POLICY, make_user
from tests.signin.visit import shown
from tests.web.pages import account_names

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

URL = "/accounts/?state=no_password"


def test_list_says_since_when_it_may_miss_changes(site: Client) -> None:
    make_user("ann", passwords=[])
    before = shown(site.get(URL))
    rare.scan(POLICY, NOW - timedelta(minutes=20))
    after = site.get(URL)

    assert "changed with SQL" not in before
    assert "changed with SQL, not by Keystone, after 13:42 UTC" in shown(after)
    assert account_names(after) == ["ann"]
