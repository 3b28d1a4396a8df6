"""Durations of requests and statements: kept by route and database, if there is a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import MiddlewareNotUsed
from django.db import connections
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse
from django.urls import resolve

from pciops.web.metrics import durations
from pciops.web.metrics.durations import DurationMiddleware


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder that does not exist yet, and no durations."""
    folder = tmp_path / "metrics"
    monkeypatch.setattr(durations, "FOLDER", str(folder))
    for histogram in (durations._requests, durations._statements):
        histogram.clear()
    yield folder
    connection_created.disconnect(durations._install)


def counts() -> dict[tuple[str, ...], float]:
    """Return how many durations were kept, by the values of labels."""
    return {
        tuple(sample.labels.values()): sample.value
        for histogram in (durations._requests, durations._statements)
        for metric in histogram.collect()
        for sample in metric.samples
        if sample.name.endswith("_count")
    }


def send(method: str, path: str, status: int) -> None:
    request = HttpRequest()
    request.method = method

    def view(request: HttpRequest) -> HttpResponse:
        if path != "/nowhere/":
            request.resolver_match = resolve(path)
        return HttpResponse(status=status)

    DurationMiddleware(view)(request)


def test_without_a_folder_nothing_is_kept() -> None:
    assert durations.FOLDER == ""
    with pytest.raises(MiddlewareNotUsed):
        DurationMiddleware(lambda request: HttpResponse())


def test_requests_are_kept_by_route_not_by_path(kept: Path) -> None:
    for user_id in ("ann", "bob"):
        send("GET", f"/accounts/{user_id}/", 200)
    send("GET", "/accounts/ann/", 404)
    send("BREW", "/nowhere/", 404)

    assert kept.stat().st_mode & 0o777 == 0o700
    assert counts() == {
        ("GET", "/accounts/<str:user_id>/", "2xx"): 2,
        ("GET", "/accounts/<str:user_id>/", "4xx"): 1,
        ("other", "unmatched", "4xx"): 1,
    }


@pytest.mark.django_db
def test_statements_are_kept_by_database(kept: Path) -> None:
    connection = connections["default"]
    for _ in range(2):  # a connection is used again
        durations._install(connection)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.execute_wrappers.remove(durations._time_statement)

    assert counts() == {("default",): 1}
