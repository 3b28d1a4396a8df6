"""Unlocks beyond the limit on the pages: the confirmation, and the second operator."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from pciops.actions import four_eyes
from pciops.audit import marks
from pciops.keystone.models import User
from tests.factories import NOW, grant, make_locked_user, make_user
from tests.fake_keystone import FakeKeystone
from tests.signin.visit import Response, shown, signed_in
from tests.web import selecting
from tests.web.selecting import finished, select
from tests.web.unlocking import failures, form, lock, messages, seen, send, unlocks

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def helper(keystone: FakeKeystone, name: str, scope: str = "system") -> Client:
    """Return a browser of the help desk."""
    home = "default" if scope == "system" else scope
    return signed_in(keystone.person(name, domain_id=home, roles={scope: {"helpdesk"}}))


@pytest.fixture
def hal(fake_keystone: FakeKeystone) -> Client:
    return helper(fake_keystone, "hal")


@pytest.fixture
def ida(fake_keystone: FakeKeystone) -> Client:
    return helper(fake_keystone, "ida")


def again(browser: Client, user: User, **more: str) -> Response:
    """Unlock the account, which was locked again."""
    lock(user)
    return send(browser, user, {**form(browser, user), **more})


@pytest.fixture
def worn(hal: Client) -> User:
    """An account that the help desk has unlocked three times in this hour."""
    user = make_locked_user()
    for _ in range(3):
        assert again(hal, user).status_code == 302
    return user


def ask(browser: Client, user: User) -> str:
    """Ask for a second operator; return the address of the request."""
    response = again(browser, user, beyond_limit="on")
    assert response.status_code == 302
    [asked] = four_eyes.waiting(scope=None, now=NOW)
    assert asked.pk in messages(response)[0]
    return f"/unlock-requests/{asked.pk}/"


def confirm(browser: Client, url: str) -> Response:
    """Open the request, and confirm it."""
    return browser.post(url, {"seen": seen(browser.get(url))})


def test_without_the_confirmation_nothing_is_unlocked(
    hal: Client, site: Client, worn: User
) -> None:
    for browser, label in ((hal, "Ask a second operator"), (site, "Unlock beyond the limit")):
        response = again(browser, worn)

        assert response.status_code == 403
        assert "unlocked 3 times in the last hour" in shown(response)
        assert label in shown(response)
        assert failures(worn) == (3, NOW)


def test_below_the_limit_the_form_does_not_ask(hal: Client) -> None:
    page = hal.get(f"/accounts/{make_locked_user().id}/unlock/")

    assert "beyond_limit" not in page.content.decode()


def test_cloud_administrator_goes_on_alone(site: Client, worn: User) -> None:
    again(site, worn, beyond_limit="on")

    assert failures(worn) == (0, None)
    assert unlocks().filter(remark__contains=marks.BEYOND_LIMIT).count() == 1


def test_second_operator_confirms(hal: Client, ida: Client, worn: User) -> None:
    url = ask(hal, worn)
    assert failures(worn) == (3, NOW)
    assert url in ida.get(f"/accounts/{worn.id}/").content.decode()
    assert url in ida.get("/unlock-requests/").content.decode()
    assert "1 request" in shown(ida.get("/accounts/?state=locked"))

    assert confirm(ida, url)["Location"] == f"/accounts/{worn.id}/"
    assert failures(worn) == (0, None)
    last = unlocks().get(remark__contains=marks.BEYOND_LIMIT)
    assert last.initiator_name == "ida"
    assert "of hal (Default)" in last.resource
    assert ida.get(url).status_code == 404


def test_own_request_has_no_button_and_is_refused(hal: Client, worn: User) -> None:
    url = ask(hal, worn)
    page = hal.get(url)
    response = hal.post(url, {"seen": f"3@{NOW.isoformat()}"})

    assert "You asked for this unlock" in shown(page)
    assert "Confirm and unlock" not in shown(page)
    assert response.status_code == 409
    assert failures(worn) == (3, NOW)


def test_request_of_another_domain_does_not_exist(
    fake_keystone: FakeKeystone, hal: Client, worn: User
) -> None:
    url = ask(hal, worn)
    shops = helper(fake_keystone, "sue", "shops")

    assert shops.get(url).status_code == 404
    assert "hal" not in shown(shops.get("/unlock-requests/"))


def test_account_locked_anew_since_the_page_is_not_unlocked(
    hal: Client, ida: Client, worn: User
) -> None:
    url = ask(hal, worn)
    before = seen(ida.get(url))
    lock(worn, count=4)
    response = ida.post(url, {"seen": before})

    assert response.status_code == 409
    assert failures(worn) == (4, NOW)
    assert confirm(ida, url).status_code == 302


@pytest.mark.parametrize("value", ["", "three", "3@yesterday"])
def test_invalid_confirmation_changes_nothing(
    hal: Client, ida: Client, worn: User, value: str
) -> None:
    assert ida.post(ask(hal, worn), {"seen": value}).status_code == 400
    assert failures(worn) == (3, NOW)


def test_outage_of_keystone_confirms_nothing(
    fake_keystone: FakeKeystone, hal: Client, ida: Client, worn: User
) -> None:
    url = ask(hal, worn)
    fields = {"seen": seen(ida.get(url))}
    fake_keystone.fail(500)

    assert ida.post(url, fields).status_code == 503
    assert failures(worn) == (3, NOW)


# --- Several at once ----------------------------------------------------------------------------
def test_help_desk_gets_a_result_for_each(hal: Client, worn: User) -> None:
    other = make_locked_user("ben")
    lock(worn)
    page = finished(hal, selecting.form(hal, worn, other))

    assert (failures(worn), failures(other)) == ((3, NOW), (0, None))
    assert "Refused" in shown(page)
    assert "the limit is 3" in shown(page)


@pytest.mark.parametrize(("confirmed", "left"), [({}, 3), ({"beyond_limit": "on"}, 0)], ids=str)
def test_cloud_administrator_confirms_for_all(
    site: Client, worn: User, confirmed: dict[str, str], left: int
) -> None:
    lock(worn)
    page = select(site, worn)
    finished(site, selecting.form(site, worn, **confirmed))

    assert "1 of these accounts was unlocked 3 times" in shown(page)
    assert failures(worn)[0] == left


def test_more_accounts_than_an_operator_may_unlock_need_the_confirmation(
    site: Client, settings: Settings
) -> None:
    settings.OPERATOR_UNLOCKS_PER_HOUR = 2
    users = [make_locked_user(name) for name in ("ann", "ben", "cat")]
    assert "3 unlocks in an hour; the limit is 2" in shown(select(site, *users))
    finished(site, selecting.form(site, *users))
    assert len(selecting.locked(users)) == 1

    finished(site, selecting.form(site, *users[2:], beyond_limit="on"))
    assert selecting.locked(users) == []


# --- Beyond one's rights ------------------------------------------------------------------------
def test_account_with_more_rights_has_no_buttons_and_says_why(hal: Client) -> None:
    user = make_locked_user("root")
    grant(user)
    page = hal.get(f"/accounts/{user.id}/")

    assert "Only an administrator can act on it" in shown(page)
    assert f"/accounts/{user.id}/unlock/" not in page.content.decode()
    assert hal.get(f"/accounts/{user.id}/unlock/").status_code == 302


def test_form_of_an_exemption_limits_its_end(site: Client) -> None:
    page = site.get(f"/accounts/{make_user().id}/exempt/").content.decode()

    assert 'max="2027-11-22"' in page


# --- Sessions -----------------------------------------------------------------------------------
def test_locked_account_is_offered_the_end_of_its_sessions(
    site: Client, fake_keystone: FakeKeystone
) -> None:
    user = make_locked_user()
    url = f"/accounts/{user.id}/end-sessions/"
    assert url in site.get(f"/accounts/{user.id}/").content.decode()

    page = site.get(url)
    site.post(url, {"reason": "INC-4711", "seen": seen(page)})
    assert fake_keystone.ended == [user.id]
    assert failures(user) == (3, NOW)
