"""Sessions: their contents, and what ends them."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.conf import settings as configured
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from pciops.audit.models import Event
from pciops.keystone import client as keystone
from pciops.signin.models import Operator, StoredSession
from pciops.signin.session_store import contents, row_key
from pciops.signin.sessions import seal, unseal
from pciops.signin.tasks import clear_sessions
from tests.fake_keystone import FakeKeystone, Person
from tests.signin.visit import session_key, shown, sign_in, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

PAGE = "/accounts/?state=locked"
FORM = "/signin/?next=/accounts/%3Fstate%3Dlocked"
ANOTHER_KEY = "another one that is just as long as the one that was used before"


def raw(browser: Client) -> str:
    """Return the session's row, decoded as the holder of a copy of the table could."""
    row = StoredSession.objects.get(pk=row_key(session_key(browser)))
    return f"{row.session_key} {row.session_data} {contents(row)}"


# --- Contents -----------------------------------------------------------------------------------
def test_sign_in_begins_a_new_session(client: Client, operator: Person) -> None:
    session = client.session
    session["planted"] = "by an attacker"
    session.save()
    before = session_key(client)
    sign_in(client)

    assert session_key(client) != before
    assert "planted" not in client.session
    assert not StoredSession.objects.filter(pk=row_key(before)).exists()


def test_second_person_in_a_browser_gets_nothing_of_the_first(
    site: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person("bob", domain_id="shops", roles={"shops": {"admin"}})
    sign_in(site, "bob", domain="Shops")

    assert "Domain Shops An" in shown(site.get(PAGE))


def test_tokens_and_passwords_are_only_in_sealed_form(
    site: Client, operator: Person, fake_keystone: FakeKeystone
) -> None:
    page = site.get(PAGE)
    places = [
        raw(site),
        site.cookies.output(),
        page.content.decode() + str(page.headers),
        str(Operator.objects.values().get()),
    ]
    secrets = [*fake_keystone.tokens, operator.password]

    assert len(secrets) > 1
    assert [secret for secret in secrets for place in places if secret in place] == []
    assert "'token': 'gAAAAA" in places[0]  # the beginning of every text sealed by Fernet


def test_token_is_not_in_its_repr(operator: Person) -> None:
    token = keystone.authenticate("ada", "right horse", "Default")

    assert token.id not in repr(token)


def test_cookie_is_hidden_from_scripts_and_other_sites(site: Client) -> None:
    cookie = site.cookies[configured.SESSION_COOKIE_NAME]

    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 900)


@pytest.mark.parametrize(
    ("seconds", "renewed"), [(0, False), (29, False), (30, True), (600, True), (-1, True)]
)
def test_request_renews_the_session_unless_the_last_one_just_did(
    site: Client, clock: time_machine.Traveller, seconds: int, renewed: bool
) -> None:
    site.cookies[configured.SESSION_COOKIE_NAME]["max-age"] = 1
    before = StoredSession.objects.get().expire_date
    clock.shift(timedelta(seconds=seconds))
    site.get(PAGE)
    shift = timedelta(seconds=seconds if renewed else 0)

    assert site.cookies[configured.SESSION_COOKIE_NAME]["max-age"] == (900 if renewed else 1)
    assert StoredSession.objects.get().expire_date == before + shift


# --- A copy of the database -----------------------------------------------------------------------
def test_no_key_in_the_table_is_accepted_as_a_cookie(site: Client) -> None:
    thief = Client()
    for row in StoredSession.objects.all():
        thief.cookies[configured.SESSION_COOKIE_NAME] = row.pk

        assert thief.get(PAGE)["Location"] == FORM
    assert session_key(site) not in raw(site)


