"""What every page has in common: who may see it, its headers, its errors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from pciops.events.intake.consumer import SessionRecorder
from tests.factories import make_user
from tests.fake_keystone import FakeKeystone, Person
from tests.signin.visit import shown, signed_in

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

TEMPLATES = sorted((configured.ROOT / "templates").rglob("*.html"))
MAILS = {path for path in TEMPLATES if {"digest", "mail"} & {*path.parts}}  # no policy of ours
CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PAGES = [
    "/",
    "/accounts/",
    "/accounts/?state=locked",
    "/accounts/abc/",
    "/accounts/abc/unlock/",
    "/policy/",
]
PUBLIC = ["/signin/", "/healthz", "/readyz", "/nowhere/", "/api/v1/accounts"]


# --- Who may see it -----------------------------------------------------------------------------
@pytest.mark.parametrize("page", PAGES)
def test_a_page_sends_a_stranger_to_the_form(client: Client, page: str) -> None:
    response = client.get(page)

    assert response.status_code == 302
    assert response["Location"].startswith("/signin/?next=/")


@pytest.mark.parametrize("page", ["/accounts/abc/unlock/", "/signout/"])
def test_a_stranger_does_nothing(client: Client, page: str) -> None:
    response = client.post(page, {"reason": "why not", "identity": "callback", "seen": "3@"})

    assert response.status_code == 302
    assert response["Location"].startswith("/signin/")


def test_a_page_says_who_is_signed_in(site: Client) -> None:
    assert "ada · Default" in shown(site.get("/accounts/"))


def test_a_page_says_of_which_cloud_it_is(site: Client, settings: Settings) -> None:
    settings.CLOUD_NAME = "Cloud <7>"

    assert "Cloud &lt;7&gt;" in site.get("/accounts/").content.decode()


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
@pytest.mark.parametrize("page", ["/", "/accounts/", "/accounts/abc/", "/policy/"])
def test_a_page_that_only_shows_takes_nothing(site: Client, page: str, method: str) -> None:
    assert getattr(site, method)(page).status_code == 405


# --- Headers ------------------------------------------------------------------------------------
@pytest.mark.parametrize("page", [*PAGES, *PUBLIC])
def test_every_answer_has_the_content_security_policy(site: Client, page: str) -> None:
    assert site.get(page)["Content-Security-Policy"] == CSP


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ],
)
def test_every_page_has_the_headers_of_security(site: Client, header: str, value: str) -> None:
    assert site.get("/accounts/")[header] == value


@pytest.mark.parametrize("page", ["/accounts/", "/accounts/{}/", "/accounts/{}/unlock/"])
def test_no_page_with_accounts_is_kept_in_a_cache(site: Client, page: str) -> None:
    user = make_user()

    assert "no-store" in site.get(page.format(user.id))["Cache-Control"]


@pytest.mark.parametrize(
    "path", sorted({*TEMPLATES} - MAILS), ids=lambda path: "/".join(path.parts[-3:])
)
def test_no_template_has_style_or_script_that_the_policy_forbids(path: Path) -> None:
    inline = r"<style|<script(?![^>]*\ssrc=)|\sstyle\s*=|\son[a-z]+\s*=|javascript:"

    assert re.findall(inline, path.read_text(encoding="utf-8"), re.IGNORECASE) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: "/".join(path.parts[-3:]))
def test_no_template_loads_anything_from_another_site(path: Path) -> None:
    assert re.findall(r"https?://|[\"']//", path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: "/".join(path.parts[-3:]))
def test_no_template_turns_escaping_off(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert re.findall(r"\|\s*safe|autoescape|safeseq|mark_safe", text) == []


def test_there_are_templates_to_look_at() -> None:
    assert len(TEMPLATES) > 8


# --- Errors -------------------------------------------------------------------------------------
def test_an_address_that_leads_nowhere_says_so(site: Client) -> None:
    response = site.get("/nowhere/")

    assert response.status_code == 404
    assert "There is no such page." in shown(response)


@pytest.mark.parametrize("page", ["/nowhere/", "/accounts/nobody/", "/accounts/nobody/unlock/"])
def test_a_page_that_is_not_found_offers_the_search(site: Client, page: str) -> None:
    response = site.get(page)

    assert response.status_code == 404
    assert '<input id="q" name="q" type="search"' in response.content.decode()


def test_an_unknown_account_is_not_found_by_its_id(site: Client) -> None:
    assert "There is no account with this id. Look for it by name." in shown(
        site.get("/accounts/nobody/")
    )


@pytest.mark.parametrize(
    "user_id", ["%00", "..%2f..", "%F0%9F%92%A9", "a" * 2000, "%FF%FE", "'; DROP TABLE user;--"]
)
def test_an_id_that_nobody_can_have_is_not_found(site: Client, user_id: str) -> None:
    assert site.get(f"/accounts/{user_id}/").status_code == 404


def test_a_stranger_who_is_lost_is_offered_the_form(client: Client) -> None:
    response = client.get("/nowhere/")

    assert response.status_code == 404
    assert '<a href="/signin/">Sign in</a>' in response.content.decode()


def test_a_form_without_its_csrf_token_is_refused_with_a_sentence(operator: Person) -> None:
    browser = Client(enforce_csrf_checks=True)
    response = browser.post("/signin/", {"name": "ada", "password": "x", "domain": "Default"})

    assert response.status_code == 403
    assert "The form was open for too long, or came from another site. Nothing was changed." in (
        shown(response)
    )


def test_a_form_with_its_csrf_token_is_taken(operator: Person) -> None:
    browser = Client(enforce_csrf_checks=True)
    page = browser.get("/signin/").content.decode()
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    fields = {"name": "ada", "password": operator.password, "domain": "Default"}

    assert found
    assert browser.post("/signin/", {**fields, "csrfmiddlewaretoken": found[1]}).status_code == 302


def test_another_name_of_the_host_is_refused_without_a_traceback(client: Client) -> None:
    response = client.get("/signin/", headers={"Host": "evil.example"})

    assert response.status_code == 400
    assert "The request could not be read:" in shown(response)


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_a_form_that_is_too_large_is_refused_without_a_traceback(
    client: Client, content_type: str
) -> None:
    value = "x" * 70_000
    part = f'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n{value}\r\n--x--\r\n'
    body = part if content_type.startswith("multipart") else f"name={value}"
    response = client.post("/signin/", body, content_type=content_type)

    assert response.status_code == 400
    assert "The request could not be read:" in shown(response)


# --- Health -------------------------------------------------------------------------------------
def test_healthz_says_ok_to_a_stranger(client: Client) -> None:
    response = client.get("/healthz")

    assert (response.status_code, response.content) == (200, b"ok\n")


def test_healthz_says_ok_while_keystone_is_down(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.fail()

    assert client.get("/healthz").status_code == 200


def test_readyz_says_that_everything_answers(client: Client, fake_keystone: FakeKeystone) -> None:
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "database": "ok",
        "keystone_database": "ok",
        "keystone": "ok",
    }


def test_readyz_says_that_no_notifications_come_and_is_ready_all_the_same(
    client: Client, fake_keystone: FakeKeystone, settings: Settings
) -> None:
    settings.NOTIFICATIONS_URLS = ["amqp://rabbit.example//"]
    before = client.get("/readyz")
    SessionRecorder().connect(timezone.now())
    after = client.get("/readyz")

    assert (before.status_code, before.json()["notifications"]) == (200, "no news yet")
    assert (after.status_code, after.json()["notifications"]) == (200, "ok")


def test_readyz_says_that_keystones_api_is_down(
    client: Client, fake_keystone: FakeKeystone
) -> None:
    fake_keystone.fail(503)
    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json() == {
        "database": "ok",
        "keystone_database": "ok",
        "keystone": "no answer",
    }


# --- Scope --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "page"),
    [
        ("get", "/accounts/{}/"),
        ("get", "/accounts/{}/unlock/"),
        ("post", "/accounts/{}/unlock/"),
    ],
)
def test_an_account_of_another_domain_does_not_exist_for_an_operator_of_one(
    fake_keystone: FakeKeystone, clock: object, method: str, page: str
) -> None:
    keeper = fake_keystone.person("keeper", domain_id="shops", roles={"shops": {"admin"}})
    foreign = make_user(domain_id="payments", failed_auth_count=3)
    fields = {"reason": "please", "identity": "callback", "seen": "3@"}

    response = getattr(signed_in(keeper), method)(page.format(foreign.id), fields)

    assert response.status_code == 404
    assert "There is no account with this id." in shown(response)
