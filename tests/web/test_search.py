"""The search of every page: what it finds, in which order, and in whose scope."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from pciops.web.search import PAGES
from tests.audit.helpers import open_event
from tests.factories import make_account, make_ldap_user, make_locked_user, make_user
from tests.signin.visit import Response, shown
from tests.web.pages import account_names

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def found(site: Client, text: str) -> list[str]:
    """Return the names of the accounts that a search finds, the first on top."""
    names = account_names(site.get("/search/", {"q": text}))
    return [re.sub("</?mark>", "", name) for name in names]


@pytest.mark.parametrize("text", ["nova", "ID", "nova@example.test"])
def test_the_one_account_with_exactly_this_name_id_or_email_opens(site: Client, text: str) -> None:
    nova = make_locked_user("nova", email="nova@example.test")
    make_user("julia.novak")
    response = site.get("/search/", {"q": nova.id if text == "ID" else text})

    assert response.status_code == 302
    assert response["Location"] == f"/accounts/{nova.id}/"


def test_exact_names_come_first_then_those_that_begin_with_the_text(site: Client) -> None:
    make_user("julia.novak")
    make_user("nova-cell2", enabled=False)
    for domain in ("default", "shops"):
        make_user("nova", domain_id=domain)

    assert found(site, "nova") == ["nova", "nova", "nova-cell2", "julia.novak"]
    assert found(site, "nov") == ["nova", "nova", "nova-cell2", "julia.novak"]


def test_accounts_without_a_password_in_keystone_are_found(site: Client) -> None:
    make_ldap_user("lea")

    assert found(site, "le") == ["lea"]


def test_a_locked_account_can_be_unlocked_from_the_results(site: Client, auditor: Client) -> None:
    locked, other = make_locked_user("nova-1"), make_user("nova-2")
    page = site.get("/search/?q=nova").content.decode()

    assert f'href="/accounts/{locked.id}/unlock/"' in page
    assert f'href="/accounts/{other.id}/unlock/"' not in page
    assert "/unlock/" not in auditor.get("/search/?q=nova").content.decode()


def test_accounts_of_other_domains_are_not_found(shops: Client) -> None:
    make_user("ours-1", domain_id="shops")
    theirs = make_user("theirs", domain_id="payments")

    assert found(shops, "s") == ["ours-1"]
    for text in ("theirs", theirs.id):
        assert "Nothing matches" in text_of(shops, text)


def text_of(site: Client, text: str) -> str:
    return shown(site.get("/search/", {"q": text}))


@pytest.mark.parametrize(
    ("text", "title", "url"),
    [
        ("pol", "Policy", "/policy/"),
        ("Audit log", "Audit log", "/audit/"),
        ("what if", "Policy", "/policy/"),
    ],
)
def test_pages_are_found_by_their_words(site: Client, text: str, title: str, url: str) -> None:
    page = site.get("/search/", {"q": text}).content.decode()

    assert f'<a href="{url}">{title}</a>' in page


def test_every_page_that_is_found_exists(site: Client) -> None:
    for title, _, _, words in PAGES:
        page = site.get("/search/", {"q": words.split()[0]}).content.decode()
        links = re.findall(rf'<a href="([^"]*)">{title}</a>', page)

        assert [site.get(link).status_code for link in links] == [200]


def test_a_row_of_the_audit_log_is_found_by_its_id(site: Client, shops: Client) -> None:
    event = open_event(reason="INC-4711", account=make_account())

    assert "INC-4711" in text_of(site, event.id.upper())
    assert "Nothing matches" in text_of(shops, event.id)


@pytest.mark.parametrize("text", ["", "  ", "\0"])
def test_without_a_text_the_page_says_what_can_be_found(site: Client, text: str) -> None:
    assert "Enter a name, an email address or an ID" in text_of(site, text)


@pytest.mark.parametrize("text", ["<script>", "'; DROP TABLE user;--", "ﷺ" * 300, "%", "İ"])
def test_any_text_is_escaped_and_answered(site: Client, text: str) -> None:
    response: Response = site.get("/search/", {"q": text})

    assert response.status_code == 200
    assert "<script>" not in response.content.decode()


def test_what_matched_is_marked_and_escaped(site: Client) -> None:
    make_user("<b>NOVA</b>")

    assert "&lt;b&gt;<mark>NOVA</mark>&lt;/b&gt;" in site.get("/search/?q=nova").content.decode()


def test_every_page_has_the_search(site: Client) -> None:
    for url in ("/", "/accounts/", "/policy/", "/nowhere/"):
        assert 'action="/search/"' in site.get(url).content.decode()


def test_pages_have_the_titles_of_the_navigation(site: Client) -> None:
    content = site.get("/help/").content.decode()
    links = re.findall(r'<a class="(?:nav-link|menu-item)" href="([^"?]*)[^>]*>(.*?)</a>', content)
    titles = {url: re.sub(r"<[^>]*>", "", inner).strip() for url, inner in links}

    assert {title: titles.get(reverse(name)) for title, name, *_ in PAGES} == {
        title: title for title, *_ in PAGES
    }
