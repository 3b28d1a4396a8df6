"""A change of a user at Keystone's API: what is sent, and what its answers become."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from pciops.keystone import client
from pciops.keystone.client import LostError, RefusedError, RejectedError, UnreachableError
from tests.keystone.server import Answer, Server, served

USER = {"user": {"id": "a1"}}


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    """Keystone, as far as it is asked here."""
    with served() as running:
        settings.OS_AUTH_URL = running.url
        running.answer = Answer(body=USER)
        yield running


def update(user_id: str = "a1") -> None:
    client.update_user("a-token", user_id, {"enabled": True})


def said(status: int, message: str) -> Answer:
    """An error in Keystone's shape."""
    return Answer(status=status, body={"error": {"code": status, "message": message}})


def test_a_change_is_one_patch_with_the_token_given(server: Server) -> None:
    update()
    [request] = server.requests

    assert (request.method, request.path) == ("PATCH", "/v3/users/a1")
    assert request.headers["x-auth-token"] == "a-token"
    assert request.body == {"user": {"enabled": True}}


def test_an_id_stays_one_part_of_the_address(server: Server) -> None:
    update("../roles/x?y")

    assert server.requests[0].path == "/v3/users/..%2Froles%2Fx%3Fy"


def test_a_token_that_is_not_accepted_is_refused(server: Server) -> None:
    server.answer = said(401, "no")

    with pytest.raises(RefusedError):
        update()


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_what_keystone_does_not_do_is_said_in_its_words(server: Server, status: int) -> None:
    server.answer = said(status, "You may not.")
    with pytest.raises(RejectedError, match=r"^You may not\.$") as raised:
        update()

    assert raised.value.status == status


def test_keystones_words_are_one_line_of_a_fair_length(server: Server) -> None:
    server.answer = said(403, "a\x1b[2Jb\n" + "x" * 1000)
    with pytest.raises(RejectedError) as raised:
        update()

    assert str(raised.value).startswith("a\\x1b[2Jb\\nxxx")
    assert len(str(raised.value)) == 300


@pytest.mark.parametrize("body", ["<h1>Forbidden</h1>", {"error": "no"}, []])
def test_a_refusal_without_a_reason_is_one_all_the_same(server: Server, body: object) -> None:
    server.answer = Answer(status=403, body=body)

    with pytest.raises(RejectedError, match="no reason was given"):
        update()


def test_a_redirect_is_not_followed_with_the_token(server: Server) -> None:
    server.answer = Answer(status=302, headers={"Location": f"{server.url}/elsewhere"})
    with pytest.raises(RejectedError):
        update()

    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_after_an_error_of_the_server_nobody_knows(server: Server, status: int) -> None:
    server.answer = said(status, "oops")

    with pytest.raises(LostError, match=f"HTTP {status}"):
        update()


def test_after_too_long_a_wait_nobody_knows(server: Server, settings: Settings) -> None:
    settings.KEYSTONE_TIMEOUT = 0.1
    server.answer = Answer(body=USER, after=0.5)

    with pytest.raises(LostError, match=r"no answer in 0\.1 s"):
        update()


def test_without_a_connection_nothing_was_sent(settings: Settings) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.OS_AUTH_URL = f"http://127.0.0.1:{free.getsockname()[1]}/v3"

        with pytest.raises(UnreachableError, match="no connection"):
            update()


def test_a_connection_that_breaks_off_says_nothing(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        settings.OS_AUTH_URL = f"http://127.0.0.1:{listening.getsockname()[1]}/v3"
        settings.KEYSTONE_TIMEOUT = 5

        def hang_up() -> None:
            connection, _ = listening.accept()
            connection.recv(1)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(LostError, match="the connection broke"):
            update()
        thread.join()


def test_no_log_and_no_exception_holds_the_token(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    server.answer = said(403, "no")
    with pytest.raises(RejectedError) as raised:
        update()

    assert "a-token" not in caplog.text + f"{raised.value!r} {raised.value.__cause__!r}"
