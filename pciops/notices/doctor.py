"""A check of mail: whether there is a server, and whether it can be reached."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final

from django.conf import settings

from pciops.lib.doctor import Finding, check, ok, problem, warning

PATIENCE: Final = 5  # seconds


@check("mail")
def mail() -> Iterator[Finding]:
    """The SMTP server takes a connection."""
    server = settings.MAIL_SERVER
    if server is None:
        yield warning(
            "No mail is sent: there is no server. Notices stay due.",
            "Set PCIOPS_EMAIL_URL and PCIOPS_MAIL_FROM.",
        )
        return
    if server.folder:
        yield ok(f"Mails become files in {server.folder}.")
        return
    try:
        socket.create_connection((server.host, server.port), timeout=PATIENCE).close()
    except OSError as error:
        yield problem(
            f"{server.host}:{server.port} takes no connection: {error.strerror or error}.",
            "Notices stay due until it does. Look at the server, or correct PCIOPS_EMAIL_URL.",
        )
    else:
        yield ok(f"{server.host}:{server.port} takes connections.")
