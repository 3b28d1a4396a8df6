"""The second page of a sign-in: a TOTP code, where Keystone's rules want one."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings as configured
from django.contrib.sessions.models import Session
from django.test import Client
from pytest_django import Settings

from pciops.signin.models import Throttle
from tests.fake_keystone import FakeKeystone, Person
from tests.signin.visit import Response, shown, sign_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

PAGE = "/signin/code/"


@pytest.fixture
def ada(fake_keystone: FakeKeystone) -> Person:
    """An administrator whose device shows 123456."""
    return fake_keystone.person(second_factor=True)


def send(client: Client, code: str = "123456") -> Response:
    """Send the second page."""
    return client.post(PAGE, {"passcode": code})


def session_key(client: Client) -> str:
    """The id of the session in the browser's cookie."""
    return client.cookies[configured.SESSION_COOKIE_NAME].value


# --- The way in ---------------------------------------------------------------------------------
def test_a_right_password_leads_to_the_second_page(client: Client, ada: Person) -> None:
    response = sign_in(client)

    assert (response.status_code, response["Location"]) == (302, PAGE)


def test_the_second_page_says_whose_code_it_wants(client: Client, ada: Person) -> None:
    sign_in(client)

    assert "The password of ada ( Default ) is right." in shown(client.get(PAGE))


def test_a_browser_may_fill_in_the_code_and_show_digits(client: Client, ada: Person) -> None:
    sign_in(client)
    page = client.get(PAGE).content.decode()

    assert 'autocomplete="one-time-code"' in page
    assert 'inputmode="numeric"' in page


def test_a_right_code_signs_in(client: Client, ada: Person) -> None:
    sign_in(client)
    send(client)

    assert "Sees the whole cloud" in shown(client.get("/accounts/"))


@pytest.mark.parametrize("code", ["123 456", " 123456 ", "123\u00a0456"])
def test_a_code_may_be_typed_as_devices_show_it(client: Client, ada: Person, code: str) -> None:
    sign_in(client)

    assert send(client, code).status_code == 302


def test_a_code_leads_to_the_page_that_was_asked_for(client: Client, ada: Person) -> None:
    sign_in(client, next="/accounts/?q=ann")

    assert send(client)["Location"] == "/accounts/?q=ann"


def test_an_administrator_of_a_domain_gets_in_with_a_code_too(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(domain_id="shops", roles={"shops": {"admin"}}, second_factor=True)
    sign_in(client, domain="Shops")
    send(client)

    assert "Sees the domain Shops" in shown(client.get("/accounts/"))


def test_the_password_is_tried_once_and_the_code_once(
    client: Client, ada: Person, fake_keystone: FakeKeystone
) -> None:
    sign_in(client)
    send(client)

    assert fake_keystone.password_tries == {"ada": 1}
    assert fake_keystone.code_tries == {ada.id: 1}


def test_the_code_is_sent_without_the_password(
    client: Client, ada: Person, fake_keystone: FakeKeystone
) -> None:
    sign_in(client)
    fake_keystone.bodies.clear()
    send(client)

    assert ada.password not in str(fake_keystone.bodies)


# --- The way not in -----------------------------------------------------------------------------
def test_the_first_page_alone_signs_nobody_in(client: Client, ada: Person) -> None:
    sign_in(client)

    assert client.get("/accounts/")["Location"].startswith("/signin/")


def test_a_wrong_code_is_said_on_the_same_page(client: Client, ada: Person) -> None:
    sign_in(client)
    response = send(client, "654321")

    assert response.status_code == 200
    assert "Keystone refused this code." in shown(response)


def test_a_wrong_code_is_not_filled_in_again(client: Client, ada: Person) -> None:
    sign_in(client)

    assert "654321" not in send(client, "654321").content.decode()


def test_after_a_wrong_code_a_right_one_signs_in(client: Client, ada: Person) -> None:
    sign_in(client)
    send(client, "654321")

    assert send(client).status_code == 302


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "１２３４５６", "-12345"])
def test_what_is_no_code_is_not_sent_to_keystone(
    client: Client, ada: Person, fake_keystone: FakeKeystone, code: str
) -> None:
    sign_in(client)
    response = send(client, code)

    assert "Code: " in shown(response)
    assert not fake_keystone.code_tries


def test_wrong_codes_are_slowed(client: Client, ada: Person) -> None:
    sign_in(client)

    assert [send(client, "654321").status_code for _ in range(4)] == [200, 200, 200, 429]


