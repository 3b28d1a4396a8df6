"""Administrators and service accounts in the lists: told, filtered, and first where it matters."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from pciops.keystone.models import User
from tests.factories import NOW, grant, make_locked_user, make_project
from tests.signin.visit import shown
from tests.web.test_lists import LOCKED, names, row

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def test_administrators_and_service_accounts_come_first_and_then_the_newest(site: Client) -> None:
    for name, minutes in (("chief", 20), ("ann", 1), ("nova", 10), ("ben", 5)):
        make_locked_user(name, at=NOW - timedelta(minutes=minutes))
    for user in User.objects.filter(local_user__name__in=("chief", "nova")):
        grant(user, "admin" if user.local_user.name == "chief" else "service")

    assert names(site.get(LOCKED)) == ["nova", "chief", "ann", "ben"]


def test_the_kind_filter_leaves_the_accounts_of_the_kind(site: Client) -> None:
    grant(make_locked_user("chief"))
    grant(make_locked_user("nova"), "service")
    make_locked_user("ann")

    assert names(site.get("/accounts/?state=locked&kind=administrator")) == ["chief"]
    assert names(site.get("/accounts/?state=locked&kind=service")) == ["nova"]


def test_the_kinds_of_an_account_stand_beside_its_name(site: Client) -> None:
    grant(make_locked_user(), on=make_project("service"))

    assert "ann Default administrator service account no e-mail" in row(site)


def test_the_tabs_keep_the_kind(site: Client) -> None:
    page = site.get("/accounts/?state=locked&kind=service").content.decode()

    assert 'href="?state=disabled&amp;kind=service"' in page
    assert '<option value="service" selected>Service accounts</option>' in page


def test_a_kind_of_whom_nobody_is_locked_is_named(site: Client) -> None:
    make_locked_user()

    assert "No locked service account here." in shown(site.get(f"{LOCKED}&kind=service"))
