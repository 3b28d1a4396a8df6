"""The source address of a request."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def source(request: HttpRequest) -> str:
    """The client's IP address; behind PCIOPS_PROXIES proxies, what the outermost of them saw.

    Each proxy of ours appends the address it saw to X-Forwarded-For, so only that many entries
    from the right are true; whatever stands before them the client may have written itself.
    """
    chain = request.headers.get("X-Forwarded-For", "").split(",") if settings.PROXIES else []
    seen = chain[-settings.PROXIES :][0] if len(chain) >= settings.PROXIES > 0 else ""
    for candidate in (seen.strip(), request.META.get("REMOTE_ADDR", "")):
        try:
            return str(ipaddress.ip_address(candidate))
        except ValueError:
            continue
    return ""
