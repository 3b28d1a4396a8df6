"""What all pages have in common: sign-in, headers, templates, errors, and scope."""

from __future__ import annotations

import re

import pytest
from django.conf import settings as configured
from django.test import Client
from pytest_django import Settings

from tests.factories import make_user
from tests.fake_keystone import Person
from tests.signin.visit import shown

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

TEMPLATES = {
    path: path.read_text(encoding="utf-8")
    for path in sorted((configured.ROOT / "templates").rglob("*.html"))
}
CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
PAGES = [
    "/",
    "/accounts/",
    "/accounts/?state=locked",
    "/accounts/abc/",
    "/accounts/abc/unlock/",
    "/policy/",
]
PUBLIC = ["/signin/", "/healthz", "/readyz", "/nowhere/", "/api/v1/accounts"]


# --- Sign-in ------------------------------------------------------------------------------------
def test_without_sign_in_every_page_redirects_to_the_form(client: Client) -> None:
    fields = {"reason": "why not", "identity": "callback", "seen": "3@"}
    answers = [client.get(url) for url in PAGES]
    answers += [client.post(url, fields) for url in ("/accounts/abc/unlock/", "/signout/")]

    assert {answer.status_code for answer in answers} == {302}
    assert all(answer["Location"].startswith("/signin/") for answer in answers)
    assert all(answer["Location"].startswith("/signin/?next=/") for answer in answers[:6])


def test_every_page_has_the_operator_and_the_cloud(site: Client, settings: Settings) -> None:
    settings.CLOUD_NAME = "Cloud <7>"
    response = site.get("/accounts/")

    assert "ada Entire cloud" in shown(response)
    assert "Cloud &lt;7&gt;" in response.content.decode()


# --- Headers and templates ----------------------------------------------------------------------
def test_every_answer_has_the_security_headers(site: Client) -> None:
    for url in (*PAGES, *PUBLIC):
        response = site.get(url)

        assert {name: response.get(name) for name in HEADERS} == HEADERS, url


def test_no_page_about_accounts_is_cached(site: Client) -> None:
    user = make_user()
    for url in ("/", "/accounts/", f"/accounts/{user.id}/", f"/accounts/{user.id}/unlock/"):
        assert "no-store" in site.get(url)["Cache-Control"]


@pytest.mark.parametrize(
    ("pattern", "emails"),
    [
        # Email programs have no content security policy of ours.
        (r"<style|<script(?![^>]*\ssrc=)|\sstyle\s*=|\son[a-z]+\s*=|javascript:", False),
        (r"https?://|[\"']//", True),
        (r"\|\s*safe|autoescape|safeseq|mark_safe", True),
    ],
    ids=["inline style or script", "other sites", "unescaped text"],
)
def test_no_template_has(
    pattern: str,
    emails: bool,  # noqa: FBT001 (a parameter of the table)
) -> None:
    checked = {
        path: text
        for path, text in TEMPLATES.items()
        if emails or not {"notices", "mail", "alerts"} & {*path.parts}
    }

    assert len(checked) > 40
    assert [str(path) for path, text in checked.items() if re.search(pattern, text, re.I)] == []


# --- Errors -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "term"),
    [
        ("/nowhere/", "This page doesn't exist"),
        ("/accounts/nobody/", "no account with this ID"),
        ("/accounts/nobody/unlock/", "no account with this ID"),
    ],
)
def test_a_page_that_is_not_found_offers_the_search(site: Client, url: str, term: str) -> None:
    response = site.get(url)

    assert response.status_code == 404
    assert term in shown(response)
    assert '<input id="q" name="q" type="search"' in response.content.decode()


@pytest.mark.parametrize(
    "user_id", ["%00", "..%2f..", "%F0%9F%92%A9", "a" * 2000, "%FF%FE", "'; DROP TABLE user;--"]
)
def test_an_impossible_id_is_not_found(site: Client, user_id: str) -> None:
    assert site.get(f"/accounts/{user_id}/").status_code == 404


def test_without_sign_in_a_page_that_is_not_found_offers_the_form(client: Client) -> None:
    response = client.get("/nowhere/")

    assert response.status_code == 404
    assert '<a href="/signin/">Sign in</a>' in response.content.decode()


@pytest.mark.parametrize(
    ("https", "headers", "term"),
    [
        (True, {}, "https://"),
        (True, {"X-Forwarded-Proto": "https", "Origin": "https://other.example"}, "Host header"),
        (False, {}, "cookies"),
    ],
)
def test_a_refused_form_names_the_cause(
    settings: Settings, https: bool, headers: dict[str, str], term: str
) -> None:
    settings.HTTPS = https
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    refused = Client(enforce_csrf_checks=True).post("/signin/", headers=headers)

    assert refused.status_code == 403
    assert term in refused.content.decode()


def test_a_form_needs_its_csrf_token(operator: Person) -> None:
    browser = Client(enforce_csrf_checks=True)
    fields = {"name": "ada", "password": operator.password, "domain": "Default"}
    refused = browser.post("/signin/", fields)
    token = re.search(
        r'name="csrfmiddlewaretoken" value="(\w+)"', str(browser.get("/signin/").content)
    )
    assert token
    accepted = browser.post("/signin/", {**fields, "csrfmiddlewaretoken": token[1]})

    assert refused.status_code == 403
    assert "Nothing was changed" in shown(refused)
    assert accepted.status_code == 302


def test_another_host_name_is_refused_without_a_traceback(client: Client) -> None:
    response = client.get("/signin/", headers={"Host": "evil.example"})

    assert response.status_code == 400
    assert "PCIOPS_ALLOWED_HOSTS" in shown(response)


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

    assert response.status_code == 413
    assert "too large" in shown(response)


# --- Scope --------------------------------------------------------------------------------------
def test_an_account_of_another_domain_is_not_found(shops: Client) -> None:
    url = f"/accounts/{make_user(domain_id='payments', failed_auth_count=3).id}/"
    fields = {"reason": "please", "identity": "callback", "seen": "3@"}

    for answer in (
        shops.get(url),
        shops.get(f"{url}unlock/"),
        shops.post(f"{url}unlock/", fields),
    ):
        assert answer.status_code == 404
        assert "no account with this ID" in shown(answer)
