"""Durations of requests and of database statements, in each process of the web server.

They are kept only if PROMETHEUS_MULTIPROC_DIR names a folder: the processes of a machine write
there, and the one that answers a scrape adds them up. Otherwise each scrape would see another one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import MiddlewareNotUsed
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from pciops.web.metrics.catalog import REQUESTS, STATEMENTS, MetricFamily

FOLDER: Final = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")  # of prometheus_client's own
UNMATCHED: Final = "unmatched"  # the route of a path that has none
METHODS: Final = frozenset({"GET", "HEAD", "POST"})  # all others are "other"


def _histogram(family: MetricFamily, *buckets: float) -> Histogram:
    return Histogram(family.name, family.help, family.labels, buckets=buckets, registry=None)


_requests = _histogram(REQUESTS, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_statements = _histogram(STATEMENTS, 0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 15)


class DurationMiddleware:
    """Middleware that keeps the durations, if there is a folder for them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not FOLDER:
            raise MiddlewareNotUsed
        Path(FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
        self.get_response = get_response
        connection_created.connect(_install)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        method = request.method if request.method in METHODS else "other"
        match = request.resolver_match
        route = f"/{match.route}" if match else UNMATCHED
        status = f"{response.status_code // 100}xx"
        _requests.labels(method, route, status).observe(time.perf_counter() - began)
        return response


def register(registry: CollectorRegistry) -> None:
    """Add the durations of all processes of this machine to a scrape."""
    if FOLDER:
        MultiProcessCollector(registry, path=FOLDER)  # type: ignore[no-untyped-call] # as it is published


def _install(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if _time_statement not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _time_statement)  # Django removes the last one


def _time_statement(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    began = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        alias = context["connection"].alias
        _statements.labels(alias).observe(time.perf_counter() - began)
