"""HTTP sessions with Keystone's API; each call is logged with the id that Keystone gave it."""

from __future__ import annotations

import logging
import re
import time
import uuid
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from keystoneauth1 import exceptions, session

from pciops import __version__
from pciops.lib import logs

_REQUEST_ID: Final = re.compile(r"[\w-]{1,64}", re.ASCII)

log = logging.getLogger(__name__)


class KeystoneSession(session.Session):
    """A session of pciops; Keystone's log has our request ids as `global_request_id`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(app_name="pciops", app_version=__version__, **options)

    def request(self, url: str, method: str, *args: Any, **options: Any) -> requests.Response:
        if current := logs.request_id.get():
            number = uuid.UUID(current.removeprefix("req-"))
            options.setdefault("global_request_id", f"req-{number}")
        began = time.monotonic()
        try:
            response = super().request(url, method, *args, **options)
        except exceptions.HttpError as error:
            _log(method, url, error.http_status, error.response, began)
            raise
        _log(method, url, response.status_code, response, began)
        return response


def _log(
    method: str, url: str, status: int, response: requests.Response | None, began: float
) -> None:
    """Log a call, without its query, headers, and bodies, which may contain secrets."""
    path, seconds = urlsplit(url).path, round(time.monotonic() - began, 3)
    given = "" if response is None else response.headers.get("x-openstack-request-id", "")
    keystones = given if _REQUEST_ID.fullmatch(given) else ""
    # Its version is asked again and again, by probes and metrics.
    level = logging.DEBUG if path.rstrip("/").endswith("/v3") else logging.INFO
    log.log(
        level,
        "%s %s: %d in %.3f s, %s",
        *(method, path, status, seconds, keystones or "without an id of Keystone"),
        extra={
            "keystone_request_id": keystones or None,
            "method": method,
            "path": path,
            "status": status,
            "seconds": seconds,
        },
    )