def test_contents_moved_to_another_row_open_no_session(
    site: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.person("bob", domain_id="shops", roles={"shops": {"reader"}})
    thief = Client()
    sign_in(thief, "bob", domain="Shops")
    of_ada = StoredSession.objects.get(pk=row_key(session_key(site)))
    StoredSession.objects.filter(pk=row_key(session_key(thief))).update(
        session_data=of_ada.session_data, operator_id=of_ada.operator_id, domain_id=""
    )

    assert thief.get(PAGE)["Location"] == FORM


# --- Keystone's confirmation ----------------------------------------------------------------------
MINUTE = timedelta(minutes=1)
VALIDATE = "GET /v3/auth/tokens"
EXPORT = "/accounts/export?format=csv"


def lose(fake_keystone: FakeKeystone, person: Person, how: str) -> None:
    """Let Keystone take the operator's rights away."""
    if how == "deleted":
        fake_keystone.revoke(person)
    elif how == "demoted":
        person.roles["system"] = {"reader"}
    else:
        person.roles["system"] = set()


@pytest.mark.parametrize("how", ["deleted", "demoted", "without roles"])
def test_operator_who_lost_the_rights_reads_for_at_most_a_minute(
    site: Client,
    operator: Person,
    fake_keystone: FakeKeystone,
    clock: time_machine.Traveller,
    how: str,
) -> None:
    lose(fake_keystone, operator, how)
    clock.shift(timedelta(seconds=59))
    assert site.get(PAGE).status_code == 200

    clock.shift(timedelta(seconds=1))
    response = site.get(PAGE)
    assert response["Location"] == FORM
    assert "You are signed out" in shown(site.get(FORM))
    row = Event.objects.order_by("-position")[0]
    assert (row.action, row.initiator_name) == ("authenticate/logout", "ada")
    assert "GET /accounts/" in row.remark


@pytest.mark.parametrize("how", ["deleted", "demoted", "without roles"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", EXPORT),
        ("get", "/activity/export?format=json"),
        ("get", "/audit/export?format=csv"),
        ("get", "/exemptions/export?format=csv"),
        ("get", "/reports/"),
        ("get", "/reports/2026-W46/export?format=pdf"),
        ("post", "/scope/"),
        ("post", "/notices/digest/sample/"),
        ("post", "/reports/2026-W46/again/"),
        ("post", "/sessions/unknown/end/"),
    ],
)
def test_exports_reports_and_acts_end_with_the_rights(
    site: Client, operator: Person, fake_keystone: FakeKeystone, how: str, method: str, path: str
) -> None:
    lose(fake_keystone, operator, how)
    response = getattr(site, method)(path)

    assert (response.status_code, response["Location"][:9]) == (302, "/signin/?")
    assert not Event.objects.filter(action__startswith="read").exists()


def test_pages_of_a_minute_ask_keystone_once(
    site: Client, fake_keystone: FakeKeystone, clock: time_machine.Traveller
) -> None:
    asked = fake_keystone.asked[VALIDATE]
    for _ in range(5):
        site.get(PAGE)
    assert fake_keystone.asked[VALIDATE] == asked

    clock.shift(MINUTE)
    for _ in range(5):
        site.get(PAGE)
    assert fake_keystone.asked[VALIDATE] == asked + 1


def test_outage_of_keystone_leaves_pages_for_fifteen_minutes(
    site: Client, fake_keystone: FakeKeystone, clock: time_machine.Traveller
) -> None:
    fake_keystone.fail(503)
    clock.shift(MINUTE)
    page = site.get(PAGE)
    assert page.status_code == 200
    assert "Keystone doesn't answer" in shown(page)
    asked = fake_keystone.asked[VALIDATE]
    site.get(PAGE)
    assert fake_keystone.asked[VALIDATE] == asked  # not again within ten seconds

    clock.shift(13 * MINUTE)
    assert site.get(PAGE).status_code == 200
    clock.shift(MINUTE)
    assert site.get(PAGE).status_code == 503

    fake_keystone.broken = None
    page = site.get(PAGE)
    assert page.status_code == 200
    assert "Keystone doesn't answer" not in shown(page)


@pytest.mark.parametrize("path", [EXPORT, "/reports/"])
def test_outage_of_keystone_stops_exports_and_reports(
    site: Client, fake_keystone: FakeKeystone, path: str
) -> None:
    fake_keystone.fail(503)

    response = site.get(path)
    assert response.status_code == 503
    assert "Your rights can't be confirmed" in shown(response)


# --- Its end ------------------------------------------------------------------------------------
def test_signing_out_ends_the_session(site: Client) -> None:
    thief = Client()
    thief.cookies[configured.SESSION_COOKIE_NAME] = session_key(site)

    assert site.post("/signout/")["Location"] == "/signin/"
    assert site.get(PAGE)["Location"] == FORM
    assert thief.get(PAGE).status_code == 302


def test_signing_out_of_an_ended_session_does_not_redirect_back(
    site: Client, clock: time_machine.Traveller
) -> None:
    """The URL only takes POST, so the form must not lead to it."""
    clock.shift(timedelta(minutes=16))

    assert site.post("/signout/")["Location"] == "/signin/"


def test_signing_out_revokes_the_tokens_of_the_session(
    fake_keystone: FakeKeystone, clock: time_machine.Traveller
) -> None:
    person = fake_keystone.person(roles={"system": {"reader"}, "default": {"admin"}})
    site = signed_in(person)
    in_session = [token for token, issued in fake_keystone.tokens.items() if issued.scope]
    site.post("/signout/")

    assert len(in_session) == 2
    assert not set(in_session) & set(fake_keystone.tokens)
    assert fake_keystone.asked["DELETE /v3/auth/tokens"] == 2


def test_signing_out_works_while_keystone_is_down(
    site: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.fail(503)

    assert site.post("/signout/")["Location"] == "/signin/"
    assert site.get(PAGE)["Location"] == FORM


def test_link_does_not_sign_out(site: Client) -> None:
    assert site.get("/signout/")["Location"] == "/"
    assert site.get("/").status_code == 200


def test_form_is_shown_after_the_token_has_ended(
    site: Client, clock: time_machine.Traveller
) -> None:
    for _ in range(6):  # 60 minutes, never idle for 15
        clock.shift(timedelta(minutes=10))
        site.get("/signin/")

    assert "Sign in to OpenStack" in shown(site.get("/signin/", follow=True))


@pytest.mark.parametrize(
    ("requests", "step", "alive"),
    [
        (5, timedelta(minutes=11), True),  # 55 minutes, never idle for 15
        (6, timedelta(minutes=10), False),  # the token ends after 60
        (1, timedelta(minutes=14, seconds=59), True),
        (1, timedelta(minutes=15, seconds=1), False),
    ],
    ids=["token lives", "token ended", "idle", "idle too long"],
)
def test_session_ends_with_its_token_or_after_fifteen_idle_minutes(
    site: Client, clock: time_machine.Traveller, requests: int, step: timedelta, alive: bool
) -> None:
    for _ in range(requests):
        clock.shift(step)
        response = site.get(PAGE)

    assert response.status_code == (200 if alive else 302)
    assert alive or response["Location"] == FORM


def test_new_secret_key_ends_every_session(site: Client, settings: Settings) -> None:
    settings.SECRET_KEY = ANOTHER_KEY

    assert site.get(PAGE)["Location"] == FORM


def test_deleted_operator_is_signed_out(site: Client) -> None:
    Operator.objects.all().delete()

    assert site.get(PAGE)["Location"] == FORM


def test_session_without_a_token_is_ended(site: Client) -> None:
    session = site.session
    del session["keystone"]
    session.save()

    assert site.get(PAGE)["Location"] == FORM


# --- The seal -----------------------------------------------------------------------------------
def test_sealed_text_can_be_unsealed_and_not_read() -> None:
    sealed = seal("gAAAAA a token")

    assert unseal(sealed) == "gAAAAA a token"
    assert "a token" not in sealed
    assert seal("gAAAAA a token") != sealed


def test_another_key_unseals_nothing(settings: Settings) -> None:
    sealed = seal("a token")
    settings.SECRET_KEY = ANOTHER_KEY

    assert unseal(sealed) is None


@pytest.mark.parametrize("position", [0, 10, 40, -20])
def test_altered_seal_is_broken(position: int) -> None:
    sealed = list(seal("a token"))
    sealed[position] = "A" if sealed[position] != "A" else "B"

    assert unseal("".join(sealed)) is None


@pytest.mark.parametrize("text", ["", "a", "gAAAAA", "ünsinn", "\0"])
def test_text_that_was_never_sealed_is_none(text: str) -> None:
    assert unseal(text) is None


def test_only_sessions_that_have_ended_are_cleared() -> None:
    now = timezone.now()
    for key, minutes in (("ended", -1), ("open", 1)):
        StoredSession.objects.create(
            session_key=key, seen_at=now, expire_date=now + timedelta(minutes=minutes)
        )
    clear_sessions()

    assert list(StoredSession.objects.values_list("pk", flat=True)) == ["open"]
