"""The page for a password that has expired: its owner changes it and is signed in."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client
from pytest_django import Settings

from pciops.signin.models import Throttle
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
    """Send the form; the new password twice alike unless told."""
    return client.post(PAGE, {"current": current, "new": new, "again": again or new})


# --- The way in ---------------------------------------------------------------------------------
def test_an_expired_password_leads_to_the_page(client: Client, ada: Person) -> None:
    response = sign_in(client)

    assert (response.status_code, response["Location"]) == (302, PAGE)


def test_the_page_says_whose_password_has_expired(client: Client, ada: Person) -> None:
    sign_in(client)

    assert (
        "Your password has expired Keystone lets ada ( Default ) in with a new one only."
    ) in shown(client.get(PAGE))


def test_the_page_shows_what_the_policy_says_of_passwords(
    client: Client, ada: Person, settings: Settings
) -> None:
    settings.POLICY_OVERRIDES = {"password_regex_description": "Twelve characters & a digit."}
    sign_in(client)

    assert "Twelve characters & a digit." in shown(client.get(PAGE))


def test_a_policy_that_cannot_be_read_stops_nobody(
    client: Client, ada: Person, settings: Settings
) -> None:
    settings.KEYSTONE_CONF = ["/nowhere/keystone.conf"]
    sign_in(client)

    assert client.get(PAGE).status_code == 200


@pytest.mark.parametrize(
    ("field", "hint"),
    [("current", "current-password"), ("new", "new-password"), ("again", "new-password")],
)
def test_a_browsers_password_manager_knows_the_fields(
    client: Client, ada: Person, field: str, hint: str
) -> None:
    sign_in(client)
    page = client.get(PAGE)

    assert page.context["form"].fields[field].widget.attrs["autocomplete"] == hint


def test_a_new_password_is_set_and_signs_in(client: Client, ada: Person) -> None:
    sign_in(client)
    send(client)

    assert ada.password == "new horse"
    assert "Sees the whole cloud" in shown(client.get("/accounts/"))


def test_a_new_password_leads_to_the_page_that_was_asked_for(client: Client, ada: Person) -> None:
    sign_in(client, next="/accounts/?q=ann")

    assert send(client)["Location"] == "/accounts/?q=ann"


def test_a_new_password_may_begin_and_end_with_a_space(client: Client, ada: Person) -> None:
    sign_in(client)
    send(client, " new horse ")

    assert ada.password == " new horse "


def test_a_new_password_of_who_has_a_second_factor_leads_to_the_code(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(expired=True, second_factor=True)
    sign_in(client, next="/accounts/?q=ann")

    assert send(client)["Location"] == "/signin/code/"
    assert client.post("/signin/code/", {"passcode": "123456"})["Location"] == "/accounts/?q=ann"


def test_who_is_no_operator_is_told_that_the_password_is_changed(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    person = fake_keystone.person(expired=True, roles={"system": {"member"}})
    sign_in(client)
    response = send(client)

    assert person.password == "new horse"
    assert response["Location"] == "/signin/"
    assert "The password of ada (Default) is changed. Sign in with the new one." in shown(
        client.get("/signin/")
    )


# --- The way not in -----------------------------------------------------------------------------
def test_two_new_passwords_that_differ_are_not_sent(
    client: Client, ada: Person, fake_keystone: FakeKeystone
) -> None:
    sign_in(client)
    response = send(client, again="another")

    assert "New password again: This is not what stands above." in shown(response)
    assert ada.password == "right horse"


@pytest.mark.parametrize("status", [400, 403, 409])
def test_a_refusal_of_the_new_password_is_said_in_keystones_words(
    client: Client, ada: Person, status: int
) -> None:
    ada.refuses = (status, "The password does not match the requirements: Seven, and a digit..")
    sign_in(client)

    assert (
        "The password is not changed. Keystone refused the new one: The password does not match "
        "the requirements: Seven, and a digit. Current password"
    ) in shown(send(client))


def test_a_password_that_keystone_repeats_is_not_shown(client: Client, ada: Person) -> None:
    ada.refuses = (400, "Invalid input for field password. Value: new horse after right horse")
    sign_in(client)
    page = shown(send(client))

    assert "Value: ••• after •••." in page
    assert "horse" not in page


def test_what_keystone_says_is_text(client: Client, ada: Person) -> None:
    ada.refuses = (400, "<b>no</b>")
    sign_in(client)

    assert "&lt;b&gt;no&lt;/b&gt;" in send(client).content.decode()


def test_no_password_is_filled_in_again(client: Client, ada: Person) -> None:
    ada.refuses = (400, "no")
    sign_in(client)
    page = send(client).content.decode()

    assert "horse" not in page


def test_a_new_password_that_is_refused_does_not_count(client: Client, ada: Person) -> None:
    ada.refuses = (400, "no")
    sign_in(client)
    send(client)

    assert Throttle.objects.get().failures == 0


def test_a_wrong_current_password_is_said(client: Client, ada: Person) -> None:
    sign_in(client)
    response = send(client, current="wrong")

    assert "Keystone refused the current one: it is wrong" in shown(response)
    assert ada.password == "right horse"


def test_wrong_current_passwords_are_slowed(client: Client, ada: Person) -> None:
    sign_in(client)

    assert [send(client, current="wrong").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_while_keystone_is_away_nobody_says_that_nothing_happened(
    client: Client, ada: Person, fake_keystone: FakeKeystone
) -> None:
    sign_in(client)
    fake_keystone.fail(503)
    response = send(client)

    assert response.status_code == 503
    assert "Whether the password is changed is not known." in shown(response)


def test_without_a_right_password_there_is_no_page(client: Client, ada: Person) -> None:
    sign_in(client, password="wrong")

    assert client.get(PAGE)["Location"] == "/signin/"


def test_who_waits_for_a_code_has_no_page_for_a_new_password(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(second_factor=True)
    sign_in(client)

    assert client.get(PAGE)["Location"] == "/signin/"


def test_the_page_waits_for_ten_minutes_at_most(
    client: Client, ada: Person, clock: time_machine.Traveller
) -> None:
    sign_in(client)
    clock.shift(timedelta(minutes=10))

    assert send(client)["Location"] == "/signin/"
    assert ada.password == "right horse"


def test_no_password_is_in_the_session(client: Client, ada: Person) -> None:
    sign_in(client)
    send(client, current="wrong")
    [row] = Session.objects.all()

    assert "horse" not in str(row.get_decoded())


def test_no_password_is_in_the_log(
    client: Client, ada: Person, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in(client)
    send(client, current="wrong")
    send(client)

    assert "update/password of pciops by ada (Default): success" in caplog.text
    assert "horse" not in caplog.text


def test_an_expired_password_whose_id_keystone_hides_is_changed_elsewhere(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.fail(401, "The password is expired and needs to be changed.")

    assert "The password of ada (Default) has expired" in shown(sign_in(client))
