"""What holds of every URL and API call alike: headers, forms of other sites, sizes, raw text."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from tests.factories import NOW, make_locked_user, new_id
from tests.fake_keystone import FakeKeystone
from tests.matrix.calls import CALLS, Call
from tests.matrix.test_matrix import caller
from tests.web.unlocking import failures

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

PAGES = [call for call in CALLS if not call.is_api]
FORMS = [call for call in PAGES if call.method == "POST"]
READS = [call for call in CALLS if call.method == "GET"]
POSTS = [call for call in CALLS if call.method == "POST"]
# Routes that look at no body.
UNREAD = {
    "signout/": {302},
    "signin/code/": {302},  # not without a password before
    "signin/password/": {302},
    "accounts/unlocks/<str:batch_id>/stop/": {404},
    "notices/sample/<str:kind>/": {302},
    "notices/digest/sample/": {302},
    "notices/<uuid:notice_id>/again/": {404},
    "reports/<str:week>/again/": {302},
    "api/v1/": {404},
    "api/v1/<path:rest>": {404},
}


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_each_answer_has_the_strict_headers(fake_keystone: FakeKeystone, call: Call) -> None:
    response = caller(fake_keystone, "admin", "system").send(call, new_id())
    policy = response["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("call", [call for call in CALLS if call.needs], ids=str)
def test_no_answer_about_accounts_is_kept_in_a_cache(
    fake_keystone: FakeKeystone, call: Call
) -> None:
    user = make_locked_user()
    response = caller(fake_keystone, "admin", "system").send(call, user.id)

    assert "no-store" in response.get("Cache-Control", "") or response.status_code in {302, 404}


@pytest.mark.parametrize("call", FORMS, ids=str)
def test_no_form_of_another_site_is_taken(fake_keystone: FakeKeystone, call: Call) -> None:
    user = make_locked_user()
    who = caller(fake_keystone, "admin", "system")
    who.browser.handler.enforce_csrf_checks = True

    assert who.send(call, user.id).status_code == 403
    assert failures(user) == (3, NOW)


@pytest.mark.parametrize("call", POSTS, ids=str)
def test_no_body_is_read_that_is_too_large(
    fake_keystone: FakeKeystone, settings: Settings, call: Call
) -> None:
    user = make_locked_user()
    who = caller(fake_keystone, "admin", "system")
    assert who.browser.session  # a form that signs in has more than ten bytes, too
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    status = who.send(call, user.id).status_code

    assert status in UNREAD.get(call.route, {400, 413})
    assert failures(user) == (3, NOW)


def test_the_largest_body_that_is_read_has_64_kib(settings: Settings) -> None:
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE == 65536


@pytest.mark.parametrize("name", ["q", "state", "format", "next"])
@pytest.mark.parametrize("call", READS, ids=str)
def test_no_header_is_made_of_raw_text(fake_keystone: FakeKeystone, call: Call, name: str) -> None:
    who = caller(fake_keystone, "admin", "system")
    response = who.send(call, new_id(), query=f"?{name}=%0d%0aSet-Cookie:%20evil=1%0d%0a")

    assert "evil" not in response.cookies
    assert [text for text in response.headers.values() if "\r" in text or "\n" in text] == []


@pytest.mark.parametrize("call", PAGES, ids=str)
def test_no_address_leads_to_another_site(fake_keystone: FakeKeystone, call: Call) -> None:
    who = caller(fake_keystone, "admin", "system")
    response = who.send(call, new_id(), query="?next=https://evil.example/&q=//evil.example/")

    assert response.get("Location", "/").startswith("/")
    assert not response.get("Location", "/").startswith("//")
