"""Tests of changing a user at Keystone's API: the request, and the exceptions."""

from __future__ import annotations

import socket
import threading

import pytest
from pytest_django import Settings

from pciops.keystone import client
from pciops.keystone.client import LostError, RefusedError, RejectedError, UnreachableError
from tests.keystone.answers import error
from tests.keystone.answers import server as server
from tests.keystone.server import Answer, Server


def update(user_id: str = "a1") -> None:
    client.update_user("a-token", user_id, {"enabled": True})


@pytest.fixture(autouse=True)
def _changed(server: Server) -> None:
    server.answer = Answer(body={"user": {"id": "a1"}})


def test_change_is_one_patch_with_the_token(server: Server) -> None:
    update()
    [request] = server.requests

    assert (request.method, request.path) == ("PATCH", "/v3/users/a1")
    assert request.headers["x-auth-token"] == "a-token"
    assert request.body == {"user": {"enabled": True}}


def test_invalid_token_is_an_exception(server: Server) -> None:
    server.answer = error(401, "no")

    with pytest.raises(RefusedError):
        update()


def test_id_is_quoted_in_the_url(server: Server) -> None:
    update("../roles/x?y")

    assert server.requests[0].path == "/v3/users/..%2Froles%2Fx%3Fy"


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_refused_change_is_an_exception_with_status_and_message(
    server: Server, status: int
) -> None:
    server.answer = error(status, "You may not.")
    with pytest.raises(RejectedError, match=r"^You may not\.$") as raised:
        update()

    assert raised.value.status == status


def test_message_is_one_line_and_limited(server: Server) -> None:
    server.answer = error(403, "a\x1b[2Jb\n" + "x" * 1000)
    with pytest.raises(RejectedError) as raised:
        update()

    assert str(raised.value).startswith("a\\x1b[2Jb\\nxxx")
    assert len(str(raised.value)) == 300


@pytest.mark.parametrize("body", ["<h1>Forbidden</h1>", {"error": "no"}, []])
def test_refusal_without_a_message_is_an_exception(server: Server, body: object) -> None:
    server.answer = Answer(status=403, body=body)

    with pytest.raises(RejectedError, match="no reason was given"):
        update()


def test_redirect_is_not_followed(server: Server) -> None:
    server.answer = Answer(status=302, headers={"Location": f"{server.url}/elsewhere"})
    with pytest.raises(RejectedError):
        update()

    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_error_may_have_changed_the_user(server: Server, status: int) -> None:
    server.answer = error(status, "oops")

    with pytest.raises(LostError, match=f"HTTP {status}"):
        update()


def test_late_answer_may_have_changed_the_user(server: Server, settings: Settings) -> None:
    settings.KEYSTONE_TIMEOUT = 0.1
    server.answer = Answer(after=0.5)

    with pytest.raises(LostError, match=r"no answer in 0\.1 s"):
        update()


def test_refused_connection_has_changed_nothing(settings: Settings) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.OS_AUTH_URL = f"http://127.0.0.1:{free.getsockname()[1]}/v3"

        with pytest.raises(UnreachableError, match="no connection"):
            update()


def test_broken_connection_may_have_changed_the_user(settings: Settings) -> None:
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


def test_log_and_exception_do_not_contain_the_token(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    server.answer = error(403, "no")
    with pytest.raises(RejectedError) as raised:
        update()

    assert "a-token" not in caplog.text + f"{raised.value!r} {raised.value.__cause__!r}"
