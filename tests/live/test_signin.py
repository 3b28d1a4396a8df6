"""Who gets into the dashboard, what everybody else is told, and what it costs them in Keystone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.cloud import ATTEMPTS, Cloud, Person
from tests.support.site import Site
from tests.support.visitor import text_of


def test_an_administrator_lands_on_the_overview(site: Site, cloud: Cloud) -> None:
    page = site.visitor().sign_in(cloud.create_operator())

    assert page.status_code == 200
    assert page.url == f"{site.url}/"


def test_a_sign_in_leads_to_the_page_that_was_asked_for(site: Site, cloud: Cloud) -> None:
    person, operator = cloud.create_locked(), cloud.create_operator()
    visitor = site.visitor()
    form = visitor.form(visitor.get(f"/accounts/{person.id}/"), "name", "password", "domain")

    page = visitor.send(form, name=operator.name, password=operator.password, domain="Default")

    assert page.url == f"{site.url}/accounts/{person.id}/"


def test_a_wrong_password_is_one_failure_in_keystone(site: Site, cloud: Cloud) -> None:
    operator = cloud.create_operator()

    page = site.visitor().sign_in(operator, "wrong")

    assert "refused this name and password" in text_of(page)
    assert cloud.row(operator)["failed_auth_count"] == 1


def test_a_right_password_is_none(site: Site, cloud: Cloud) -> None:
    operator = cloud.create_operator()

    site.visitor().sign_in(operator)

    assert not cloud.row(operator)["failed_auth_count"]


def test_the_form_says_that_failures_count_in_keystone(site: Site) -> None:
    assert "count" in text_of(site.visitor().get("/signin/"))


def test_an_unknown_name_is_refused_as_a_known_one(site: Site, cloud: Cloud) -> None:
    nobody = Person(id="", name="nobody", password="x", domain_id="default", domain="Default")
    wrong = site.visitor().sign_in(cloud.create_operator(), "wrong")

    unknown = site.visitor().sign_in(nobody)

    assert (unknown.status_code, text_of(unknown)) == (wrong.status_code, text_of(wrong))


@pytest.mark.parametrize("state", ["locked", "disabled", "inactive"])
def test_an_account_that_cannot_sign_in_is_refused_as_one_that_is_unknown(
    site: Site, cloud: Cloud, state: str
) -> None:
    nobody = Person(id="", name="nobody", password="x", domain_id="default", domain="Default")
    operator = cloud.create_operator()
    if state == "locked":
        cloud.lock(operator)
    elif state == "disabled":
        cloud.api.users.update(operator.id, enabled=False)
    else:
        cloud.sql("UPDATE user SET last_active_at = '2020-01-01' WHERE id = %s", operator.id)

    known, unknown = site.visitor().sign_in(operator), site.visitor().sign_in(nobody)

    assert "Keystone refused this name and password." in text_of(known)
    assert (known.status_code, text_of(known)) == (unknown.status_code, text_of(unknown))


def test_a_refusal_takes_a_second_whether_keystone_knows_the_name_or_not(site: Site) -> None:
    nobody = Person(id="", name="nobody", password="x", domain_id="default", domain="Default")

    page = site.visitor().sign_in(nobody)

    assert page.elapsed >= timedelta(seconds=1)


def test_somebody_without_the_role_is_told_which_one_is_missing(site: Site, cloud: Cloud) -> None:
    person = cloud.create_user()

    page = site.visitor().sign_in(person)

    assert "is no operator" in text_of(page)
    assert not cloud.row(person)["failed_auth_count"]


def test_while_keystone_is_away_nothing_is_said_about_the_password(
    site: Site, cloud: Cloud
) -> None:
    operator = cloud.create_operator()
    with site.keystone_api.shut():
        page = site.visitor().sign_in(operator)

    assert page.status_code == 503
    assert "Keystone does not answer" in text_of(page)
    assert "refused" not in text_of(page)


def test_a_domain_administrator_sees_their_domain_alone(site: Site, cloud: Cloud) -> None:
    ours, theirs = cloud.create_domain("ours"), cloud.create_domain("theirs")
    mine = cloud.create_locked("mine", domain=ours)
    foreign = cloud.create_locked("foreign", domain=theirs)
    visitor = site.visitor()
    visitor.sign_in(cloud.create_operator(domain=ours))

    page = text_of(visitor.get("/accounts/?state=locked"))

    assert mine.name in page
    assert foreign.name not in page


@pytest.mark.parametrize("path", ["/accounts/{}/", "/accounts/{}/unlock/"])
def test_a_foreign_account_does_not_exist_for_a_domain_administrator(
    site: Site, cloud: Cloud, path: str
) -> None:
    foreign = cloud.create_locked(domain=cloud.create_domain("theirs"))
    visitor = site.visitor()
    visitor.sign_in(cloud.create_operator(domain=cloud.create_domain("ours")))

    page = visitor.get(path.format(foreign.id))

    assert page.status_code == 404
    assert foreign.name not in page.text


def test_a_domain_administrator_unlocks_in_their_domain(site: Site, cloud: Cloud) -> None:
    ours = cloud.create_domain("ours")
    mine = cloud.create_locked("mine", domain=ours)
    visitor = site.visitor()
    visitor.sign_in(cloud.create_operator(domain=ours))

    visitor.unlock(mine)

    assert cloud.sign_in(mine)


def test_an_operator_who_lost_the_role_unlocks_nothing(site: Site, cloud: Cloud) -> None:
    locked, operator = cloud.create_locked(), cloud.create_operator()
    visitor = site.visitor()
    visitor.sign_in(operator)
    form = visitor.form(visitor.get(f"/accounts/{locked.id}/unlock/"), "reason")
    cloud.revoke(operator)

    page = visitor.send(form, reason="Called back", identity="callback")

    assert page.url.startswith(f"{site.url}/signin/")
    assert cloud.row(locked)["failed_auth_count"] == ATTEMPTS


def test_after_signing_out_the_session_is_over_on_the_server(site: Site, cloud: Cloud) -> None:
    visitor = site.visitor()
    visitor.sign_in(cloud.create_operator())
    cookies = visitor.http.cookies.copy()

    visitor.sign_out()
    visitor.http.cookies = cookies  # somebody kept them

    assert visitor.get("/accounts/?state=locked").url.startswith(f"{site.url}/signin/")


def test_the_password_is_in_no_log(site: Site, cloud: Cloud) -> None:
    operator = cloud.create_operator()
    visitor = site.visitor()
    visitor.sign_in(operator, "a-wrong-secret-9")
    visitor.sign_in(operator)

    assert operator.name in site.logs()
    assert operator.password not in site.logs()
    assert "a-wrong-secret-9" not in site.logs()
