"""What holds for every URL and API call: CSRF, body sizes, redirects, and raw text in headers."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from pciops.keystone.models import User
from tests.factories import NOW, make_locked_user, new_id
from tests.fake_keystone import FakeKeystone
from tests.matrix.calls import CALLS, Caller, rolled_back
from tests.web.unlocking import failures

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

PAGES = [call for call in CALLS if not call.is_api]
READS = [call for call in CALLS if call.method == "GET"]


@pytest.fixture
def admin(fake_keystone: FakeKeystone) -> Caller:
    """An administrator of the whole cloud."""
    return Caller.of(fake_keystone, "admin", "system")


@pytest.fixture
def user() -> User:
    return make_locked_user()


def test_no_form_of_another_site_is_accepted(
    admin: Caller, user: User, subtests: pytest.Subtests
) -> None:
    for call in (call for call in PAGES if call.method == "POST"):
        with subtests.test(call=str(call)), rolled_back():
            assert admin.send(call, user.id, check_csrf=True).status_code == 403
            assert failures(user) == (3, NOW)


def test_the_largest_body_that_is_read_has_64_kib(settings: Settings) -> None:
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE == 65536


@pytest.mark.parametrize("name", ["q", "state", "format", "next"])
def test_no_header_contains_raw_text(admin: Caller, subtests: pytest.Subtests, name: str) -> None:
    for call in READS:
        with subtests.test(call=str(call)), rolled_back():
            query = f"?{name}=%0d%0aSet-Cookie:%20evil=1%0d%0a"
            response = admin.send(call, new_id(), query=query)

            assert "evil" not in response.cookies
            assert not any("\r" in text or "\n" in text for text in response.headers.values())


def test_no_redirect_leads_to_another_site(admin: Caller, subtests: pytest.Subtests) -> None:
    for call in PAGES:
        with subtests.test(call=str(call)), rolled_back():
            query = "?next=https://evil.example/&q=//evil.example/"
            location = admin.send(call, new_id(), query=query).get("Location", "/")

            assert location.startswith("/")
            assert not location.startswith("//")


def test_keystone_confirms_the_rights_for_each_file_report_and_act(
    admin: Caller, user: User, fake_keystone: FakeKeystone, subtests: pytest.Subtests
) -> None:
    """A page that forgets it would serve operators who lost their rights a minute ago."""
    for call in (call for call in PAGES if call.needs):
        with subtests.test(call=str(call)), rolled_back():
            before = fake_keystone.asked["GET /v3/auth/tokens"]
            response = admin.send(call, user.id)
            is_act = call.method == "POST" and response.status_code != 400
            is_file = "Content-Disposition" in response

            if is_act or is_file or call.route.startswith("reports/"):
                assert fake_keystone.asked["GET /v3/auth/tokens"] > before
