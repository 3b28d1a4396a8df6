"""Bodies of 10 MB: each form and each call of the API refuses them before it has read them."""

from __future__ import annotations

import io
from typing import Any, Final

import pytest

from pciops.keystone.models import User
from tests.factories import NOW, make_locked_user
from tests.fake_keystone import FakeKeystone
from tests.matrix.calls import CALLS, Caller, rolled_back
from tests.web.unlocking import failures

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

SIZE: Final = 10 * 1024 * 1024
PART: Final = b'--cut\r\nContent-Disposition: form-data; name="reason"%s\r\n\r\n'
MULTIPART: Final = "multipart/form-data; boundary=cut"
BODIES: Final = {  # the content type, and how the body begins
    "form": ("application/x-www-form-urlencoded", b"reason="),
    "field": (MULTIPART, PART % b""),
    "file": (MULTIPART, PART % b'; filename="report.pdf"'),
}
POSTS: Final = [call for call in CALLS if call.method == "POST"]


class Body(io.RawIOBase):
    """A body that knows how much of it was read."""

    def __init__(self, begin: bytes) -> None:
        self.begin = begin
        self.position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        number = min(len(buffer), SIZE - self.position)
        rest = self.begin[self.position : self.position + number]
        buffer[:number] = rest.ljust(number, b"x")
        self.position += number
        return number


@pytest.fixture
def admin(fake_keystone: FakeKeystone) -> Caller:
    """An administrator of the whole cloud."""
    return Caller.of(fake_keystone, "admin", "system")


@pytest.fixture
def user() -> User:
    return make_locked_user()


@pytest.mark.parametrize("kind", BODIES)
def test_large_body_is_refused_before_it_is_read(
    admin: Caller, user: User, subtests: pytest.Subtests, kind: str
) -> None:
    content_type, begin = BODIES[kind]
    for call in POSTS:
        body = Body(begin)
        large: dict[str, Any] = {
            "wsgi.input": body,
            "CONTENT_LENGTH": str(SIZE),
            "CONTENT_TYPE": content_type,
        }
        with subtests.test(call=str(call)), rolled_back():
            response = admin.send(call, user.id, check_csrf=True, **large)

            if call.status == 404 and call.is_api:  # there is no such route
                assert response.status_code == 404
            else:
                assert response.status_code == 413
                assert "too large" in response.content.decode()
            assert body.position < 200_000
            assert failures(user) == (3, NOW)
