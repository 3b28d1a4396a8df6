"""Who can sign in to the dashboard, what the others are told, and what it costs in Keystone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.cloud import UNKNOWN, Cloud
from tests.support.site import Site
from tests.support.visitor import text_of


def test_an_administrator_arrives_at_the_overview_without_a_failure(
    site: Site, cloud: Cloud
) -> None:
    operator = cloud.create_operator()

    page = site.visitor().sign_in(operator)

    assert page.status_code == 200
    assert page.url == f"{site.url}/"
    assert not cloud.row(operator)["failed_auth_count"]


def test_a_sign_in_leads_to_the_requested_page(site: Site, cloud: Cloud) -> None:
    person, operator = cloud.create_user(), cloud.create_operator()
    visitor = site.visitor()
    form = visitor.form(visitor.get(f"/accounts/{person.id}/"), "name", "password", "domain")

    page = visitor.send(form, name=operator.name, password=operator.password, domain="Default")

    assert page.url == f"{site.url}/accounts/{person.id}/"


def test_a_wrong_password_is_one_failure_in_keystone(site: Site, cloud: Cloud) -> None:
    operator = cloud.create_operator()
    visitor = site.visitor()
    assert "count" in text_of(visitor.get("/signin/"))  # the form says so

    page = visitor.sign_in(operator, "wrong")

    assert "refused this name and password" in text_of(page)
    assert cloud.row(operator)["failed_auth_count"] == 1


@pytest.mark.parametrize("state", ["wrong password", "locked", "disabled", "inactive"])
def test_a_refused_account_looks_like_an_unknown_one(site: Site, cloud: Cloud, state: str) -> None:
    operator = cloud.create_operator()
    if state == "locked":
        cloud.lock(operator)
    elif state == "disabled":
        cloud.api.users.update(operator.id, enabled=False)
    elif state == "inactive":
        cloud.make_inactive(operator)
    password = "wrong" if state == "wrong password" else None

    refused = site.visitor().sign_in(operator, password)
    unknown = site.visitor().sign_in(UNKNOWN)

    assert "refused this name and password" in text_of(refused)
    assert (refused.status_code, text_of(refused)) == (unknown.status_code, text_of(unknown))
    assert unknown.elapsed >= timedelta(seconds=1)  # whether Keystone knows the name or not


def test_a_user_without_a_role_is_not_an_operator(site: Site, cloud: Cloud) -> None:
    person = cloud.create_user()

    page = site.visitor().sign_in(person)

    assert "operator" in text_of(page)
    assert page.url.startswith(f"{site.url}/signin/")
    assert not cloud.row(person)["failed_auth_count"]


def test_while_keystone_is_down_nothing_is_said_about_the_password(
    site: Site, cloud: Cloud
) -> None:
    operator = cloud.create_operator()
    with site.keystone_api.down():
        page = site.visitor().sign_in(operator)

    assert page.status_code == 503
    assert "Keystone does not answer" in text_of(page)
    assert "refused" not in text_of(page)


def test_a_domain_administrator_sees_and_unlocks_only_their_domain(
    site: Site, cloud: Cloud
) -> None:
    domain = cloud.create_domain("ours")
    own = cloud.create_locked("own", domain=domain)
    foreign = cloud.create_locked("foreign", domain=cloud.create_domain("theirs"))
    visitor = site.visitor()
    visitor.sign_in(cloud.create_operator(domain=domain))

    page = text_of(visitor.get("/accounts/?state=locked"))
    assert own.name in page
    assert foreign.name not in page

    for path in (f"/accounts/{foreign.id}/", f"/accounts/{foreign.id}/unlock/"):
        missing = visitor.get(path)
        assert missing.status_code == 404
        assert foreign.name not in missing.text

    visitor.unlock(own)
    assert cloud.sign_in(own)


def test_signing_out_ends_the_session_on_the_server(site: Site, cloud: Cloud) -> None:
    visitor = site.visitor()
    visitor.sign_in(cloud.create_operator())
    cookies = visitor.http.cookies.copy()

    visitor.sign_out()
    visitor.http.cookies = cookies  # a copy that was kept

    assert visitor.get("/accounts/?state=locked").url.startswith(f"{site.url}/signin/")


def test_the_password_is_in_no_log(site: Site, cloud: Cloud) -> None:
    operator = cloud.create_operator()
    visitor = site.visitor()
    visitor.sign_in(operator, "a-wrong-secret-9")
    visitor.sign_in(operator)

    assert operator.name in site.logs()
    assert operator.password not in site.logs()
    assert "a-wrong-secret-9" not in site.logs()
