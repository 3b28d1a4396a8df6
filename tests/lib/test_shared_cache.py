"""Tests of the cache of the whole site: shared by processes, and done without while it is away."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from django.core.cache import cache, caches
from django.core.cache.backends.locmem import LocMemCache
from pytest_django import Settings

from pciops.lib import doctor, shared_cache
from pciops.lib.caches import CacheServer
from pciops.lib.shared import shared
from tests.factories import NOW

KEY = ("locked", "default")


class Server(LocMemCache):
    """A server that can be away, and that counts what it is asked."""

    error: ClassVar[Exception | None] = None
    asked: ClassVar[int] = 0

    def _ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        Server.asked += 1
        if Server.error is not None:
            raise Server.error
        return getattr(super(), name)(*args, **kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("get", *args, **kwargs)

    def set(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("set", *args, **kwargs)

    def add(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("add", *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("delete", *args, **kwargs)


@pytest.fixture(autouse=True)
def _server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    config = {"BACKEND": f"{__name__}.Server", "LOCATION": "server"}
    settings.SHARED_SECONDS = 3
    settings.CACHES = {**settings.CACHES, "server": config}
    settings.CACHE_SERVER = CacheServer(
        config=config, hosts=("cache.example",), name="cache.example:6379", tls=True
    )
    monkeypatch.setattr(shared_cache, "_avoided_until", None)
    monkeypatch.setattr(Server, "error", None)
    monkeypatch.setattr(Server, "asked", 0)
    yield
    caches["server"].clear()


def reader(*values: str) -> Callable[[], str]:
    """Return a reading that returns these values in turn, and fails after the last."""
    rest = list(values)
    return lambda: rest.pop(0)


def test_value_is_shared_with_another_process() -> None:
    shared(KEY, reader("value"), now=NOW)
    cache.clear()  # as in another process

    assert shared(KEY, reader(), now=NOW).value == "value"


def test_names_and_values_on_the_server_are_of_this_installation_only(settings: Settings) -> None:
    shared(KEY, reader("value"), now=NOW)
    settings.SECRET_KEY = "of another installation, and as long as the real ones have to be"

    assert shared(KEY, reader("another"), now=NOW).value == "another"


@pytest.mark.parametrize(
    "forged",
    ["", "x", '["2026-11-22T12:00:00+00:00", "forged"]', pickle.dumps("x").decode("latin")],
)
def test_value_that_was_not_signed_here_is_read_again(
    monkeypatch: pytest.MonkeyPatch, forged: str
) -> None:
    shared(KEY, reader("value"), now=NOW)
    monkeypatch.setattr(Server, "get", lambda *_, **__: forged)

    assert shared(KEY, reader("true"), now=NOW).value == "true"


def test_outage_is_logged_once_and_each_process_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Server, "error", OSError("timed out"))
    caplog.set_level(logging.WARNING)
    first = shared(KEY, reader("value"), now=NOW)
    again = shared(KEY, reader(), now=NOW)

    assert [first.value, again.value] == ["value", "value"]
    assert Server.asked == 1
    assert [record.getMessage() for record in caplog.records] == [
        "The cache server cache.example:6379 does not answer (OSError: timed out). "
        "Until it does, each process reads on its own."
    ]


def test_server_is_asked_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shared_cache, "AVOIDED_FOR", 0)
    monkeypatch.setattr(Server, "error", OSError("timed out"))
    caplog.set_level(logging.WARNING)
    shared(KEY, reader("alone"), now=NOW)
    monkeypatch.setattr(Server, "error", None)
    value = shared(KEY, reader("together"), now=NOW).value

    assert value == "together"
    assert [record.getMessage().split()[-2] for record in caplog.records] == ["its", "answers"]


def test_doctor_says_whether_the_server_answers(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    results = [*doctor.cache()]
    monkeypatch.setattr(Server, "error", OSError("timed out"))
    results += doctor.cache()
    settings.CACHE_SERVER = None
    results += doctor.cache()

    assert [str(result.level) for result in results] == ["ok", "warning", "ok"]
    assert "OSError: timed out" in results[1].sentence
    assert "Each process" in results[2].sentence
