"""LDAP and federated users on the pages: no rule of Keystone's is said of them."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.factories import make_ldap_user
from tests.signin.visit import shown

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def test_the_list_says_that_nothing_is_counted(site: Client) -> None:
    make_ldap_user("lea")
    page = shown(site.get("/accounts/?state=not_covered"))

    assert "lea" in page
    assert "none counted" in page
    assert "can sign in" not in page


def test_the_page_does_not_call_it_fine(site: Client) -> None:
    user = make_ldap_user("lea")
    page = shown(site.get(f"/accounts/{user.id}/"))

    assert "Not covered: an LDAP or federated user" in page
    assert "Password expires not covered" in page
    assert "Goes inactive not covered" in page
