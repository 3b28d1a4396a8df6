"""The page for a password that has expired: its owner changes it and is signed in."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from pciops.signin.models import StoredSession, Throttle
from pciops.signin.session_store import contents
from tests.fake_keystone import FakeKeystone, Person
from tests.signin.visit import Response, shown, sign_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

PAGE = "/signin/password/"


@pytest.fixture
def ada(fake_keystone: FakeKeystone) -> Person:
    """An administrator whose password has expired."""
    return fake_keystone.person(expired=True)


def send(
    client: Client, new: str = "new horse", *, current: str = "right horse", again: str = ""
) -> Response:
    """Send the form, with the same new password twice unless `again` is given."""
    return client.post(PAGE, {"current": current, "new": new, "again": again or new})


# --- Success ------------------------------------------------------------------------------------
def test_expired_password_leads_to_the_page(client: Client, ada: Person) -> None:
    response = sign_in(client)
    assert (response.status_code, response["Location"]) == (302, PAGE)

    page = client.get(PAGE)
    assert "Your password has expired" in shown(page)
    assert "ada ( Default )" in shown(page)
    hints = {
        name: field.widget.attrs["autocomplete"]
        for name, field in page.context["form"].fields.items()
    }
    assert hints == {
        "current": "current-password",
        "new": "new-password",
        "again": "new-password",
    }


def test_page_shows_the_policys_description_of_passwords(
    client: Client, ada: Person, settings: Settings
) -> None:
    settings.POLICY_OVERRIDES = {"password_regex_description": "Twelve characters & a digit."}
    sign_in(client)
    assert "Twelve characters & a digit." in shown(client.get(PAGE))

    settings.POLICY_OVERRIDES = {}
    settings.KEYSTONE_CONF = ["/nowhere/keystone.conf"]
    assert client.get(PAGE).status_code == 200


@pytest.mark.parametrize("new", ["new horse", " new horse "])
def test_new_password_is_set_and_signs_in(client: Client, ada: Person, new: str) -> None:
    sign_in(client, next="/accounts/?q=ann")

    assert send(client, new)["Location"] == "/accounts/?q=ann"
    assert ada.password == new
    assert "Entire cloud An" in shown(client.get("/accounts/"))


def test_second_factor_is_asked_for_after_the_new_password(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(expired=True, second_factor=True)
    sign_in(client, next="/accounts/?q=ann")

    assert send(client)["Location"] == "/signin/code/"
    assert client.post("/signin/code/", {"passcode": "123456"})["Location"] == "/accounts/?q=ann"


def test_person_without_a_role_is_told_that_the_password_is_changed(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    person = fake_keystone.person(expired=True, roles={"system": {"member"}})
    sign_in(client)
    response = send(client)

    assert person.password == "new horse"
    assert response["Location"] == "/signin/"
    assert "password of ada (Default) is changed" in shown(client.get("/signin/"))


# --- Refusals -----------------------------------------------------------------------------------
def test_different_new_passwords_are_not_sent(client: Client, ada: Person) -> None:
    sign_in(client)
    response = send(client, again="another")

    assert response.context["form"].errors.keys() == {"again"}
    assert ada.password == "right horse"


@pytest.mark.parametrize("status", [400, 403, 409])
def test_refusal_of_the_new_password_is_shown_in_keystones_words(
    client: Client, ada: Person, status: int
) -> None:
    ada.refuses = (status, "The password does not match the requirements: Seven, <b>a digit</b>..")
    sign_in(client)
    response = send(client)

    assert "requirements: Seven, &lt;b&gt;a digit&lt;/b&gt;." in response.content.decode()
    assert "horse" not in response.content.decode()
    assert Throttle.objects.get().failures == 0


def test_passwords_that_keystone_repeats_are_not_shown(client: Client, ada: Person) -> None:
    ada.refuses = (400, "Invalid input for field password. Value: new horse after right horse")
    sign_in(client)
    page = shown(send(client))

    assert "Value: ••• after •••." in page
    assert "horse" not in page


def test_wrong_current_passwords_are_refused_and_throttled(client: Client, ada: Person) -> None:
    sign_in(client)
    responses = [send(client, current="wrong") for _ in range(4)]

    assert [response.status_code for response in responses] == [200, 200, 429, 429]
    assert "Keystone refused the current one" in shown(responses[0])
    assert ada.password == "right horse"


def test_outage_says_that_the_outcome_is_not_known(
    client: Client, ada: Person, fake_keystone: FakeKeystone
) -> None:
    sign_in(client)
    fake_keystone.fail(503)
    response = send(client)

    assert response.status_code == 503
    assert "pciops doesn't know whether the password was changed" in shown(response)


def test_without_the_right_password_there_is_no_page(client: Client, ada: Person) -> None:
    sign_in(client, password="wrong")

    assert client.get(PAGE)["Location"] == "/signin/"


def test_pending_code_opens_no_page_for_a_new_password(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(second_factor=True)
    sign_in(client)

    assert client.get(PAGE)["Location"] == "/signin/"


def test_page_waits_for_at_most_ten_minutes(
    client: Client, ada: Person, clock: time_machine.Traveller
) -> None:
    sign_in(client)
    clock.shift(timedelta(minutes=10))

    assert send(client)["Location"] == "/signin/"
    assert ada.password == "right horse"


def test_no_password_is_in_the_session_or_the_log(
    client: Client, ada: Person, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in(client)
    send(client, current="wrong")
    [row] = StoredSession.objects.all()
    assert "pending" in contents(row)
    assert "horse" not in str(contents(row))

    send(client)
    assert "update/password of pciops by ada (Default): success" in caplog.text
    assert "horse" not in caplog.text


def test_expired_password_whose_user_id_keystone_hides_is_changed_elsewhere(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.fail(401, "The password is expired and needs to be changed.")

    assert "password of ada (Default) has expired" in shown(sign_in(client))
