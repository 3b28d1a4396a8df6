"""Calls of Keystone's API in the log: with the id that Keystone gave them, and without secrets."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import pytest

from pciops.keystone import client
from pciops.lib import logs
from tests.fake_keystone import FakeKeystone
from tests.fake_keystone import fake_keystone as fake_keystone

OURS = "req-0b2e1f3a-1111-4222-8333-444455556666"


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="pciops")
    logs.request_id.set(OURS)
    yield
    logs.request_id.set("")


def test_each_call_is_logged_with_the_id_of_keystone(
    fake_keystone: FakeKeystone, caplog: pytest.LogCaptureFixture
) -> None:
    fake_keystone.person("ann")
    token = client.authenticate("ann", "right horse", "Default")
    client.validate(token.id)
    entries = [entry for entry in caplog.records if entry.name == "pciops.keystone.session"]
    found = [
        tuple(getattr(entry, name) for name in ("levelname", "method", "path", "status"))
        for entry in entries
    ]

    assert found == [
        ("INFO", "POST", "/v3/auth/tokens", 201),
        ("INFO", "GET", "/v3/auth/tokens", 200),
    ]
    assert {vars(entry)["keystone_request_id"] for entry in entries} == {fake_keystone.request_id}
    assert all(fake_keystone.request_id in entry.getMessage() for entry in entries)


def test_a_refused_call_is_logged_with_its_status(
    fake_keystone: FakeKeystone, caplog: pytest.LogCaptureFixture
) -> None:
    fake_keystone.person("ann")
    with pytest.raises(client.RefusedError):
        client.authenticate("ann", "wrong horse", "Default")

    assert "POST /v3/auth/tokens: 401 in 0.0" in caplog.text
    assert fake_keystone.request_id in caplog.text


def test_keystones_log_gets_our_id(fake_keystone: FakeKeystone) -> None:
    fake_keystone.person("ann")
    client.authenticate("ann", "right horse", "Default")
    logs.request_id.set(OURS.removeprefix("req-").replace("-", ""))
    client.authenticate("ann", "right horse", "Default")

    assert fake_keystone.global_request_ids == [OURS, OURS]


def test_without_a_request_keystone_gets_no_id(fake_keystone: FakeKeystone) -> None:
    logs.request_id.set("")
    client.ping()

    assert fake_keystone.global_request_ids == [""]


@pytest.mark.parametrize("given", ["", "<b>", "a b", "x" * 65, "\u202eevil"])
def test_an_id_that_is_none_is_not_logged(
    given: str, fake_keystone: FakeKeystone, caplog: pytest.LogCaptureFixture
) -> None:
    fake_keystone.request_id = given.encode().decode("latin-1")
    client.ping()
    [entry] = [entry for entry in caplog.records if entry.name == "pciops.keystone.session"]

    assert vars(entry)["keystone_request_id"] is None
    assert entry.getMessage().endswith("without an id of Keystone")


def test_passwords_codes_and_tokens_are_in_no_entry(
    fake_keystone: FakeKeystone, caplog: pytest.LogCaptureFixture
) -> None:
    fake_keystone.person("ann")
    for password in ("right horse", "wrong horse"):
        with contextlib.suppress(client.RefusedError):
            token = client.authenticate("ann", password, "Default")
    client.validate(token.id)
    client.update_user(token.id, token.user_id, {"enabled": False})
    client.revoke(token.id)

    assert len(caplog.records) >= 5
    assert all(
        secret not in repr(vars(entry))
        for entry in caplog.records
        for secret in ("horse", token.id)
    )
