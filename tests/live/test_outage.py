"""Keystone's database goes away, is said to be away, and comes back."""

from __future__ import annotations

import re

from tests.support.cloud import Cloud
from tests.support.processes import wait_until
from tests.support.site import Site
from tests.support.visitor import text_of


def test_a_page_says_that_the_database_is_away_and_since_when(site: Site, cloud: Cloud) -> None:
    visitor = site.visitor()
    visitor.sign_in(cloud.create_operator())
    with site.keystone_database.shut():
        page = visitor.get("/accounts/?state=locked")

    assert page.status_code == 503
    assert "database" in text_of(page)
    assert re.search(r"since \S*\d", text_of(page), re.IGNORECASE)


def test_an_outage_shows_nobody_a_traceback(site: Site, cloud: Cloud) -> None:
    visitor = site.visitor()
    visitor.sign_in(cloud.create_operator())
    with site.keystone_database.shut():
        page = visitor.get("/accounts/?state=locked")

    assert "Traceback" not in page.text
    assert "OperationalError" not in page.text


def test_the_outage_is_over_when_the_database_is_back(site: Site, cloud: Cloud) -> None:
    locked = cloud.create_locked()
    visitor = site.visitor()
    visitor.sign_in(cloud.create_operator())
    with site.keystone_database.shut():
        visitor.get("/accounts/?state=locked")

    page = visitor.get("/accounts/?state=locked")

    assert page.status_code == 200
    assert locked.name in text_of(page)


def test_the_api_answers_503_in_keystones_error_shape(site: Site, cloud: Cloud) -> None:
    token = cloud.token(cloud.create_operator())
    with site.keystone_database.shut():
        answer = site.visitor().get("/api/v1/accounts?state=locked", **{"X-Auth-Token": token})

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == 503


def test_readiness_says_no_while_it_is_away_and_yes_afterwards(site: Site) -> None:
    visitor = site.visitor()
    with site.keystone_database.shut():
        away = visitor.get("/readyz").status_code

    assert away == 503
    wait_until(lambda: visitor.get("/readyz").status_code == 200, "the site is ready again")


def test_the_process_is_alive_all_the_same(site: Site) -> None:
    with site.keystone_database.shut(), site.keystone_api.shut():
        assert site.visitor().get("/healthz").text.strip() == "ok"


def test_an_operator_can_sign_in_while_the_database_is_away(site: Site, cloud: Cloud) -> None:
    operator = cloud.create_operator()
    visitor = site.visitor()
    with site.keystone_database.shut():
        page = visitor.sign_in(operator)

    assert page.url == f"{site.url}/"
    assert page.status_code == 503


def test_an_unlock_during_the_outage_changes_nothing_and_says_so(site: Site, cloud: Cloud) -> None:
    locked = cloud.create_locked()
    visitor = site.visitor()
    visitor.sign_in(cloud.create_operator())
    form = visitor.form(visitor.get(f"/accounts/{locked.id}/unlock/"), "reason")
    with site.keystone_database.shut():
        page = visitor.send(form, reason="Called back", identity="callback")

    assert page.status_code == 503
    assert not cloud.sign_in(locked)
