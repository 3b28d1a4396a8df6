"""Sessions: what is in them, and what ends them."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
import time_machine
from django.conf import settings as configured
from django.contrib.sessions.models import Session
from django.test import Client
from pytest_django import Settings

from pciops.keystone import client as keystone
from pciops.signin.models import Operator
from tests.fake_keystone import FakeKeystone, Person
from tests.signin.visit import shown, sign_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

PAGE = "/accounts/?state=locked"
TO_THE_FORM = "/signin/?next=/accounts/%3Fstate%3Dlocked"


def session_key(browser: Client) -> str:
    """The id of the session in the browser's cookie."""
    return browser.cookies[configured.SESSION_COOKIE_NAME].value


def raw(browser: Client) -> str:
    """Everything in the session's row, decoded as whoever has a copy of the table could."""
    store = import_module(configured.SESSION_ENGINE).SessionStore()
    row = Session.objects.get(pk=session_key(browser))
    return f"{row.session_key} {row.session_data} {store.decode(row.session_data)}"


def tokens(keystone: FakeKeystone) -> list[str]:
    """Every token that Keystone has issued in this test."""
    assert keystone.tokens
    return list(keystone.tokens)


# --- What is in one -----------------------------------------------------------------------------
def test_the_session_has_a_new_key_at_sign_in(
    client: Client, operator: Person, fake_keystone: FakeKeystone
) -> None:
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    before = session_key(client)
    sign_in(client)

    assert session_key(client) != before


def test_the_session_of_before_is_gone_after_sign_in(client: Client, operator: Person) -> None:
    client.session.save()
    before = session_key(client)
    sign_in(client)

    assert not Session.objects.filter(pk=before).exists()


def test_a_second_person_in_one_browser_has_nothing_of_the_first(
    site: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person("bob", domain_id="shops", roles={"shops": {"admin"}})
    sign_in(site, "bob", domain="Shops")

    assert "Sees the domain Shops" in shown(site.get(PAGE))


def test_no_token_is_in_the_session_in_clear_text(
    site: Client, fake_keystone: FakeKeystone
) -> None:
    row = raw(site)

    assert [token for token in tokens(fake_keystone) if token in row] == []


def test_the_sealed_token_is_in_the_session(site: Client) -> None:
    assert "'token': 'gAAAAA" in raw(site)  # how every text sealed by Fernet begins


def test_no_password_is_in_the_session(site: Client, operator: Person) -> None:
    assert operator.password not in raw(site)


def test_no_token_is_in_a_cookie(site: Client, fake_keystone: FakeKeystone) -> None:
    cookies = site.cookies.output()

    assert [token for token in tokens(fake_keystone) if token in cookies] == []


def test_no_token_is_on_a_page(site: Client, fake_keystone: FakeKeystone) -> None:
    page = site.get(PAGE)
    sent = page.content.decode() + str(page.headers)

    assert [token for token in tokens(fake_keystone) if token in sent] == []


def test_no_token_is_in_the_table_of_operators(site: Client, fake_keystone: FakeKeystone) -> None:
    row = str(Operator.objects.values().get())

    assert [token for token in tokens(fake_keystone) if token in row] == []


def test_a_token_is_not_in_its_own_description(operator: Person) -> None:
    token = keystone.authenticate("ada", "right horse", "Default")

    assert token.id not in repr(token)


# --- What ends one ------------------------------------------------------------------------------
def test_signing_out_ends_the_session(site: Client) -> None:
    site.post("/signout/")

    assert site.get(PAGE)["Location"] == TO_THE_FORM


def test_a_copied_cookie_is_worth_nothing_after_signing_out(site: Client) -> None:
    thief = Client()
    thief.cookies[configured.SESSION_COOKIE_NAME] = session_key(site)
    site.post("/signout/")

    assert thief.get(PAGE).status_code == 302


def test_signing_out_leads_to_the_form(site: Client) -> None:
    assert site.post("/signout/")["Location"] == "/signin/"


def test_signing_out_of_a_session_that_has_ended_leads_to_the_form_alone(
    site: Client, clock: time_machine.Traveller
) -> None:
    """And not, by way of the form, back to an address that only takes POST."""
    clock.shift(timedelta(minutes=16))

    assert site.post("/signout/")["Location"] == "/signin/"


def test_the_form_is_shown_to_whose_token_has_ended(
    site: Client, clock: time_machine.Traveller
) -> None:
    for _ in range(6):  # 60 minutes, never idle for 15
        clock.shift(timedelta(minutes=10))
        site.get("/signin/")

    assert "Sign in to OpenStack" in shown(site.get("/signin/", follow=True))


def test_nobody_is_signed_out_by_a_link(site: Client) -> None:
    assert site.get("/signout/").status_code == 405


def test_the_session_lives_as_long_as_the_token(
    site: Client, clock: time_machine.Traveller, fake_keystone: FakeKeystone
) -> None:
    for _ in range(5):  # 55 of 60 minutes, never idle for 15
        clock.shift(timedelta(minutes=11))
        last = site.get(PAGE)

    assert last.status_code == 200


def test_the_session_ends_with_the_token(
    site: Client, clock: time_machine.Traveller, fake_keystone: FakeKeystone
) -> None:
    for _ in range(6):  # 60 minutes, never idle for 15
        clock.shift(timedelta(minutes=10))
        last = site.get(PAGE)

    assert last["Location"] == TO_THE_FORM


def test_the_session_ends_after_fifteen_idle_minutes(
    site: Client, clock: time_machine.Traveller
) -> None:
    clock.shift(timedelta(minutes=15, seconds=1))

    assert site.get(PAGE)["Location"] == TO_THE_FORM


def test_the_session_lives_through_almost_fifteen_idle_minutes(
    site: Client, clock: time_machine.Traveller
) -> None:
    clock.shift(timedelta(minutes=14, seconds=59))

    assert site.get(PAGE).status_code == 200


def test_the_cookie_lives_for_fifteen_minutes(client: Client, operator: Person) -> None:
    sign_in(client)

    assert client.cookies[configured.SESSION_COOKIE_NAME]["max-age"] == 900


def test_the_cookie_is_renewed_by_every_request(site: Client) -> None:
    site.cookies[configured.SESSION_COOKIE_NAME]["max-age"] = 1
    site.get(PAGE)

    assert site.cookies[configured.SESSION_COOKIE_NAME]["max-age"] == 900


@pytest.mark.parametrize(("attribute", "value"), [("httponly", True), ("samesite", "Lax")])
def test_the_cookie_is_kept_from_scripts_and_other_sites(
    site: Client, attribute: str, value: Any
) -> None:
    assert site.cookies[configured.SESSION_COOKIE_NAME][attribute] == value


def test_a_new_secret_key_ends_every_session(site: Client, settings: Settings) -> None:
    settings.SECRET_KEY = "another one that is just as long as the one that was used before"

    assert site.get(PAGE)["Location"] == TO_THE_FORM


def test_an_operator_whose_row_is_gone_is_signed_out(site: Client) -> None:
    Operator.objects.all().delete()

    assert site.get(PAGE)["Location"] == TO_THE_FORM


def test_a_session_without_a_token_is_none(site: Client) -> None:
    session = site.session
    del session["keystone"]
    session.save()

    assert site.get(PAGE)["Location"] == TO_THE_FORM