def test_a_first_page_between_wrong_codes_gains_nothing(client: Client, ada: Person) -> None:
    for _ in range(3):
        sign_in(client)
        send(client, "654321")

    assert Throttle.objects.get().failures == 3


def test_a_right_code_does_not_count(client: Client, ada: Person) -> None:
    sign_in(client)
    send(client)

    assert Throttle.objects.get().failures == 0


def test_while_keystone_is_away_a_code_is_not_counted(
    client: Client, ada: Person, fake_keystone: FakeKeystone
) -> None:
    sign_in(client)
    fake_keystone.fail(503)
    response = send(client)

    assert response.status_code == 503
    assert Throttle.objects.get().failures == 0


def test_who_is_no_operator_is_told_so_after_the_code(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(roles={"system": {"member"}}, second_factor=True)
    sign_in(client)

    assert "is no operator" in shown(send(client))


def test_without_a_first_page_there_is_no_second(client: Client, ada: Person) -> None:
    assert client.get(PAGE)["Location"] == "/signin/"


def test_without_a_first_page_no_code_is_tried(
    client: Client, ada: Person, fake_keystone: FakeKeystone
) -> None:
    send(client)

    assert not fake_keystone.code_tries


def test_a_receipt_that_has_ended_begins_the_sign_in_anew(
    client: Client, ada: Person, clock: time_machine.Traveller
) -> None:
    sign_in(client, next="/accounts/?q=ann")
    clock.shift(timedelta(minutes=5))
    response = send(client)

    assert response["Location"] == "/signin/?next=%2Faccounts%2F%3Fq%3Dann"
    assert "That took too long" in shown(client.get(response["Location"]))


def test_a_receipt_lives_for_almost_five_minutes(
    client: Client, ada: Person, clock: time_machine.Traveller
) -> None:
    sign_in(client)
    clock.shift(timedelta(minutes=4, seconds=59))

    assert send(client)["Location"] == "/"


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ([["password", "kerberos"]], "kerberos."),
        ([["password", "totp", "x509"]], "totp and x509."),
        ([["password", "kerberos"], ["password", "x509"]], "kerberos, or x509."),
        ([], "another method than a password."),  # Keystone's word for a rule of one other method
    ],
)
def test_another_factor_than_a_code_is_named(
    client: Client, fake_keystone: FakeKeystone, factors: list[list[str]], words: str
) -> None:
    fake_keystone.person(second_factor=True, factors=factors)

    assert (
        f"The password is right, but Keystone wants more of ada (Default): {words} "
        "pciops can ask for a TOTP code alone."
    ) in shown(sign_in(client))


def test_a_code_is_asked_for_where_it_is_one_way_of_two(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(
        second_factor=True, factors=[["password", "kerberos"], ["password", "totp"]]
    )

    assert sign_in(client)["Location"] == PAGE


# --- What is kept meanwhile ---------------------------------------------------------------------
def test_neither_password_nor_receipt_can_be_read_in_the_session(
    client: Client, ada: Person, fake_keystone: FakeKeystone
) -> None:
    sign_in(client)
    row = Session.objects.get(pk=session_key(client))
    kept = f"{row.session_data} {row.get_decoded()}"

    [receipt] = fake_keystone.receipts
    assert receipt not in kept
    assert ada.password not in kept
    assert "ada" not in kept


def test_the_first_page_begins_a_new_session(client: Client, ada: Person) -> None:
    """Who planted the old key in this browser must not come to the second page with it."""
    client.session.save()
    before = session_key(client)
    sign_in(client)

    assert session_key(client) != before
    assert not Session.objects.filter(pk=before).exists()


def test_the_second_page_begins_a_new_session(client: Client, ada: Person) -> None:
    sign_in(client)
    before = session_key(client)
    send(client)

    assert session_key(client) != before
    assert not Session.objects.filter(pk=before).exists()


def test_after_the_sign_in_nothing_waits_any_more(client: Client, ada: Person) -> None:
    sign_in(client)
    send(client)

    assert "pending" not in client.session


def test_another_secret_key_begins_the_sign_in_anew(
    client: Client, ada: Person, settings: Settings
) -> None:
    sign_in(client)
    settings.SECRET_KEY = "another one that is just as long as the one that was used before"

    assert send(client)["Location"] == "/signin/"


def test_the_second_page_is_not_kept_in_any_cache(client: Client, ada: Person) -> None:
    sign_in(client)

    assert "no-store" in client.get(PAGE)["Cache-Control"]
