"""Tests of log entries, each of which is one line for any text."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponse
from gunicorn.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from pciops.lib import logs
from pciops.lib.gunicorn import Logger
from pciops.lib.logs import JsonFormatter, OneLineFormatter, RequestIdMiddleware, escape

ID = "req-0b2e1f3a-1111-4222-8333-444455556666"


def record(message: str, *args: object) -> logging.LogRecord:
    """Return a log record of a fixed time."""
    entry = logging.LogRecord("pciops.audit", logging.INFO, "", 0, message, args, None)
    entry.created = 1795356131.5
    return entry


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann", "ann"),
        ("Änne 李", "Änne 李"),
        ("ann\nERROR root forged", r"ann\nERROR root forged"),
        ("ann\r\n", r"ann\r\n"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\u202eevil", r"\u202eevil"),  # right-to-left override
        ("\u200fevil", r"\u200fevil"),  # right-to-left mark
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),  # line and paragraph separators
        ("\x85", r"\x85"),  # next line
        ("\0", r"\x00"),
        ("\ud800", r"\ud800"),  # half of a surrogate pair
        ("\U000e0041", r"\U000e0041"),  # an invisible tag
    ],
)
def test_unprintable_characters_are_escaped(text: str, expected: str) -> None:
    assert escape(text) == expected


@given(text=st.text(st.characters()))
@settings(deadline=None)
def test_entry_with_any_text_is_one_line(text: str) -> None:
    line = OneLineFormatter().format(record("%s was unlocked", text))

    assert line.isprintable()
    assert line.splitlines() == [line]


def test_line_has_time_level_logger_and_message() -> None:
    line = OneLineFormatter().format(record("unlock of %s", "ann"))

    assert line == "2026-11-22T14:02:11.500+00:00 INFO pciops.audit unlock of ann"


def test_traceback_keeps_its_lines() -> None:
    entry = record("failed")
    try:
        raise ValueError("broken")
    except ValueError:
        entry.exc_info = sys.exc_info()
    lines = OneLineFormatter().format(entry).splitlines()

    assert lines[1] == "Traceback (most recent call last):"


# --- The id of the request ----------------------------------------------------------------------
@pytest.fixture(autouse=True)
def _no_request() -> Iterator[None]:
    logs.request_id.set("")
    yield
    logs.request_id.set("")


def answer_to(given: str | None) -> tuple[str, HttpResponse]:
    """Return the id while a request is answered that came with this one, and the response."""
    seen = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(logs.request_id.get())
        return HttpResponse()

    request = HttpRequest()
    if given is not None:
        request.META["HTTP_X_REQUEST_ID"] = given
    response = RequestIdMiddleware(view)(request)
    return seen[0], response


@pytest.mark.parametrize(
    "given",
    [
        ID,
        ID.removeprefix("req-"),
        ID.removeprefix("req-").replace("-", ""),  # nginx
    ],
)
def test_the_id_of_a_proxy_is_kept_and_answered(given: str) -> None:
    seen, response = answer_to(given)

    assert seen == response["X-Request-ID"] == given


@pytest.mark.parametrize(
    "given",
    [None, "", "1", "ann", f"{ID}0", f"{ID}\n", ID.upper(), "g" * 32, "a" * 10_000, f"{ID}, {ID}"],
)
def test_what_does_not_look_like_an_id_is_replaced_by_a_new_one(given: str | None) -> None:
    seen, response = answer_to(given)

    assert seen == response["X-Request-ID"] != given
    assert logs._REQUEST_ID.fullmatch(seen)
    assert seen != answer_to(given)[0]


@pytest.mark.django_db  # Django looks after its connections at the end of a request
def test_the_id_is_in_entries_until_the_response_has_been_sent() -> None:
    answer_to(ID)
    entry = record("unlock of %s", "ann")
    assert OneLineFormatter().format(entry).endswith(f"pciops.audit [{ID}] unlock of ann")

    request_finished.send(sender=None)
    assert OneLineFormatter().format(entry).endswith("pciops.audit unlock of ann")


# --- JSON ---------------------------------------------------------------------------------------
@given(text=st.text(st.characters()))
@settings(deadline=None)
def test_entry_with_any_text_is_one_line_of_json(text: str) -> None:
    line = JsonFormatter().format(record("%s was unlocked", text))

    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == escape(f"{text} was unlocked")


def test_json_has_what_a_line_has_and_the_fields_of_the_entry() -> None:
    answer_to(ID)
    entry = record("GET %s", "/v3/users")
    entry.process, entry.status, entry.seconds, entry.password = 4711, 200, 0.25, "hunter2"

    assert json.loads(JsonFormatter().format(entry)) == {
        "time": "2026-11-22T14:02:11.500+00:00",
        "level": "INFO",
        "logger": "pciops.audit",
        "process": 4711,
        "request_id": ID,
        "message": "GET /v3/users",
        "status": 200,
        "seconds": 0.25,
    }


def test_json_has_the_traceback_in_the_same_line() -> None:
    entry = record("failed")
    try:
        raise ValueError("broken")
    except ValueError:
        entry.exc_info = sys.exc_info()
    [line] = JsonFormatter().format(entry).splitlines()

    assert json.loads(line)["exception"].endswith("ValueError: broken")
    assert json.loads(line)["request_id"] is None


# --- gunicorn -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("line", "form"),
    [("PCIOPS_LOG_FORMAT=json", JsonFormatter), ("", OneLineFormatter), ("junk", OneLineFormatter)],
)
def test_gunicorn_logs_in_the_form_that_the_file_of_settings_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, form: type
) -> None:
    (tmp_path / "pciops.env").write_text(f"{line}\n")
    monkeypatch.setenv("PCIOPS_ENV_FILE", str(tmp_path / "pciops.env"))
    monkeypatch.delenv("PCIOPS_LOG_FORMAT", raising=False)
    logger = Logger(Config())

    assert {type(handler.formatter) for handler in logger.error_log.handlers} == {form}
