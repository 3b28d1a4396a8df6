"""The second page of a sign-in: a TOTP code, if Keystone's rules want one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from pciops.audit.models import Event
from pciops.lib.env import MailServer
from pciops.notices.models import OperatorMail
from pciops.signin.models import StoredSession, Throttle
from pciops.signin.session_store import contents, row_key
from tests.factories import make_user
from tests.fake_keystone import FakeKeystone, Person
from tests.signin.visit import Response, session_key, shown, sign_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

PAGE = "/signin/code/"


@pytest.fixture
def ada(fake_keystone: FakeKeystone) -> Person:
    """An administrator whose device shows 123456."""
    return fake_keystone.person(second_factor=True)


def send(client: Client, code: str = "123456") -> Response:
    """Send the second page."""
    return client.post(PAGE, {"passcode": code})


# --- Success ------------------------------------------------------------------------------------
def test_right_password_leads_to_the_second_page(client: Client, ada: Person) -> None:
    response = sign_in(client)
    assert (response.status_code, response["Location"]) == (302, PAGE)

    page = client.get(PAGE)
    assert "ada ( Default )" in shown(page)
    assert "no-store" in page["Cache-Control"]
    widget = page.context["form"].fields["passcode"].widget
    assert (widget.attrs["autocomplete"], widget.attrs["inputmode"]) == ("one-time-code", "numeric")


@pytest.mark.parametrize("code", ["123456", "123 456", " 123456 ", "123\u00a0456"])
def test_right_code_signs_in(client: Client, ada: Person, code: str) -> None:
    sign_in(client, next="/accounts/?q=ann")

    assert send(client, code)["Location"] == "/accounts/?q=ann"
    assert "Entire cloud An" in shown(client.get("/accounts/"))
    assert "pending" not in client.session


def test_administrator_of_a_domain_signs_in_with_a_code(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(domain_id="shops", roles={"shops": {"admin"}}, second_factor=True)
    sign_in(client, domain="Shops")
    send(client)

    assert "Domain Shops An" in shown(client.get("/accounts/"))


def test_code_is_sent_once_without_the_password_and_does_not_count(
    client: Client, ada: Person, fake_keystone: FakeKeystone
) -> None:
    sign_in(client)
    fake_keystone.bodies.clear()
    send(client)

    assert ada.password not in str(fake_keystone.bodies)
    assert fake_keystone.password_tries == {"ada": 1}
    assert fake_keystone.code_tries == {ada.id: 1}
    assert {row.failures for row in Throttle.objects.all()} == {0}


# --- Refusals -----------------------------------------------------------------------------------
def test_first_page_alone_signs_nobody_in(client: Client, ada: Person) -> None:
    sign_in(client)

    assert client.get("/accounts/")["Location"].startswith("/signin/")


def test_wrong_code_is_refused_on_the_same_page(client: Client, ada: Person) -> None:
    sign_in(client)
    response = send(client, "654321")

    assert response.status_code == 200
    assert "Keystone refused this code" in shown(response)
    assert "654321" not in response.content.decode()
    assert send(client).status_code == 302


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "１２３４５６", "-12345"])
def test_malformed_code_is_not_sent_to_keystone(
    client: Client, ada: Person, fake_keystone: FakeKeystone, code: str
) -> None:
    sign_in(client)

    assert send(client, code).context["form"].errors.keys() == {"passcode"}
    assert not fake_keystone.code_tries


def test_wrong_codes_are_throttled(client: Client, ada: Person) -> None:
    sign_in(client)

    assert [send(client, "654321").status_code for _ in range(3)] == [200, 200, 429]


def test_first_pages_between_wrong_codes_do_not_reset_the_throttle(
    client: Client, ada: Person
) -> None:
    for _ in range(2):
        sign_in(client)
        send(client, "654321")

    assert Throttle.objects.get(address="127.0.0.1").failures == 2


def test_code_is_not_counted_during_an_outage(
    client: Client, ada: Person, fake_keystone: FakeKeystone
) -> None:
    sign_in(client)
    fake_keystone.fail(503)

    assert send(client).status_code == 503
    assert {row.failures for row in Throttle.objects.all()} == {0}
    fake_keystone.broken = None
    assert send(client).status_code == 302  # the code was not used up


def test_person_without_a_role_is_told_so_after_the_code(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(roles={"system": {"member"}}, second_factor=True)
    sign_in(client)

    assert "is not an operator" in shown(send(client))


def test_without_the_first_page_no_code_is_asked_for(
    client: Client, ada: Person, fake_keystone: FakeKeystone
) -> None:
    assert client.get(PAGE)["Location"] == "/signin/"
    assert send(client)["Location"] == "/signin/"
    assert not fake_keystone.code_tries


def test_receipt_lives_for_five_minutes(
    client: Client, ada: Person, clock: time_machine.Traveller
) -> None:
    sign_in(client)
    clock.shift(timedelta(minutes=4, seconds=59))
    assert send(client)["Location"] == "/"

    sign_in(client, next="/accounts/?q=ann")
    clock.shift(timedelta(minutes=5))
    response = send(client, "654321")
    assert response["Location"] == "/signin/?next=%2Faccounts%2F%3Fq%3Dann"
    assert "took too long" in shown(client.get(response["Location"]))


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ([["password", "kerberos"]], "kerberos"),
        ([["password", "totp", "x509"]], "totp and x509"),
        ([["password", "kerberos"], ["password", "x509"]], "kerberos, or x509"),
        ([], "another method than a password"),  # Keystone's answer to a rule of one other method
    ],
)
def test_other_factors_are_named(
    client: Client, fake_keystone: FakeKeystone, factors: list[list[str]], words: str
) -> None:
    fake_keystone.person(second_factor=True, factors=factors)

    assert f"Keystone also requires {words} for ada (Default)." in shown(sign_in(client))


def test_code_is_asked_for_if_it_is_one_of_two_ways(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person(
        second_factor=True, factors=[["password", "kerberos"], ["password", "totp"]]
    )

    assert sign_in(client)["Location"] == PAGE


# --- Guessing -----------------------------------------------------------------------------------
def guess(browser: Client, number: int, code: str = "") -> int:
    """Send a code from one of many addresses, and return the status."""
    fields = {"passcode": code or f"{number:06}"}
    return browser.post(PAGE, fields, REMOTE_ADDR=f"198.51.100.{number}").status_code


def test_five_wrong_codes_end_the_receipt_whatever_their_addresses(
    client: Client, ada: Person, fake_keystone: FakeKeystone
) -> None:
    sign_in(client)
    statuses = [guess(client, number) for number in range(60)]
    right = client.post(PAGE, {"passcode": ada.code}, REMOTE_ADDR="203.0.113.9")

    assert statuses[:5] == [200] * 4 + [302]
    assert fake_keystone.code_tries == {ada.id: 5}
    assert right["Location"] == "/signin/"
    assert client.get("/accounts/").status_code == 302


def test_receipt_stays_ended_for_a_copy_of_the_session(client: Client, ada: Person) -> None:
    sign_in(client)
    [row] = StoredSession.objects.filter(operator_id="")
    waiting = row.session_data
    for number in range(5):
        guess(client, number)
    StoredSession.objects.filter(pk=row.pk).update(session_data=waiting)

    assert guess(client, 9, ada.code) == 302
    assert client.get("/accounts/").status_code == 302


def test_account_waits_after_five_wrong_codes_whatever_address_and_receipt(
    ada: Person, fake_keystone: FakeKeystone, clock: time_machine.Traveller
) -> None:
    def attack(number: int) -> int:
        browser = Client()
        sign_in(browser, REMOTE_ADDR=f"198.51.100.{number}")
        return guess(browser, number)

    assert [attack(number) for number in range(1, 8)] == [*[200] * 5, 429, 429]
    clock.shift(timedelta(seconds=10))
    assert [attack(number) for number in range(11, 14)] == [200, 429, 429]
    clock.shift(timedelta(hours=2))  # a pause does not begin anew
    assert [attack(number) for number in range(21, 24)] == [200, 429, 429]
    assert fake_keystone.code_tries == {ada.id: 7}


def test_stranger_without_the_password_makes_no_account_wait(
    client: Client, ada: Person, clock: time_machine.Traveller
) -> None:
    for number in range(30):
        browser = Client()
        sign_in(browser, password="wrong", REMOTE_ADDR=f"198.51.100.{number}")
        guess(browser, number)
    sign_in(client)

    assert send(client)["Location"] == "/"


def test_code_signs_in_once(ada: Person, fake_keystone: FakeKeystone) -> None:
    owner, thief = Client(), Client()
    sign_in(owner)
    sign_in(thief, REMOTE_ADDR="198.51.100.1")

    assert send(owner)["Location"] == "/"
    asked = fake_keystone.code_tries[ada.id]
    assert "This code was used before" in shown(send(thief))
    assert fake_keystone.code_tries[ada.id] == asked
    assert thief.get("/accounts/").status_code == 302
    remarks = Event.objects.values_list("remark", flat=True)
    assert "refused: the code was used before" in remarks


def test_same_code_of_another_account_or_later_is_not_used(
    ada: Person, fake_keystone: FakeKeystone, clock: time_machine.Traveller
) -> None:
    fake_keystone.person("bob", second_factor=True)
    for name in ("ada", "bob"):
        browser = Client()
        sign_in(browser, name)
        assert send(browser)["Location"] == "/"

    clock.shift(timedelta(minutes=11))
    browser = Client()
    sign_in(browser)
    assert send(browser)["Location"] == "/"


@pytest.mark.parametrize(
    ("rules", "subject"),
    [
        ("", "Wrong one-time codes for your account"),
        ('[Default]\nlanguage = "de"', "Falsche Einmalcodes"),
        ("[Default", "Wrong one-time codes for your account"),
    ],
    ids=["English", "German", "invalid file"],
)
def test_owner_is_emailed_once_an_hour_in_the_language_of_the_domain(
    ada: Person,
    settings: Settings,
    clock: time_machine.Traveller,
    tmp_path: Path,
    rules: str,
    subject: str,
) -> None:
    settings.MAIL_SERVER, settings.MAIL_FROM = MailServer(folder="/nowhere"), "p@cloud.example"
    path = tmp_path / "domains.toml"
    path.write_text(rules)
    settings.NOTICE_DOMAINS = str(path)
    extra = '{"email": "ada@cloud.example"}'
    make_user("ada <b>", user_id=ada.id, extra=extra)
    for _ in range(2):
        browser = Client()
        sign_in(browser)
        for number in range(5):
            guess(browser, number)
        clock.shift(timedelta(minutes=10))

    mail = OperatorMail.objects.get()
    assert mail.to == "ada@cloud.example"
    assert mail.subject.startswith(subject)
    text = bytes(mail.content).decode()
    assert "198.51.100.4" in text
    assert "<b>" not in text.partition("text/html")[2]


# --- The session --------------------------------------------------------------------------------
def test_session_hides_password_name_and_receipt(
    client: Client, ada: Person, fake_keystone: FakeKeystone
) -> None:
    sign_in(client)
    row = StoredSession.objects.get(pk=row_key(session_key(client)))
    stored = f"{row.session_data} {contents(row)}"
    assert "pending" in stored

    [receipt] = fake_keystone.receipts
    assert [secret for secret in (receipt, ada.password, "ada") if secret in stored] == []


def test_each_page_begins_a_new_session(client: Client, ada: Person) -> None:
    client.session.save()
    planted = session_key(client)
    sign_in(client)
    waiting = session_key(client)
    send(client)

    assert len({planted, waiting, session_key(client)}) == 3
    assert not StoredSession.objects.filter(pk__in=map(row_key, [planted, waiting])).exists()


def test_another_secret_key_ends_the_sign_in(
    client: Client, ada: Person, settings: Settings
) -> None:
    sign_in(client)
    settings.SECRET_KEY = "another one that is just as long as the one that was used before"

    assert send(client)["Location"] == "/signin/"
