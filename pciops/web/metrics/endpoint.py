"""`/metrics` for Prometheus, for listed addresses and holders of the token only."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.crypto import constant_time_compare
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from pciops.lib import networks
from pciops.signin.audit import source_address
from pciops.web.metrics import durations
from pciops.web.metrics.collector import DatabaseCollector

PATH = "/metrics"
REFUSED = (
    "Metrics are for the addresses in PCIOPS_METRICS_ADDRESSES and for requests with "
    "Authorization: Bearer and the token in PCIOPS_METRICS_TOKEN.\n"
)


class MetricsMiddleware:
    """Middleware that answers scrapes, which need no session and name the host by its address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info != PATH:
            return self.get_response(request)
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        response = metrics(request)
        response["Cache-Control"] = "no-store"
        return response


def metrics(request: HttpRequest) -> HttpResponse:
    """Answer all metrics in Prometheus' text format."""
    if not _may_read(request):
        status = HTTPStatus.UNAUTHORIZED if settings.METRICS_TOKEN else HTTPStatus.FORBIDDEN
        response = HttpResponse(REFUSED, content_type="text/plain; charset=utf-8", status=status)
        if settings.METRICS_TOKEN:
            response["WWW-Authenticate"] = 'Bearer realm="pciops metrics"'
        return response
    registry = CollectorRegistry()
    registry.register(DatabaseCollector())
    durations.register(registry)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _may_read(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if settings.METRICS_TOKEN and scheme.lower() == "bearer":
        return constant_time_compare(token.strip(), settings.METRICS_TOKEN)
    if "X-Forwarded-For" in request.headers and not settings.PROXIES:
        return False  # a proxy that is not counted: its address is not the client's
    return networks.contain(settings.METRICS_ADDRESSES, source_address(request))
