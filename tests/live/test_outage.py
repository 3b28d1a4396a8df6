"""Keystone's database goes down, the site reports it, and it comes back."""

from __future__ import annotations

import re

from tests.support.cloud import Cloud
from tests.support.processes import wait_until
from tests.support.site import Site
from tests.support.visitor import Visitor, text_of

LOCKED = "/accounts/?state=locked"
FRESH = {"Cache-Control": "no-cache"}  # not what another request has just read


def test_a_page_reports_the_outage_with_its_start_and_without_a_traceback(
    site: Site, visitor: Visitor
) -> None:
    with site.keystone_database.down():
        page = visitor.get(LOCKED, **FRESH)

    assert page.status_code == 503
    assert "database" in text_of(page)
    assert re.search(r"since \S*\d", text_of(page), re.IGNORECASE)
    assert "Traceback" not in page.text
    assert "OperationalError" not in page.text


def test_the_outage_is_over_when_the_database_is_back(
    site: Site, visitor: Visitor, cloud: Cloud
) -> None:
    locked = cloud.create_locked()
    with site.keystone_database.down():
        visitor.get(LOCKED)

    page = visitor.get(LOCKED, **FRESH)

    assert page.status_code == 200
    assert locked.name in text_of(page)


def test_the_api_answers_503_in_keystones_error_shape(site: Site, cloud: Cloud) -> None:
    token = cloud.token(cloud.create_operator())
    with site.keystone_database.down():
        answer = site.visitor().get(
            "/api/v1/accounts?state=locked", **FRESH, **{"X-Auth-Token": token}
        )

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == 503


def test_the_site_is_not_ready_during_the_outage_and_ready_afterwards(site: Site) -> None:
    visitor = site.visitor()
    with site.keystone_database.down():
        # An answer counts for five seconds.
        wait_until(lambda: visitor.get("/readyz").status_code == 503, "the site is not ready")

    wait_until(lambda: visitor.get("/readyz").status_code == 200, "the site is ready again")


def test_the_process_is_healthy_during_the_outage(site: Site) -> None:
    with site.keystone_database.down(), site.keystone_api.down():
        assert site.visitor().get("/healthz").text.strip() == "ok"


def test_an_operator_can_sign_in_during_the_outage(site: Site, cloud: Cloud) -> None:
    operator = cloud.create_operator()
    visitor = site.visitor()
    with site.keystone_database.down():
        page = visitor.sign_in(operator)

    assert page.url == f"{site.url}/"
    assert page.status_code == 503


def test_an_unlock_during_the_outage_fails_and_changes_nothing(
    site: Site, visitor: Visitor, cloud: Cloud
) -> None:
    locked = cloud.create_locked()
    form = visitor.form(visitor.get(f"/accounts/{locked.id}/unlock/"), "reason")
    with site.keystone_database.down():
        page = visitor.send(form, reason="Called back", identity="callback")

    assert page.status_code == 503
    assert not cloud.sign_in(locked)
